"""What was made of a patient whom a launch named and the run does not hold: shown for some minutes, to who launched."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from xhaim.evaluate.page import samples
from xhaim.run.apply import Applied
from xhaim.serve import audit
from xhaim.serve.access import no_such_patient
from xhaim.serve.clinic.place import Clinician, served
from xhaim.serve.pages import page
from xhaim.serve.sso.opened import MINUTES, OPENED, Launched

router = APIRouter(prefix="/smart/patients")


@router.get("/{key}")
def patient(
    request: Request, user: Clinician, key: str, task: Annotated[str | None, Query(max_length=200)] = None
) -> Response:
    """Show the risk and its explanation, by one task at a time."""
    launched = OPENED.get(user.login, key)
    if launched is None:
        raise no_such_patient()
    found = {one.prediction.task_id: one for one in launched.sent.applied}
    shown = found.get(task or next(iter(found)))
    if shown is None:
        raise no_such_patient()
    told = {"patient": launched.patient, "task": shown.prediction.task_id}
    audit.write(request.app.state.database, user.login, "smart page", None, told)
    return page(request, "clinic/launched.html.j2", active="", key=key, **_view(request, launched, shown))


def _view(request: Request, launched: Launched, shown: Applied) -> dict[str, Any]:
    run = served(request)
    tasks = {task.id: task for task in run.tasks}
    explained, task_id, sample_id = shown.explanation, shown.prediction.task_id, shown.sample.sample_id
    if explained is None or task_id not in tasks:  # the run was replaced meanwhile
        raise no_such_patient()
    header = replace(run.header, simulated=launched.sent.simulated)
    written = {(sample_id, task_id): tuple(shown.summaries.values())}
    view = samples(header, [tasks[task_id]], [explained], {sample_id: shown.record}, written)[0]
    return {
        "header": header,
        "view": view,
        "who": launched.sent.name.replace("/", " ", 1) or "A patient of the health record",
        "item": view.explanations[0],
        "tabs": [(one.prediction.task_id, tasks[one.prediction.task_id].title) for one in launched.sent.applied],
        "refused": [_named(tasks[name].title, why) for name, why in launched.sent.refused if name in tasks],
        "left": launched.sent.left,
        "remarks": launched.remarks,
        "task_id": task_id,
        "minutes": MINUTES,
    }


def _named(title: str, why: str) -> str:
    """Say of which task it is that there is no risk; some reasons do themselves."""
    return why if why.startswith(f"{title}:") else f"{title}: {why}"
