"""Every door: each says who may open it, and writes down which patient was shown."""

from __future__ import annotations

from fastapi import APIRouter

from xhaim.serve.doors import document

router = APIRouter()
for part in (*document.PARTS, document.router):
    router.include_router(part)
