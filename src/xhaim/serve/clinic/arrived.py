"""Pages of patients who arrived: the way to the newest risk, what became of what was sent, whether there is more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import JSONResponse, RedirectResponse

from xhaim.evaluate.wording import moment, percent
from xhaim.serve import audit
from xhaim.serve.access import may_see, no_such_patient
from xhaim.serve.accounts import User
from xhaim.serve.arrivals.start import arrivals_of
from xhaim.serve.arrivals.view import Arrived, number_of
from xhaim.serve.clinic.place import Clinician, Place, address_of, served
from xhaim.serve.clinic.stay_plot import StayPlot, stay_plot
from xhaim.serve.clinic.stay_risk import Step
from xhaim.serve.pages import page

router = APIRouter(prefix="/arrivals/{key}")
TRENDED = 60
"""Risks of the trend at most; the newest."""
Asked = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class ArrivedView:
    """What a page says of how a patient's data arrived."""

    key: str
    task_id: str
    version: str
    """Of what the page shows: another one is newer."""
    messages: int
    until: str
    """The last thing in the record; empty where nothing is dated."""
    reading: bool
    newest: str
    """Where the newest risk is; empty on its own page."""
    future: int
    left: int
    refused: str
    """Why the newest data gives no risk of the task; empty where it does."""
    fault: str
    trend: StayPlot | None
    """Of more than one risk."""


def arrived_view(place: Place) -> ArrivedView | None:
    """Return what a patient's page says of it; ``None`` for a patient of the run's own."""
    return _view(place.run, place.task.id, place.sample.sample_id) if isinstance(place.run, Arrived) else None


def _view(view: Arrived, task_id: str, shown: str) -> ArrivedView:
    newest = view.newest(task_id)
    state = view.state
    address = address_of(newest.sample.sample_id, task_id) if newest is not None else ""
    return ArrivedView(
        key=view.key,
        task_id=task_id,
        version=version(view, task_id),
        messages=view.messages,
        until=moment(state.latest) if state.latest is not None else "",
        reading=view.reads(task_id),
        newest=address if newest is not None and newest.sample.sample_id != shown else "",
        future=state.future,
        left=sum(one.n for one in state.left),
        refused=state.refused.get(task_id, ""),
        fault=state.fault,
        trend=_trend(view, task_id),
    )


def version(view: Arrived, task_id: str) -> str:
    """Return a name for what is known of a patient and task, which changes when that does."""
    newest = view.newest(task_id)
    return f"{newest.message if newest else 0}.{view.state.read}.{int(bool(view.state.fault))}"


def _trend(view: Arrived, task_id: str) -> StayPlot | None:
    """Return the risks so far, of each prediction time the last."""
    told = {one.sample.prediction_time: one for one in view.risks if one.prediction.task_id == task_id}
    risks = [told[time] for time in sorted(told)][-TRENDED:]
    point = view.points.get((task_id, risks[-1].prediction.split)) if risks else None
    if len(risks) < 2 or point is None:
        return None
    steps, before = [], risks[0].prediction.risk
    for one in risks:
        now = one.prediction
        moved = (("data", now.risk - before),)
        steps.append(Step(one.sample.prediction_time, now.risk, now.low, now.high, moved, (), 0, None))
        before = now.risk
    return stay_plot(steps, point.threshold)


@router.get("")
def newest(request: Request, user: Clinician, key: str, task: Asked = "", sent: bool = False) -> Response:
    """Lead to a patient's newest risk; with ``sent``, or where there is none, show what became of their messages."""
    view = _seen(request, user, key)
    asked = [one for one in view.tasks if one.id == task] or list(view.tasks)
    found = [(one.id, risk) for one in asked if (risk := view.newest(one.id)) is not None]
    if found and not sent:
        return RedirectResponse(address_of(found[0][1].sample.sample_id, found[0][0]), 303)
    audit.write(request.app.state.database, user.login, "arrival", view.subject_id, {"messages": view.messages})
    risks = [(one, view.newest(one.id)) for one in view.tasks]
    why = {one.id: view.state.refused.get(one.id, "not asked yet").removeprefix(f"{one.title}: ") for one in view.tasks}
    rows = [
        (one.title, address_of(risk.sample.sample_id, one.id) if risk else "", percent(risk.prediction.risk) if risk
         else why[one.id])
        for one, risk in risks
    ]  # fmt: skip
    return page(
        request,
        "clinic/arrived.html.j2",
        active="Patients",
        who=view.name,
        subject_id=view.subject_id,
        arrived=_view(view, asked[0].id, ""),
        left=view.state.left,
        rows=rows,
    )


@router.get("/version")
def is_there_more(request: Request, user: Clinician, key: str, task: Asked = "") -> Response:
    """Say what is known of a patient by now, by a name alone: a page that shows another one is old."""
    view = _seen(request, user, key)
    arrivals, found = arrivals_of(request), view.newest(task)
    if arrivals is not None and view.task(task) is not None:
        arrivals.desk.look(key, task)
    told = {"version": version(view, task), "reading": view.reads(task)}
    page_of_it = address_of(found.sample.sample_id, task) if found is not None else f"/arrivals/{key}"
    return JSONResponse({**told, "address": page_of_it})


def _seen(request: Request, user: User, key: str) -> Arrived:
    """Return a patient. Raises 403, one answer, for who is not there and for whom a user may not see."""
    arrivals, run = arrivals_of(request), served(request)
    view = arrivals.view(key, run) if arrivals is not None else None
    if view is None:
        raise no_such_patient()
    may_see(user, number_of(view.key))
    return view
