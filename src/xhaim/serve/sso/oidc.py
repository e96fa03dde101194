"""Login by OpenID Connect: authorization code flow with PKCE, state and nonce (OpenID Connect Core 3.1)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from xhaim.serve.login import begin, led_on, place_after, with_session
from xhaim.serve.sso.entry import FLOW, RefusedError, come_back, elsewhere, may_begin, refused_page, set_off
from xhaim.serve.sso.provider import Provider

router = APIRouter(prefix="/oidc")
SCOPE = "openid email"
"""No more of a person than finds the account."""


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.sso.oidc
    if found is None:
        raise HTTPException(404, "No OpenID provider is set up here.")
    return found


@router.get("/login")
def login(request: Request, after: Annotated[str, Query(max_length=500)] = "/") -> Response:
    """Send the browser to the provider."""
    provider = _provider(request)
    try:
        may_begin(request, "oidc")
        return elsewhere(request) or set_off(request, provider, "oidc", after, SCOPE)
    except RefusedError as refused:
        return refused_page(request, "oidc", refused)


@router.get("/callback")
def callback(request: Request) -> Response:
    """Let in whom the provider vouches for, if there is an account."""
    provider = _provider(request)
    try:
        back = come_back(request, provider, "oidc")
    except RefusedError as refused:
        return refused_page(request, "oidc", refused)
    token = begin(request, back.user.login, "oidc")
    response = led_on(request, place_after(back.flow.after, back.user.role), "You are logged in", "Go on")
    response.delete_cookie(FLOW, path="/oidc")
    return with_session(request, response, token, "oidc")
