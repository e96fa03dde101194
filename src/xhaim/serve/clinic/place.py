"""Whose page was asked for: the run, the task and the sample of an address, and whether this user may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request
from sqlalchemy import Engine

from xhaim.records import Sample
from xhaim.serve import audit
from xhaim.serve.access import allow, may_see, no_such_patient
from xhaim.serve.accounts import User
from xhaim.serve.arrivals.start import arrivals_of
from xhaim.serve.arrivals.view import Arrived, key_in
from xhaim.serve.results import StoredRun
from xhaim.serve.watched import Watched
from xhaim.task import Task

Clinician = Annotated[User, Depends(allow("clinician"))]
Reader = Annotated[User, Depends(allow("clinician", "analyst"))]
"""Who may see figures of the cohort, and no patient's record."""
Analyst = Annotated[User, Depends(allow("analyst"))]


@dataclass(frozen=True, slots=True)
class Place:
    """One sample and task of a run, and who looks."""

    run: StoredRun
    task: Task
    sample: Sample
    user: User
    database: Engine

    @property
    def name(self) -> str:
        """What a page calls it."""
        if isinstance(self.run, Arrived):
            return self.run.name
        return f"Stay {self.sample.stay_id}" if self.sample.stay_id is not None else f"Sample {self.sample.sample_id}"

    @property
    def address(self) -> str:
        """Path of its page."""
        return address_of(self.sample.sample_id, self.task.id)

    def shown(self, action: str, **ids: str | int | Sequence[str] | None) -> None:
        """Write into the audit log what of the patient is shown: ids alone."""
        told = {"task": self.task.id, "sample": self.sample.sample_id, **ids}
        audit.write(self.database, self.user.login, action, self.sample.subject_id, told)


def address_of(sample_id: str, task_id: str) -> str:
    """Return the path of a patient's page."""
    return f"/patients/{quote(sample_id)}/{quote(task_id)}"


def served(request: Request) -> StoredRun:
    """Return the run as it lies in its directory now."""
    watched: Watched = request.app.state.watched
    return watched.now()


def seen(request: Request, sample_id: str) -> StoredRun:
    """Return the run that holds a sample: the one that is served, or that with the arrived patient in it."""
    run, key, arrivals = served(request), key_in(sample_id), arrivals_of(request)
    view = arrivals.view(key, run) if key is not None and arrivals is not None else None
    return view if view is not None else run


def place(request: Request, user: Clinician, sample_id: str, task_id: str) -> Place:
    """Return the place of an address. Raises 403, one answer, for what is not there and for whom a user may not see."""
    run = seen(request, sample_id)
    task, sample = run.task(task_id), run.sample(sample_id)
    if task is None or sample is None or (isinstance(run, Arrived) and not run.holds(task, sample)):
        raise no_such_patient()
    may_see(user, sample.subject_id)
    if isinstance(run, Arrived) and run.store is None:
        raise HTTPException(503, f"{run.store_fault[:1].upper()}{run.store_fault[1:]}: try again in a moment.")
    return Place(run, task, sample, user, request.app.state.database)


Placed = Annotated[Place, Depends(place)]
