"""FHIR in: a bundle of one patient gives a risk and its explanation; the training store is not touched."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from xhaim.errors import DataError, PrerequisiteError
from xhaim.run.apply import Applied
from xhaim.run.apply_bundle import MAX_BYTES
from xhaim.run.as_fhir import as_fhir
from xhaim.serve import audit
from xhaim.serve.doors.answers import LeftAnswer, PatientAnswer, PredictionAnswer, RefusedAnswer, failures
from xhaim.serve.doors.fhir_out import BUNDLE, FHIR_JSON, FhirResponse
from xhaim.serve.doors.machines import Machine
from xhaim.serve.doors.machines import Sent as SentBody
from xhaim.serve.doors.patients import BusyError, Ready, Sent, ready_of

router = APIRouter(prefix="/api/v1")
NO_ROOM = "This machine cannot write the patient's passing folder now: its disk may be full. Nothing was kept."
_REFERENCE = re.compile(r"Patient/[A-Za-z0-9.-]{1,64}")
_PERSON = {"type": "object", "properties": {"resourceType": {"const": "Patient"}}, "required": ["resourceType"]}
_PATIENT = {"type": "object", "properties": {"resource": _PERSON}, "required": ["resource"]}
_SENT = {
    "type": "object",
    "description": "FHIR R4 Bundle of one Patient",
    "properties": {
        "resourceType": {"const": "Bundle"},
        "entry": {"type": "array", "contains": _PATIENT, "minContains": 1, "maxContains": 1},
    },
    "required": ["resourceType", "entry"],
}


def ready(request: Request) -> Ready:
    """Return the models of the run that is served now."""
    return ready_of(request.app.state)


@router.post(
    "/fhir",
    response_model=PatientAnswer,
    responses={**failures(413, 415, 503), **BUNDLE},
    openapi_extra={"requestBody": {"required": True, "content": {FHIR_JSON: {"schema": _SENT}}}},
    tags=["fhir"],
)
async def patient(
    request: Request,
    user: Machine,
    body: SentBody,
    task: Annotated[list[str] | None, Query(max_length=20)] = None,
    at: Annotated[datetime | None, Query()] = None,
) -> Response:
    """Predict for the patient of a bundle, and explain; nothing of it is kept.

    ``task``: ids of the run's tasks, all unless said. ``at``: the prediction time, of the hospital's zone unless it
    names one; for a finding the latest that a film may be of. The answer is FHIR where ``Accept`` asks for it.
    """
    if len(body) > MAX_BYTES:
        raise HTTPException(413, f"More than {MAX_BYTES:,} bytes are not taken.")
    models = ready(request)
    known = [one.id for one in models.run.tasks]
    asked = list(dict.fromkeys(task or known))
    if not set(asked) <= set(known):
        raise HTTPException(422, f"The run answers these tasks: {', '.join(known)}.")
    fhir = FHIR_JSON in request.headers.get("accept", "")
    if fhir and len(asked) > 1:
        raise HTTPException(422, "Name one task: a bundle of FHIR tells one risk.")
    return await run_in_threadpool(_answer, request, user.login, models, body, asked, _local(at, models.zone), fhir)


def _answer(
    request: Request, login: str, models: Ready, body: bytes, tasks: list[str], at: datetime | None, fhir: bool
) -> Response:
    try:
        sent = models.apply(body, tasks, at)
    except PrerequisiteError:  # which says where things lie on this machine
        raise HTTPException(503, "The run's models cannot be asked: another version of xHAIM made it.") from None
    except BusyError:
        raise HTTPException(503, "Other patients are before this one: try again in a moment.") from None
    except OSError:  # a bundle names no file: it is the machine
        raise HTTPException(503, NO_ROOM) from None
    except DataError as error:
        expected = f" Expected: {error.expected}." if error.expected else ""
        raise HTTPException(422, f"{_sentence(error.what)}{expected}") from None
    if not sent.applied:
        raise HTTPException(422, " ".join(_sentence(reason) for _, reason in sent.refused))
    _write_down(request, login, body, sent)
    if not fhir:
        return Response(_plain(models, sent).model_dump_json(), media_type="application/json")
    one = sent.applied[0]
    assert one.explanation is not None  # noqa: S101  (it was asked for)
    found = as_fhir(one.explanation, one.record, models.run.manifest, models.zone)
    return FhirResponse(_of(sent.name, found))


def _write_down(request: Request, login: str, body: bytes, sent: Sent) -> None:
    """Write the audit row: which bundle, by its hash; the number of a patient who was sent is of no store of ours."""
    told = {
        "bundle": hashlib.sha256(body).hexdigest(),
        "patient": hashlib.sha256(sent.name.encode("utf-8", "replace")).hexdigest(),
        "tasks": [one.prediction.task_id for one in sent.applied],
    }
    audit.write(request.app.state.database, login, "api fhir", None, told)


def _plain(models: Ready, sent: Sent) -> PatientAnswer:
    return PatientAnswer(
        predictions=[_prediction(one, sent) for one in sent.applied],
        explanations=[one.explanation for one in sent.applied if one.explanation is not None],
        refused=[RefusedAnswer(task_id=task_id, reason=reason) for task_id, reason in sent.refused],
        left=[LeftAnswer(kind=one.kind, reason=one.reason, n=one.n) for one in sent.left],
    )


def _prediction(one: Applied, sent: Sent) -> PredictionAnswer:
    told, explained = one.prediction, one.explanation
    return PredictionAnswer(
        sample_id=told.sample_id,
        task_id=told.task_id,
        prediction_time=one.sample.prediction_time,
        risk=told.risk,
        low=told.low,
        high=told.high,
        abstains=told.outcomes == (0, 1),
        threshold=explained.threshold if explained is not None else None,
        base_rate=explained.base_rate if explained is not None else None,
        split=told.split,
        simulated=sent.simulated,
    )


def _of(name: str, bundle: dict[str, Any]) -> dict[str, Any]:
    """Let the assessment name the patient as the bundle did."""
    if _REFERENCE.fullmatch(name):
        bundle["entry"][0]["resource"]["subject"] = {"reference": name}
    return bundle


def _local(at: datetime | None, zone: str | None) -> datetime | None:
    """Return a time as the store of the patient will have it."""
    if at is None or at.tzinfo is None:
        return at
    try:
        return at.astimezone(ZoneInfo(zone or "UTC")).replace(tzinfo=None)
    except OverflowError:
        raise HTTPException(422, "at: a time beyond the first or the last year.") from None


def _sentence(what: str) -> str:
    return f"{what[:1].upper()}{what[1:]}."
