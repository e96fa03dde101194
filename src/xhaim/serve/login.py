"""Logging in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.responses import RedirectResponse

from xhaim.serve import audit
from xhaim.serve.access import COOKIE, allow, begin_session, check_origin, end_session
from xhaim.serve.accounts import User, accounts, check
from xhaim.serve.pages import HOMES, page

router = APIRouter()
Anybody = Annotated[User, Depends(allow("clinician", "annotator", "analyst"))]


@router.get("/login")
def ask(request: Request) -> Response:
    """Ask for login and password."""
    return login_page(request, 200, "/")


def login_page(request: Request, status: int, after: str, wrong: str = "") -> Response:
    """Return the page that asks; ``after``: where to go then."""
    return page(request, "login.html.j2", status, after=after, wrong=wrong)


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
    client = request.client.host if request.client else "unknown"
    if not (state.logins.take(f"address {client}") and state.logins.take(f"login {login}")):
        return login_page(request, 429, after, "Too many attempts: wait a minute.")
    if not check(state.database, login, password):
        audit.write(state.database, "nobody", "login refused", None, {})  # a password may be typed as the name
        return login_page(request, 401, after, "Login or password is wrong.")
    audit.write(state.database, login, "login", None, {})
    token = begin_session(state.database, login, state.settings.session_hours)
    home = after if after != "/" else _home(request, login)
    response = RedirectResponse(home if _inside(home) else "/", 303)
    seconds = int(state.settings.session_hours * 3600)
    response.set_cookie(
        COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=state.settings.secure, path="/"
    )
    return response


def _home(request: Request, login: str) -> str:
    role = next(one.role for one in accounts(request.app.state.database) if one.login == login)
    return HOMES[role]


def _inside(address: str) -> bool:
    """Say whether an address is a path of ours: one that begins with two slashes, of either kind, names a host."""
    return address.startswith("/") and address.isprintable() and not address.startswith(("//", "/\\"))


@router.post("/logout")
def leave(request: Request, user: Anybody) -> Response:
    """End the session."""
    end_session(request.app.state.database, request.cookies.get(COOKIE, ""))
    audit.write(request.app.state.database, user.login, "logout", None, {})
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/")
    return response
