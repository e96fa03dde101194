"""A card of what a CDS client sent with its hook: the patient of no run is read, predicted for, and forgotten."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool

from xhaim.errors import DataError, PrerequisiteError
from xhaim.serve.doors import cards
from xhaim.serve.doors.card import Told, card_of
from xhaim.serve.doors.hook_types import PREFETCH, Call, Card
from xhaim.serve.doors.patients import BusyError, Ready, Sent, ready_of
from xhaim.task import Task

SECONDS = 5.0
"""How long a client is let wait: it shows its page without the card then."""
_HOOKS = ThreadPoolExecutor(2, thread_name_prefix="hooks")  # one patient at a time, and the next
NOT_THEIRS = "prefetch: not the record of the patient of the context"


async def card(request: Request, login: str, service: str, task: Task, call: Call) -> Card | None:
    """Return a card; ``None`` without a Patient, where the task gives no risk, or the models cannot be asked in time.

    What was begun and is late goes on to its end, and is dropped; what was not begun is not. Raises 412 for what is not
    the record of the context's patient.
    """
    if not isinstance((call.prefetch or {}).get("patient"), dict):
        return None
    work = _HOOKS.submit(_predicted, ready_of(request.app.state), task, call)
    try:
        made = await asyncio.wait_for(asyncio.wrap_future(work), SECONDS)
    except TimeoutError:
        return None
    if made is None or not made[1].applied:
        return None
    return await run_in_threadpool(_told, request, login, service, task, *made)


def _predicted(models: Ready, task: Task, call: Call) -> tuple[bytes, Sent] | None:
    body = _bundle(call)
    try:
        return body, models.apply(body, [task.id], None, wait=SECONDS)
    except (BusyError, PrerequisiteError, OSError):
        return None
    except DataError as error:
        raise HTTPException(412, f"prefetch: {error.what}") from None


def _bundle(call: Call) -> bytes:
    """Return what was prefetched as one bundle. Raises 412 where its patient is not the context's."""
    sent: dict[str, Any] = {name: one for name in PREFETCH if isinstance(one := (call.prefetch or {}).get(name), dict)}
    person = sent["patient"]
    if person.get("resourceType") != "Patient" or person.get("id") != call.context.patientId:
        raise HTTPException(412, NOT_THEIRS)
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in sent.values()]}).encode()


def _told(request: Request, login: str, service: str, task: Task, body: bytes, sent: Sent) -> Card:
    """Keep that a card was shown, by hashes of what was sent, and return it."""
    one = sent.applied[0]
    shown = cards.Shown(str(uuid.uuid4()), service, task.id, cards.SENT, None)
    told = {
        "task": task.id,
        "card": shown.card,
        "bundle": hashlib.sha256(body).hexdigest(),
        "patient": hashlib.sha256(sent.name.encode("utf-8", "replace")).hexdigest(),
    }
    cards.keep(request.app.state.database, login, shown, told)
    explained = one.explanation
    threshold = explained.threshold if explained is not None else None
    risk, when = one.prediction, one.sample.prediction_time
    return card_of(task, Told(risk.risk, risk.outcomes == (0, 1), threshold, when, sent.simulated), shown.card, None)
