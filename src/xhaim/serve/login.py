"""Logging in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from starlette.responses import RedirectResponse

from xhaim.serve import audit
from xhaim.serve.access import COOKIE, allow, begin_session, check_origin, end_session
from xhaim.serve.accounts import Role, User, accounts, check
from xhaim.serve.pages import HOMES, page
from xhaim.serve.sso.start import Sso

router = APIRouter()
Anybody = Annotated[User, Depends(allow("clinician", "annotator", "analyst"))]
WAY = "xhaim_way"
"""Cookie that says how one logged in, so that logging out leads there too."""


@router.get("/login")
def ask(request: Request) -> Response:
    """Ask for login and password."""
    return login_page(request, 200, "/")


def login_page(request: Request, status: int, after: str, wrong: str = "", more: str = "") -> Response:
    """Return the page that asks; ``after``: where to go then; ``wrong``, ``more``: what went wrong, and what to do."""
    sso: Sso = request.app.state.sso
    told = {"after": after, "wrong": wrong, "more": more, "ways": sso.ways(after), "only": sso.only}
    return page(request, "login.html.j2", status, **told)


@router.post("/login")
def enter(
    request: Request,
    login: Annotated[str, Form(max_length=80)],
    password: Annotated[str, Form(max_length=2000)],
    after: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Begin a session; wrong name and wrong password get one answer."""
    check_origin(request)
    state = request.app.state
    if state.sso.only:
        raise HTTPException(403, "Nobody logs in by a password here.")
    if not (may_try(request, "address") and state.logins.take(f"login {login}")):
        return login_page(request, 429, after, "Too many attempts: wait a minute.")
    if not check(state.database, login, password):
        told = {"by": "password"}
        audit.write(state.database, "nobody", "login refused", None, told)  # a password may be typed as the name
        return login_page(request, 401, after, "Login or password is wrong.")
    token = begin(request, login, "password")
    role = next(one.role for one in accounts(state.database) if one.login == login)
    return with_session(request, RedirectResponse(place_after(after, role), 303), token, "password")


def may_try(request: Request, what: str) -> bool:
    """Say whether this address may try now, and count it."""
    client = request.client.host if request.client else "unknown"
    allowed: bool = request.app.state.logins.take(f"{what} {client}")
    return allowed


def begin(request: Request, login: str, way: str) -> str:
    """Begin a session of an account, with its row of the audit log, and return its token."""
    state = request.app.state
    audit.write(state.database, login, "login", None, {"by": way})
    return begin_session(state.database, login, state.settings.session_hours)


def with_session(request: Request, response: Response, token: str, way: str) -> Response:
    """Give the browser its session: no script can read it, and no other site's page sends it."""
    settings = request.app.state.settings
    seconds = int(settings.session_hours * 3600)
    for name, value in ((COOKIE, token), (WAY, way)):
        response.set_cookie(
            name, value, max_age=seconds, httponly=True, samesite="strict", secure=settings.secure, path="/"
        )
    return response


def place_after(after: str, role: Role) -> str:
    """Return where to go after a login: a path of ours, or the first page of a role."""
    return (after if _inside(after) else "/") if after != "/" else HOMES[role]


def _inside(address: str) -> bool:
    """Say whether an address is a path of ours: one that begins with two slashes, of either kind, names a host."""
    return address.startswith("/") and address.isprintable() and not address.startswith(("//", "/\\"))


@router.post("/logout")
def leave(request: Request, user: Anybody) -> Response:
    """End the session; whoever logged in by an OpenID provider is led to its page for logging out."""
    end_session(request.app.state.database, request.cookies.get(COOKIE, ""))
    audit.write(request.app.state.database, user.login, "logout", None, {})
    sso: Sso = request.app.state.sso
    by_provider = sso.oidc is not None and request.cookies.get(WAY) == "oidc"
    there = sso.oidc.leaving(f"{sso.here}/login") if sso.oidc is not None and by_provider else None
    response: Response = RedirectResponse("/login", 303)
    if there is not None:
        response = led_on(request, there, "You are logged out here", "On to the page that logs you out there too")
    for name in (COOKIE, WAY):
        response.delete_cookie(name, path="/")
    return response


def led_on(request: Request, there: str, heading: str, words: str, note: str = "") -> Response:
    """Return a page that leads on by itself, but where there is something to read first.

    A redirect would not do: within one that began at another site, browsers send no strict cookie, and none may lead
    from a form to another site (``form-action``).
    """
    request.state.user = None
    return page(request, "led_on.html.j2", there=there, heading=heading, words=words, note=note)
