"""Pages of other sites that may ask for cards: CORS, as CDS Hooks asks for it, for origins that were named alone."""

from __future__ import annotations

from fastapi import Request
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from xhaim.serve.access import bearer, check_origin
from xhaim.serve.security import HOOKS


class Origins:
    """The middleware. No cookie is sent from another site's page: what asks there brings a token."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        """``origins``: as ``https://ehr.example``; none: pages of other sites are told nothing."""
        self._others: ASGIApp = app
        self._hooks: ASGIApp = app
        if origins:
            self._hooks = CORSMiddleware(
                app,
                allow_origins=origins,
                allow_methods=("GET", "POST"),
                allow_headers=("authorization", "content-type"),
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (self._hooks if _is_hook(scope) else self._others)(scope, receive, send)


def check_site(request: Request) -> None:
    """Raise 403 where another site's page sent this: unless its origin was named, it brings a token and asks a hook."""
    named = request.headers.get("origin") in request.app.state.settings.cds_origins
    if not (named and bearer(request) is not None and _is_hook(request.scope)):
        check_origin(request)


def _is_hook(scope: Scope) -> bool:
    return scope["type"] == "http" and f"{scope['path']}/".startswith(f"{HOOKS}/")
