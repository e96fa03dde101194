"""Where a launch leads: to the stored page of its patient, or to one made of what the FHIR server tells of them."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import polars as pl
from fastapi import Request, Response

from xhaim.errors import BackendError, DataError, PrerequisiteError
from xhaim.serve import audit
from xhaim.serve.accounts import User
from xhaim.serve.arrivals.folder import key_of
from xhaim.serve.arrivals.start import arrivals_of
from xhaim.serve.arrivals.view import number_of
from xhaim.serve.clinic.place import address_of, served
from xhaim.serve.doors.cards import subject_of
from xhaim.serve.doors.patients import BusyError
from xhaim.serve.doors.posted import NO_ROOM, ready
from xhaim.serve.login import led_on
from xhaim.serve.pages import HOMES, page
from xhaim.serve.results import StoredRun
from xhaim.serve.sso.chart import Chart, bundle_of, is_id, read_chart
from xhaim.serve.sso.handed import hand_on
from xhaim.serve.sso.opened import OPENED, Launched

HEADING = "You are logged in"
NOT_THEIRS = "There is no such patient here, or you may not see their record."
WAIT_S = 5.0
"""How long a chart waits for others that are being read."""
_READING = threading.BoundedSemaphore(4)  # a slow FHIR server must not hold up every page


def lead(request: Request, user: User, base: str, answer: dict[str, Any]) -> Response:
    """Return the answer to a launch. ``answer``: of the token endpoint; nothing of it is kept."""
    if user.role not in {"clinician", "admin"}:
        return led_on(request, HOMES[user.role], HEADING, "To your first page", "Your role opens no patients.")
    patient = answer.get("patient")
    if not is_id(patient):
        return led_on(request, "/", HEADING, "To the patients", "The launch names no patient.")
    run = served(request)
    subject = subject_of(run, str(patient), numbered=request.app.state.settings.ids_are_subjects)
    if subject is not None and not run.samples.filter(pl.col("subject_id") == subject).is_empty():
        if user.subjects is None or subject in user.subjects:
            return led_on(request, _newest(run, subject), HEADING, "To the patient")
        return _not_done(request, 403, NOT_THEIRS)
    if user.subjects is not None and number_of(key_of(f"Patient/{patient}")) not in user.subjects:
        return _not_done(request, 403, NOT_THEIRS)
    return _read_there(request, user, base, str(patient), str(answer.get("access_token", "")))


def _newest(run: StoredRun, subject: int) -> str:
    """Return the address of the newest stored prediction of a patient, or of their newest stay."""
    order = {task.id: place for place, task in enumerate(run.tasks)}
    rows = run.predictions.filter(pl.col("subject_id") == subject).select("prediction_time", "sample_id", "task_id")
    found = sorted(rows.rows(), key=lambda row: (row[0], row[1], -order[row[2]]))
    if found:
        return address_of(found[-1][1], found[-1][2])
    stays = run.samples.filter(pl.col("subject_id") == subject).sort("prediction_time", "sample_id")
    return address_of(stays["sample_id"][-1], run.tasks[0].id)


def _not_done(request: Request, status: int, what: str) -> Response:
    request.state.user = None
    return page(request, "failure.html.j2", status, heading="No page of this patient", what=what, home="/")


def _read_there(request: Request, user: User, base: str, patient: str, token: str) -> Response:
    """Read the patient's chart, and lead to the page that is made of it."""
    try:
        chart = _read(base, patient, token)
        arrivals = arrivals_of(request)
        if arrivals is not None:
            address = hand_on(request, user, arrivals, base, chart)
            return led_on(request, address, HEADING, "To the patient", remarks(chart))
        return led_on(request, _made(request, user, bundle_of(base, chart.resources), chart), HEADING, "To the patient")
    except BackendError as error:
        return _not_done(request, 503, f"{error.what[:1].upper()}{error.what[1:]}.")
    except (PrerequisiteError, BusyError):  # the first says where things lie on this machine
        return _not_done(request, 503, "The run's models cannot be asked now: try again in a moment.")
    except OSError:
        return _not_done(request, 503, NO_ROOM)
    except DataError as error:
        return _not_done(request, 422, f"What the FHIR server tells of this patient cannot be used: {error.what}.")


def remarks(chart: Chart) -> str:
    """Say what a page made of a chart cannot know; empty where there is nothing."""
    missing = f"The FHIR server did not tell of: {', '.join(chart.not_given)}. " if chart.not_given else ""
    others = f"Resources of somebody else that it told of were left out: {chart.others}." if chart.others else ""
    return f"{missing}{others}".strip()


def _made(request: Request, user: User, bundle: bytes, chart: Chart) -> str:
    """Predict and explain, and return the address of what came of it. Raises DataError where there is no risk."""
    models = ready(request)
    sent = models.apply(bundle, [task.id for task in models.run.tasks], None)
    if not sent.applied:
        raise DataError(f"no risk; {'; '.join(reason for _, reason in sent.refused)}")
    launched = Launched(user.login, sent, remarks(chart))
    told = {
        "bundle": hashlib.sha256(bundle).hexdigest(),
        "patient": launched.patient,
        "tasks": [one.prediction.task_id for one in sent.applied],
    }
    audit.write(request.app.state.database, user.login, "smart patient", None, told)
    return f"/smart/patients/{OPENED.keep(launched)}"


def _read(base: str, patient: str, token: str) -> Chart:
    if not (token and token.isascii() and token.isprintable()):
        raise BackendError("the FHIR server gave no access to the chart")
    if not _READING.acquire(timeout=WAIT_S):
        raise BackendError("other charts are being read: try again in a moment")
    try:
        return read_chart(base, patient, token)
    finally:
        _READING.release()
