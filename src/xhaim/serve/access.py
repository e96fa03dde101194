"""Who may do what: sessions, roles, access to single patients, and that a form was ours.

Every route says who may use it with ``Depends(allow(...))``, or stands in ``PUBLIC``; the server does not start
otherwise (``undeclared``).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import Column, Engine, String, Table, delete, insert, select
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from xhaim.serve.accounts import LOCAL, ROLES, SESSIONS, Role, User, any_account, user_of
from xhaim.serve.database import METADATA, reading, writing

__all__ = ["PUBLIC", "ROLES", "Role", "User", "allow", "may_see", "no_such_patient"]

PUBLIC = frozenset(
    {"/login", "/healthz", "/readyz", "/metrics", "/oidc/login", "/oidc/callback", "/smart/launch", "/smart/callback"}
)
"""Routes that need no login: by these one logs in, or they tell of no patient; the files of ``/static`` neither."""
COOKIE = "xhaim_session"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
KEPT = Table(
    "kept_secrets", METADATA, Column("name", String(40), primary_key=True), Column("value", String(64), nullable=False)
)


class Allowed:
    """The dependency that ``allow`` returns."""

    def __init__(self, roles: tuple[Role, ...], *, csrf: bool) -> None:
        self.roles, self.csrf = roles, csrf

    async def __call__(self, request: Request) -> User:
        """Return who asks. Raises 401 without a login, 403 for another role, or where a form is not ours."""
        user = await run_in_threadpool(current_user, request)
        if user is None:
            raise HTTPException(401, "Log in first.")
        request.state.user = user
        if user.role != "admin" and user.role not in self.roles:
            raise HTTPException(403, "Your role does not include this.")
        if request.method not in SAFE and bearer(request) is None:  # no browser sends a bearer's token by itself
            check_origin(request)
            if self.csrf:
                await _check_form(request)
        return user


def allow(*roles: Role, csrf: bool = True) -> Allowed:
    """Return a dependency that lets in users of these roles, and admins, and gives the ``User``.

    ``csrf=False``: for doors of machines, which have no page of ours to take a form's token from; another site's page
    is refused there too. Machines log in by ``Authorization: Bearer TOKEN`` (``xhaim accounts token``).
    """
    if unknown := set(roles) - set(ROLES):
        raise ValueError(f"no such role: {sorted(unknown)}")
    return Allowed(roles, csrf=csrf)


def may_see(user: User, subject_id: int) -> None:
    """Raise 403 where a user may not see a patient's record."""
    if user.subjects is not None and subject_id not in user.subjects:
        raise no_such_patient()


def no_such_patient() -> HTTPException:
    """Return the one answer for a patient who is not there and for one whom a user may not see."""
    return HTTPException(403, "There is no such patient here, or you may not see their record.")


def current_user(request: Request) -> User | None:
    """Return who asks: by session or token; on a private server without accounts, whoever sits at the machine."""
    token = bearer(request) or request.cookies.get(COOKIE, "")
    with reading(request.app.state.database) as connection:
        if not any_account(connection):
            return User(LOCAL, "admin") if request.app.state.settings.private else None
        if not token:
            return None
        found = select(SESSIONS.c.login).where(
            SESSIONS.c.token == _digest(token), SESSIONS.c.expires > int(time.time())
        )
        login = connection.scalar(found)
        return user_of(connection, login) if login is not None else None


def bearer(request: Request) -> str | None:
    """Return the token that a machine sends; ``None``: none is sent."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def begin_session(database: Engine, login: str, hours: float) -> str:
    """Return the token of a new session; sessions that have ended are swept."""
    token, now = secrets.token_urlsafe(32), int(time.time())
    with writing(database) as connection:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.expires <= now))
        expires = now + int(hours * 3600)
        connection.execute(insert(SESSIONS).values(token=_digest(token), login=login, expires=expires))
    return token


def end_session(database: Engine, token: str) -> None:
    """End a session."""
    with writing(database) as connection:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.token == _digest(token)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


# ---- forms --------------------------------------------------------------------------------------------------


def form_key(database: Engine) -> bytes:
    """Return the key of the forms' tokens, made once: a page that was open when the server died can still be sent."""
    with writing(database) as connection:
        value = connection.scalar(select(KEPT.c.value).where(KEPT.c.name == "forms"))
        if value is None:
            value = secrets.token_hex(32)
            connection.execute(insert(KEPT).values(name="forms", value=value))
    return bytes.fromhex(value)


def csrf_token(request: Request) -> str:
    """Return the token of this session's forms."""
    session = request.cookies.get(COOKIE, "")
    digest: str = hmac.new(request.app.state.form_key, session.encode("utf-8", "replace"), "sha256").hexdigest()
    return digest


async def _check_form(request: Request) -> None:
    """Raise 403 unless the request brings the token of our pages, in a header or in the form."""
    sent: object = request.headers.get("x-csrf-token")
    form = ("application/x-www-form-urlencoded", "multipart/form-data")
    if sent is None and request.headers.get("content-type", "").startswith(form):
        sent = (await request.form()).get("csrf")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), csrf_token(request).encode()):
        raise HTTPException(403, "This form is out of date: go back, load the page again, and send it once more.")


def check_origin(request: Request) -> None:
    """Raise 403 where a browser says that another site's page sent this.

    Our pages send no referrer, so that the ``Origin`` of a plain form is ``null``; ``Sec-Fetch-Site`` then tells.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        ours = site in {"same-origin", "none"}
    else:
        ours = origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    if not ours:
        raise HTTPException(403, "Another site sent this request.")


# ---- that no route is forgotten -----------------------------------------------------------------------------


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """Yield every route of the application, of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from routes_of(router.routes)


def methods_at(routes: Iterable[BaseRoute], path: str) -> list[str]:
    """Return the methods that there are at a path, of all its routes."""
    return sorted({method for one in routes_of(routes) if one.path_regex.match(path) for method in one.methods or ()})


def declared(route: APIRoute) -> Allowed | None:
    """Return who may use a route, as it declares itself."""
    return _allowed_in(route.dependant)


def _allowed_in(dependant: Dependant) -> Allowed | None:
    for part in dependant.dependencies:
        found = part.call if isinstance(part.call, Allowed) else _allowed_in(part)
        if found is not None:
            return found
    return None


def undeclared(routes: Iterable[BaseRoute]) -> list[str]:
    """Return the routes that say neither who may use them nor that anybody may."""
    return sorted({one.path for one in routes_of(routes) if declared(one) is None and one.path not in PUBLIC})
