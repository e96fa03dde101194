"""What stands before every route: host names, sizes, rates, headers; and one line in the log without a patient."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from threading import Lock

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xhaim.serve.access import SAFE
from xhaim.serve.health import Counters
from xhaim.serve.settings import ServeSettings

LOG = logging.getLogger("xhaim.serve")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_MOST_KEYS = 10_000

Failure = Callable[[Request, int, str], Awaitable[Response]]
"""Makes the answer that tells of a failure: status, what happened."""


class Rates:
    """How often each key may come: ``per_minute`` at once, then as often as that each minute (a token bucket)."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str) -> bool:
        """Say whether a key may come now, and count it."""
        now = time.monotonic()
        with self._lock:
            left, since = self._left.pop(key, (float(self.per_minute), now))
            left = min(self.per_minute, left + (now - since) * self.per_minute / 60)
            self._left[key] = (max(left - 1, 0.0) if left >= 1 else left, now)
            if len(self._left) > _MOST_KEYS:
                self._left.popitem(last=False)
        return left >= 1


HOOKS = "/cds-services"


def is_door(path: str) -> bool:
    """Say whether programs ask there: they are answered in JSON, failures too, and may send much."""
    return path.startswith(("/api/", f"{HOOKS}/")) or path == HOOKS


class Guard:
    """The middleware around the application."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, counters: Counters, failure: Failure) -> None:
        self.app, self.settings, self.counters, self.failure = app, settings, counters, failure
        self.posts = Rates(settings.posts_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        answer = _Answer(scope, send, secure=self.settings.secure)
        try:
            refused = self._refused(scope)
            if refused is not None:
                await self._fail(scope, receive, answer, *refused)
            else:
                await self.app(scope, _limited(receive, self._most(scope)), answer)
        except Exception as error:
            place = _place(error)  # no traceback: it may quote a note
            LOG.error("%s %s failed: %s", scope["method"], _route(scope), place)  # noqa: TRY400
            if not answer.begun:
                await self._fail(scope, receive, answer, 500, "Something went wrong here, and was written down.")
        finally:
            took = time.perf_counter() - began
            self.counters.count(scope["method"], _route(scope), answer.status, took)
            LOG.info("%s %s %d %.0f ms", scope["method"], _route(scope), answer.status, 1000 * took)

    def _most(self, scope: Scope) -> int:
        """Return how many bytes a body may have."""
        return self.settings.max_bundle if is_door(scope["path"]) else self.settings.max_body

    async def _fail(self, scope: Scope, receive: Receive, answer: _Answer, status: int, what: str) -> None:
        response = await self.failure(Request(scope, receive), status, what)
        await response(scope, receive, answer)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        hosts = self.settings.allowed_hosts
        if hosts and host_name(headers.get("host", "")) not in hosts:
            return 400, "This server does not go by that name."
        size = headers.get("content-length", "0")
        if not (size.isascii() and size.isdigit()) or int(size[:20]) > self._most(scope):
            return 413, f"More than {self._most(scope):,} bytes are not taken."
        client = scope.get("client") or ("unknown", 0)
        if scope["method"] not in SAFE and not self.posts.take(str(client[0])):
            return 429, "Too many requests from here: wait a moment."
        return None


class _Answer:
    """Sends what the application answers, with our headers."""

    def __init__(self, scope: Scope, send: Send, *, secure: bool) -> None:
        self.scope, self.send, self.secure = scope, send, secure
        self.begun, self.status = False, 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers["cache-control"] = "no-cache" if self.scope["path"].startswith("/static/") else "no-store"
            if self.secure:
                headers["strict-transport-security"] = "max-age=31536000"
            if self.status in {429, 503}:
                headers["retry-after"] = "10"
        await self.send(message)


def _limited(receive: Receive, most: int) -> Receive:
    """Count a body as it comes: what is sent in chunks says no length beforehand."""
    got = 0

    async def counted() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            raise HTTPException(413, f"More than {most:,} bytes are not taken.")
        return message

    return counted


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _route(scope: Scope) -> str:
    """Return the pattern of the route, never the path: that may name a patient."""
    path = scope["path"]
    return "/static" if path.startswith("/static/") else str(getattr(scope.get("route"), "path", "no such page"))


def _place(error: BaseException) -> str:
    """Return the kind of a failure and where in the code it was, not what it says: that may quote a note."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{place}"
