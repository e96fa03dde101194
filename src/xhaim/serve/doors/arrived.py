"""Data as it arrives: a patient is kept, predicted for, and shown on pages; a server without a folder keeps nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from xhaim.errors import DataError
from xhaim.serve import audit
from xhaim.serve.access import may_see, no_such_patient
from xhaim.serve.accounts import User
from xhaim.serve.arrivals.folder import KEY
from xhaim.serve.arrivals.start import Arrivals, arrivals_of
from xhaim.serve.arrivals.view import Arrived, number_of
from xhaim.serve.clinic.place import Clinician, served
from xhaim.serve.doors.answers import Answer, LeftAnswer, failures
from xhaim.serve.doors.fhir_out import FHIR_JSON
from xhaim.serve.doors.machines import Machine, Sent

router = APIRouter(prefix="/api/v1/arrivals", tags=["arrivals"])
NOT_WRITTEN_DOWN = "It was kept, but could not be written into the audit log: send it again."
OFF = "This server keeps nobody who arrives: it is for its operator to say so (xhaim serve --arrivals FOLDER)."
ONE = "/fhir/{kind}/{resource_id}"
_ANY = {"type": "object", "properties": {"resourceType": {"type": "string"}}, "required": ["resourceType"]}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {FHIR_JSON: {"schema": _ANY}}}}
Key = Annotated[str, Path(pattern=f"^{KEY.pattern}$")]


class ArrivedAnswer(Answer):
    """One patient who has arrived."""

    key: str
    """Made from what FHIR calls them; names their page."""
    subject_id: int
    """For lists of who may see whom; below zero."""
    page: str
    """Leads to their newest risk."""
    messages: int
    reading: bool
    """Messages have come that not every task was asked of yet."""
    latest: datetime | None
    """Local time of the last thing in their record."""
    samples: Mapping[str, str]
    """Task id -> the sample of its newest risk."""
    refused: Mapping[str, str]
    """Task id -> why it gives no risk."""
    future: int
    """Facts dated after this server's clock: not used until then."""
    left: list[LeftAnswer]
    """Resources that gave nothing."""
    fault: str
    """Why the last messages could not be read; empty where they were."""


@router.post("", status_code=202, responses=failures(404, 413, 415, 503), openapi_extra=_BODY)
async def take(request: Request, user: Machine, body: Sent) -> ArrivedAnswer:
    """Keep a FHIR R4 Bundle of one patient, or one resource, and predict for them soon; it is on the disk by now.

    The first message of a patient holds their Patient. A resource of the same type and id replaces the one before.
    """
    return await run_in_threadpool(_taken, request, user, body)


@router.put(ONE, status_code=202, responses=failures(404, 413, 415, 503), openapi_extra=_BODY)
@router.post(ONE, status_code=202, responses=failures(404, 413, 415, 503), openapi_extra=_BODY)
async def take_resource(
    request: Request,
    user: Machine,
    kind: Annotated[str, Path(pattern="^[A-Za-z]{1,64}$")],
    resource_id: Annotated[str, Path(pattern="^[A-Za-z0-9.-]{1,64}$")],
    body: Sent,
) -> ArrivedAnswer:
    """Keep one resource, as a FHIR subscription's rest-hook sends it."""
    return await run_in_threadpool(_taken, request, user, body, f"{kind}/{resource_id}")


def _taken(request: Request, user: User, body: bytes, name: str | None = None) -> ArrivedAnswer:
    arrivals = _on(request)
    try:
        patient = arrivals.desk.take(body, lambda subject: may_see(user, subject), name)
    except DataError as error:
        arrivals.desk.counted.count("refused")
        expected = f" Expected: {error.expected}." if error.expected else ""
        raise HTTPException(422, f"{error.what[:1].upper()}{error.what[1:]}.{expected}") from None
    except OSError:
        raise HTTPException(503, "The disk cannot be written, or is full. Nothing of this was kept.") from None
    told: audit.Shown = {"message": hashlib.sha256(body).hexdigest(), "number": patient.messages}
    try:
        audit.write(request.app.state.database, user.login, "arrived", number_of(patient.key), told)
    except SQLAlchemyError:
        raise HTTPException(503, NOT_WRITTEN_DOWN) from None
    return _told(_seen(request, user, patient.key))


@router.get("", responses=failures(404))
def everybody(request: Request, user: Clinician) -> list[ArrivedAnswer]:
    """List who has arrived, those whose records you may see, by key."""
    arrivals, run = _on(request), served(request)
    views = [arrivals.view(one.key, run) for one in arrivals.desk.patients()]
    mine = [one for one in views if one and (user.subjects is None or one.subject_id in user.subjects)]
    audit.write(request.app.state.database, user.login, "api arrivals", None, {"patients": [one.key for one in mine]})
    return [_told(one) for one in mine]


@router.get("/{key}", responses=failures(404))
def one(request: Request, user: Clinician, key: Key) -> ArrivedAnswer:
    """Tell what became of one patient's messages."""
    view = _seen(request, user, key)
    audit.write(request.app.state.database, user.login, "api arrival", view.subject_id, {"messages": view.messages})
    return _told(view)


@router.delete("/{key}", status_code=204, response_class=Response, responses=failures(404))
def forget(request: Request, user: Machine, key: Key) -> Response:
    """Remove all that was sent of a patient and all that was answered; what the audit log says of them stays."""
    view = _seen(request, user, key)
    audit.write(request.app.state.database, user.login, "arrival forgotten", view.subject_id, {"patient": key})
    _on(request).forget(key)
    return Response(status_code=204)


def _on(request: Request) -> Arrivals:
    arrivals = arrivals_of(request)
    if arrivals is None:
        raise HTTPException(404, OFF)
    return arrivals


def _seen(request: Request, user: User, key: str) -> Arrived:
    """Return a patient. Raises 403, one answer, for who is not there and for whom a user may not see."""
    may_see(user, number_of(key))
    view = _on(request).view(key, served(request))
    if view is None:
        raise no_such_patient()
    return view


def _told(view: Arrived) -> ArrivedAnswer:
    newest = {task.id: found for task in view.tasks if (found := view.newest(task.id)) is not None}
    return ArrivedAnswer(
        key=view.key,
        subject_id=view.subject_id,
        page=f"/arrivals/{view.key}",
        messages=view.messages,
        reading=view.state.read < view.messages,
        latest=view.state.latest,
        samples={task_id: one.sample.sample_id for task_id, one in newest.items()},
        refused=view.state.refused,
        future=view.state.future,
        left=[LeftAnswer(kind=one.kind, reason=one.reason, n=one.n) for one in view.state.left],
        fault=view.state.fault,
    )
