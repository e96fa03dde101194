"""CDS Hooks 2.0: when a clinician opens a patient, a card with the risk, and a link to the page behind it."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

import polars as pl
from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from xhaim.serve.accounts import User
from xhaim.serve.arrivals.folder import key_of
from xhaim.serve.arrivals.start import arrivals_of
from xhaim.serve.arrivals.view import Arrived
from xhaim.serve.clinic.place import served
from xhaim.serve.doors import cards, prefetch
from xhaim.serve.doors.answers import failures
from xhaim.serve.doors.card import Told, card_of
from xhaim.serve.doors.hook_types import PREFETCH, Call, Card, Cards, Feedback, Link, Reason, Service, Services, body_of
from xhaim.serve.doors.machines import Machine, Sent
from xhaim.serve.results import StoredRun
from xhaim.serve.security import HOOKS
from xhaim.source.fhir.json import UnreadableError, parse
from xhaim.task import Task

router = APIRouter(prefix=HOOKS, tags=["cds hooks"])
PREFIX = "xhaim-"
NO_SERVICE = "There is no such service."
T = TypeVar("T", bound=BaseModel)


@router.get("", responses=failures())
def discovery(request: Request, _: Machine) -> Services:
    """List the services: one for each task of the run."""
    run = served(request)
    said = " SIMULATED patients." if run.manifest["simulated"] else ""
    return Services(
        services=[
            Service(
                hook="patient-view",
                id=f"{PREFIX}{task.id}",
                title=task.title,
                description=f"{task.question}{said}",
                prefetch=PREFETCH,
            )
            for task in run.tasks
        ]
    )


@router.post(
    "/{service}",
    responses=failures(404, 412, 415),
    response_model_exclude_none=True,
    openapi_extra=body_of(Call),
)
async def patient_view(request: Request, user: Machine, service: str, body: Sent) -> Cards:
    """Return the card of a patient: the newest stored risk of the service's task; else that of what was prefetched."""
    task = _task(request, service)
    call = await run_in_threadpool(_read, Call, body)
    card = await run_in_threadpool(_stored, request, user, service, task, call.context.patientId)
    if card is None:
        card = await prefetch.card(request, user.login, service, task, call)
    return Cards(cards=[] if card is None else [card])


def _stored(request: Request, user: User, service: str, task: Task, patient_id: str) -> Card | None:
    """Return the card of a patient of the run or who arrived; ``None`` where there is none, or not for this user."""
    run, subject = _who(request, patient_id)
    row = _newest(run, task, subject, user) if subject is not None else None
    if row is None:
        return None
    shown = cards.Shown(str(uuid.uuid4()), service, task.id, row["sample_id"], row["subject_id"])
    told = {"task": shown.task_id, "sample": shown.sample_id, "card": shown.card}
    cards.keep(request.app.state.database, user.login, shown, told)
    values = {name: row[name] for name in ("risk", "abstains", "threshold", "prediction_time")}
    address = f"{request.base_url}patients/{row['sample_id']}/{task.id}"
    link = Link(label="The evidence", url=address, type="absolute")
    return card_of(task, Told(**values, simulated=bool(run.manifest["simulated"])), shown.card, link)


def _who(request: Request, patient_id: str) -> tuple[StoredRun, int | None]:
    """Return a patient's number, and the run that they are in: who arrived is asked for before the run's own."""
    run, arrivals = served(request), arrivals_of(request)
    view = arrivals.view(key_of(f"Patient/{patient_id}"), run) if arrivals is not None else None
    if view is not None:
        return view, view.subject_id
    return run, cards.subject_of(run, patient_id, numbered=request.app.state.settings.ids_are_subjects)


def _newest(run: StoredRun, task: Task, subject: int, user: User) -> dict[str, Any] | None:
    """Return the newest stored prediction of a patient; ``None`` where there is none, or not for this user."""
    if user.subjects is not None and subject not in user.subjects:
        return None
    mine = run.predictions.filter((pl.col("task_id") == task.id) & (pl.col("subject_id") == subject))
    if isinstance(run, Arrived):
        last = run.newest(task.id)
        mine = mine.filter(pl.col("sample_id") == (last.sample.sample_id if last is not None else ""))
    found = mine.sort("prediction_time", "sample_id", descending=True).head(1).to_dicts()
    return found[0] if found else None


@router.post("/{service}/feedback", responses=failures(404, 415), openapi_extra=body_of(Feedback))
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
    """Read a body by the rules of everything that is sent: depth, numbers, a key twice. Raises 422."""
    try:
        return kind.model_validate(parse(body))
    except UnreadableError as error:
        raise HTTPException(422, f"body: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100] or "body"
        raise HTTPException(422, f"{place}: {first['type'].replace('_', ' ')}") from None
