"""Every route of login by another server."""

from __future__ import annotations

from fastapi import APIRouter

from xhaim.serve.sso import oidc, smart, smart_page

router = APIRouter()
for part in (oidc.router, smart.router, smart_page.router):
    router.include_router(part)
