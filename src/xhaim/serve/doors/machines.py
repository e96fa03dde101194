"""What a program may send: JSON alone, from no other site's page, read only once its sender is known."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from xhaim.serve.access import allow
from xhaim.serve.accounts import User
from xhaim.serve.doors.origins import check_site

JSON_KINDS = ("application/json", "application/fhir+json")

Machine = Annotated[User, Depends(allow("clinician", csrf=False))]
"""Whoever sends; a page of another site cannot: its browser does not send JSON without asking, and is told no."""


async def sent(request: Request, _: Machine) -> bytes:
    """Return the body. Raises 401 and 403 before it is read, 415 for what is not said to be JSON, 413 by the guard."""
    check_site(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in JSON_KINDS:
        raise HTTPException(415, f"Send {' or '.join(JSON_KINDS)}.")
    return await request.body()


Sent = Annotated[bytes, Depends(sent)]
