"""Off to the other server and back: what both ways of logging in there share."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from xhaim.errors import BackendError
from xhaim.serve import audit
from xhaim.serve.accounts import User, user_of
from xhaim.serve.database import reading
from xhaim.serve.identities import login_of
from xhaim.serve.login import login_page, may_try
from xhaim.serve.sso.fetch import AnswerError
from xhaim.serve.sso.flows import MOST_S, Flow, Way
from xhaim.serve.sso.provider import Granted, Provider
from xhaim.serve.sso.start import Sso
from xhaim.serve.sso.tokens import Claims, TokenError

LOG = logging.getLogger("xhaim.serve")
FLOW = "xhaim_flow"
"""Cookie of a login under way: sent with the other server's redirect too (``SameSite=Lax``)."""
_REFUSED = frozenset({400, 401, 403})
"""What a token endpoint answers to a code that it does not take."""


class RefusedError(Exception):
    """Somebody is not let in."""

    def __init__(self, status: int, words: str, why: str, subject: str = "", more: str = "") -> None:
        self.status, self.words, self.more = status, words, more
        self.why = why
        """For the audit log."""
        self.subject = subject
        """Whom the other server named, in a token that was verified."""
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Back:
    """Somebody who came back, and is let in."""

    user: User
    flow: Flow
    granted: Granted


def elsewhere(request: Request) -> Response | None:
    """Lead to our own name a browser that asked by another one, where its cookies would not come back to."""
    sso: Sso = request.app.state.sso
    if request.app.state.settings.behind_tls or request.url.netloc.lower() == urlsplit(sso.here).netloc:
        return None
    return RedirectResponse(f"{sso.here}{request.url.path}?{request.url.query}", 303)


def may_begin(request: Request, way: Way) -> None:
    """Raise RefusedError where this address begins too many logins."""
    if not may_try(request, f"{way} begun"):
        raise RefusedError(429, "Too many attempts: wait a minute.", "too many")


def set_off(request: Request, provider: Provider, way: Way, after: str, scope: str, **more: str) -> Response:
    """Send the browser to the other server. Raises RefusedError where it is down."""
    sso: Sso = request.app.state.sso
    flow = sso.flows.begin(way, after)
    try:
        response = RedirectResponse(provider.question(flow, scope, **more), 303)
    except BackendError as error:
        raise down(provider, error) from None
    secure = request.app.state.settings.secure
    response.set_cookie(
        FLOW, flow.browser, max_age=MOST_S, httponly=True, samesite="lax", secure=secure, path=f"/{way}"
    )
    return response


def down(provider: Provider, error: BackendError) -> RefusedError:
    """Return that nobody can be let in, since the other server does not answer as it should; the log says how."""
    LOG.warning("%s: %s", urlsplit(provider.client.server).hostname, error.what)
    words = "The login server does not answer as it should: try again in a moment, or log in another way."
    return RefusedError(503, words, "down")


def come_back(request: Request, provider: Provider, way: Way) -> Back:
    """Return who the other server says came back. Raises RefusedError for anybody who is not let in."""
    if not may_try(request, f"{way} back"):
        raise RefusedError(429, "Too many attempts: wait a minute.", "too many")
    sso: Sso = request.app.state.sso
    query = request.query_params
    flow = sso.flows.end(way, query.get("state", "")[:200], request.cookies.get(FLOW, ""))
    if flow is None:
        raise RefusedError(400, "This login was begun in another browser, or too long ago: begin again.", "state")
    code = query.get("code", "")
    if "error" in query or not code:
        raise RefusedError(401, "The login server did not let you in.", "refused there")
    granted = _granted(provider, flow, code, query.get("iss"))
    return Back(_user(request, granted.claims), flow, granted)


def _granted(provider: Provider, flow: Flow, code: str, named: str | None) -> Granted:
    try:
        return provider.redeem(flow, code, named)
    except TokenError as error:
        words = "What the login server says of you cannot be trusted: nobody was logged in."
        raise RefusedError(401, words, f"token: {error}") from None
    except AnswerError as error:
        if error.status not in _REFUSED:
            raise down(provider, error) from None
        raise RefusedError(401, "The login server did not accept this login: begin again.", "code") from None
    except BackendError as error:
        raise down(provider, error) from None


def _user(request: Request, claims: Claims) -> User:
    database = request.app.state.database
    login = login_of(database, claims["iss"], claims)
    with reading(database) as connection:
        user = user_of(connection, login) if login is not None else None
    if user is None:
        raise RefusedError(
            403,
            "There is no account here for you, or it is locked.",
            "no account",
            str(claims["sub"]),
            f"The login server knows you as sub={claims['sub']}: whoever looks after this server needs that.",
        )
    return user


def refused_page(request: Request, way: Way, refused: RefusedError) -> Response:
    """Write down that somebody was not let in, and say so."""
    told = {"by": way, "why": refused.why} | ({"subject": refused.subject[:200]} if refused.subject else {})
    if refused.status != 429:
        audit.write(request.app.state.database, "nobody", "login refused", None, told)
    return login_page(request, refused.status, "/", refused.words, refused.more)
