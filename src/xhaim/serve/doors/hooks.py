"""CDS Hooks 2.0: when a clinician opens a patient, a card with the stored risk, and a link to the page behind it."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

import polars as pl
from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ValidationError

from xhaim.evaluate.wording import percent, share
from xhaim.serve.accounts import User
from xhaim.serve.clinic.place import served
from xhaim.serve.doors import cards
from xhaim.serve.doors.answers import failures
from xhaim.serve.doors.hook_types import (
    MOST_SUMMARY,
    Call,
    Card,
    Cards,
    Feedback,
    Link,
    Reason,
    Service,
    Services,
    Source,
    body_of,
)
from xhaim.serve.doors.machines import Machine, Sent
from xhaim.serve.results import StoredRun
from xhaim.task import Task

router = APIRouter(prefix="/cds-services", tags=["cds hooks"])
PREFIX = "xhaim-"
NO_SERVICE = "There is no such service."
LABEL = "xHAIM: research software, not a medical device"
T = TypeVar("T", bound=BaseModel)


@router.get("", responses=failures())
def discovery(request: Request, _: Machine) -> Services:
    """List the services: one for each task of the run."""
    run = served(request)
    said = " SIMULATED patients." if run.manifest["simulated"] else ""
    return Services(
        services=[
            Service(
                hook="patient-view", id=f"{PREFIX}{task.id}", title=task.title, description=f"{task.question}{said}"
            )
            for task in run.tasks
        ]
    )


@router.post("/{service}", responses=failures(404, 413, 415), openapi_extra=body_of(Call))
def patient_view(request: Request, user: Machine, service: str, body: Sent) -> Cards:
    """Return the card of a patient: the newest stored risk of the service's task."""
    run, task = served(request), _task(request, service)
    call = _read(Call, body)
    subject = cards.subject_of(run, call.context.patientId)
    row = _newest(run, task, subject, user) if subject is not None else None
    if row is None:
        return Cards(cards=[])
    shown = cards.Shown(str(uuid.uuid4()), service, task.id, row["sample_id"], row["subject_id"])
    cards.keep(request.app.state.database, user.login, shown)
    return Cards(cards=[_card(request, run, task, row, shown.card)])


def _newest(run: StoredRun, task: Task, subject: int, user: User) -> dict[str, Any] | None:
    """Return the newest stored prediction of a patient; ``None`` where there is none, or not for this user."""
    if user.subjects is not None and subject not in user.subjects:
        return None
    mine = run.predictions.filter((pl.col("task_id") == task.id) & (pl.col("subject_id") == subject))
    found = mine.sort("prediction_time", "sample_id", descending=True).head(1).to_dicts()
    return found[0] if found else None


def _card(request: Request, run: StoredRun, task: Task, row: dict[str, Any], card: str) -> Card:
    above = row["threshold"] is not None and row["risk"] >= row["threshold"] and not row["abstains"]
    side = "no operating point"
    if row["threshold"] is not None:
        side = f"{'at or above' if row['risk'] >= row['threshold'] else 'below'} the operating point"
        side += f" of {share(row['threshold'])}"
    side = "the model abstains" if row["abstains"] else side
    stamp = "SIMULATED. " if run.manifest["simulated"] else ""
    rest = f": {percent(row['risk'])}, {side}"
    title = task.title[: MOST_SUMMARY - len(stamp) - len(rest)]
    when = f"{row['prediction_time']:%Y-%m-%d %H:%M}"
    return Card(
        uuid=card,
        summary=f"{stamp}{title}{rest}",
        detail=f"Predicted at {when}, of what was known before then. The evidence for and against it is on the page.",
        indicator="warning" if above else "info",
        source=Source(label=LABEL),
        links=[
            Link(
                label="The evidence",
                url=f"{request.base_url}patients/{row['sample_id']}/{task.id}",
                type="absolute",
            )
        ],
    )


@router.post("/{service}/feedback", responses=failures(404, 413, 415), openapi_extra=body_of(Feedback))
def feedback(request: Request, user: Machine, service: str, body: Sent) -> dict[str, str]:
    """Keep what became of cards: all of it, or, where one of them was never shown, nothing."""
    _task(request, service)
    said = [
        cards.Said(str(one.card), one.outcome, _code(one.overrideReason), _words(one.overrideReason))
        for one in _read(Feedback, body).feedback
    ]
    if not cards.say(request.app.state.database, user, service, said):
        raise HTTPException(404, "There is no such card.")
    return {}


def _code(reason: Reason | None) -> str:
    code = (reason.reason or {}).get("code", "") if reason is not None else ""
    return code[:200] if isinstance(code, str) else ""


def _words(reason: Reason | None) -> str:
    return reason.userComment if reason is not None else ""


def _task(request: Request, service: str) -> Task:
    found = served(request).task(service.removeprefix(PREFIX)) if service.startswith(PREFIX) else None
    if found is None:
        raise HTTPException(404, NO_SERVICE)
    return found


def _read(kind: type[T], body: bytes) -> T:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100] or "body"
        raise HTTPException(422, f"{place}: {first['type'].replace('_', ' ')}") from None
