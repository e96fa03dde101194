"""The OpenAPI document of the doors, made from their types."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

from xhaim import __version__
from xhaim.serve.access import COOKIE, routes_of
from xhaim.serve.clinic.place import Clinician
from xhaim.serve.doors import arrived, hooks, posted, reading
from xhaim.serve.doors.answers import failures

router = APIRouter(prefix="/api/v1")
LOCAL_TIME = {
    "type": "string",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?$",
    "description": "Local time of the store, without a zone.",
}
SECURITY = {
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Of a login, by POST /login."},
    "token": {"type": "http", "scheme": "bearer", "description": "Of an account: xhaim accounts token."},
}
PARTS = (reading.router, posted.router, arrived.router, hooks.router)


@router.get("/openapi.json", responses=failures(), tags=["run"])
def openapi(_: Clinician) -> dict[str, Any]:
    """Return this document."""
    return document()


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every door."""
    routes = [route for part in (*PARTS, router) for route in routes_of(part.routes)]
    made = get_openapi(
        title="xHAIM",
        version=__version__,
        description="Calibrated risks and their explanations. Research software, not a medical device.",
        routes=routes,
    )
    parts = _local(made.setdefault("components", {}))
    parts["securitySchemes"] = SECURITY
    made["security"] = [{name: []} for name in SECURITY]
    for methods in made["paths"].values():
        for method, one in methods.items():  # a route of two methods has one name, and a document none twice
            one["operationId"] = f"{one['operationId'].rpartition('_')[0]}_{method}"
    return {**made, "components": parts}


def _local(value: Any) -> Any:  # noqa: ANN401
    """Say of every time of an answer that it has no zone: ``date-time`` would promise one."""
    if isinstance(value, dict):
        if value.get("format") == "date-time":
            return {**{key: one for key, one in value.items() if key != "format"}, **LOCAL_TIME}
        return {key: _local(one) for key, one in value.items()}
    return [_local(one) for one in value] if isinstance(value, list) else value
