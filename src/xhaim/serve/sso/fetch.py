"""What is asked of another server: within a time and a size; no redirect, nor a proxy of the environment."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote_plus

from xhaim.errors import BackendError, PrerequisiteError
from xhaim.serve.sso.client import Client, is_safe
from xhaim.source.fhir.json import UnreadableError, parse

INSTALL = "pip install 'xhaim[oidc]'"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one answer may take."""

    seconds: float = 10.0
    most_bytes: int = 1_000_000


class AnswerError(BackendError):
    """The other server answered, but not with what was asked for."""

    def __init__(self, what: str, status: int | None = None) -> None:
        self.status = status
        """HTTP status; ``None``: the answer itself is at fault."""
        super().__init__(what)


def need_packages() -> None:
    """Raise PrerequisiteError where what login by another server needs is not installed."""
    try:
        import cryptography  # noqa: F401
        import httpx2  # noqa: F401
        import jwt  # noqa: F401
    except ImportError as error:
        raise PrerequisiteError(
            "login by another server needs packages that are not installed", got=str(error), do=INSTALL
        ) from None


@cache
def _http() -> Any:  # noqa: ANN401  (httpx2.Client, imported only where another server is asked)
    import httpx2

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # its lines hold addresses, and these name patients
    return httpx2.Client(trust_env=False, follow_redirects=False)


def get(address: str, kind: str, token: str, limits: Limits) -> bytes:
    """Return what lies at an address. ``kind``: the media type that is asked for; ``token``: sent as a bearer's.

    Raises AnswerError, which quotes nothing of the answer, for another status than 200 and for too many bytes;
    BackendError where nothing answers within the time.
    """
    headers = {"accept": kind} | ({"authorization": f"Bearer {token}"} if token else {})
    return _ask("GET", address, headers, None, limits)


def get_json(address: str) -> Any:  # noqa: ANN401  (any JSON)
    """Return the JSON at an address. Raises as ``get``, and AnswerError for what is no JSON."""
    return json_of(get(address, "application/json", "", Limits()))


def post_form(client: Client, address: str, form: Mapping[str, str], *, basic: bool) -> Any:  # noqa: ANN401
    """Return the JSON answer to a form, sent as this client. ``basic``: its secret in the header, not in the form."""
    headers, sent = {"accept": "application/json"}, dict(form)
    if client.secret and basic:  # each part form-encoded first (RFC 6749, 2.3.1)
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        sent |= {"client_id": client.client_id} | ({"client_secret": client.secret} if client.secret else {})
    return json_of(_ask("POST", address, headers, sent, Limits()))


def json_of(body: bytes) -> Any:  # noqa: ANN401
    """Return the JSON that somebody answered. Raises AnswerError."""
    try:
        return parse(body)
    except UnreadableError:
        raise AnswerError("the other server answered with what is no JSON") from None


def _ask(
    method: str, address: str, headers: Mapping[str, str], form: Mapping[str, str] | None, limits: Limits
) -> bytes:
    if not is_safe(address):
        raise AnswerError("the other server named an address that nothing is asked of")
    import httpx2

    deadline = time.monotonic() + limits.seconds
    wanted = {**headers, "accept-encoding": "identity"}  # no small answer that becomes a large one
    try:
        with _http().stream(method, address, headers=wanted, data=form, timeout=min(limits.seconds, 5.0)) as answer:
            return _body(answer, deadline, limits.most_bytes)
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError):
        raise BackendError("the other server does not answer") from None


def _body(answer: Any, deadline: float, most: int) -> bytes:  # noqa: ANN401  (httpx2.Response)
    if answer.status_code != 200:
        raise AnswerError(f"the other server answered {answer.status_code}", answer.status_code)
    body = bytearray()
    for part in answer.iter_raw():  # as it comes: a server that drips must meet the deadline
        body += part
        if len(body) > most:
            raise AnswerError("the other server's answer is too large")
        if time.monotonic() > deadline:
            raise BackendError("the other server's answer takes too long")
    return bytes(body)
