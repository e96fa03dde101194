"""Arrivals as one server has them: its desk, who answers, and the inbox; begun with the server and ended with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from fastapi import Request
from starlette.datastructures import State

from xhaim.errors import DataError
from xhaim.records import Sample
from xhaim.run.prepared import Prepared
from xhaim.serve.arrivals.answering import Answering
from xhaim.serve.arrivals.desk import Desk, Patient
from xhaim.serve.arrivals.folder import Folder
from xhaim.serve.arrivals.inbox import Inbox
from xhaim.serve.arrivals.view import Arrived, identity, number_of
from xhaim.serve.arrivals.worker import Worker
from xhaim.serve.doors.patients import Ready, ready_of
from xhaim.serve.results import StoredRun
from xhaim.task import Task

NOT_READ = "what was sent of this patient is being read"


@dataclass(frozen=True)
class Arrivals:
    """Everybody who has arrived."""

    desk: Desk
    answering: Answering
    worker: Worker
    inbox: Inbox
    ready: Callable[[], Ready]

    def view(self, key: str, run: StoredRun) -> Arrived | None:
        """Return a patient as pages see them; ``None``: nobody of that key is here."""
        with self.desk.news:
            patient = self.desk.patient(key)
            if patient is not None and (patient.view is None or patient.view.base is not run):
                patient.view = self._view(patient, run)
            return patient.view if patient is not None else None

    def _view(self, patient: Patient, run: StoredRun) -> Arrived:
        state = patient.state
        mine = [asdict(one.sample) for one in state.risks if one.run == identity(run.manifest)]
        own = pl.DataFrame([{**one, "shard": None} for one in mine], schema=run.samples.schema)
        return Arrived(
            run.root, run.manifest, patient.store, "" if patient.store else NOT_READ, run.tasks,
            pl.concat([run.samples, own]), run.large, key=patient.key, state=state,
            subject_id=number_of(patient.key), messages=patient.messages,
            folder=self.desk.folder.of(patient.key), base=run, ask=self._prepared,
        )  # fmt: skip

    def rows(self, run: StoredRun, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Return a row for each patient and task: the newest risk by this run's models, or none.

        ``schema``: ``predicted.SCHEMA`` with ``arrived``, ``name`` and ``who``.
        """
        rows: list[dict[str, Any]] = []
        for one in self.desk.patients():
            view = self.view(one.key, run)
            if view is None:
                continue
            newest = {row["task_id"]: row for row in view.mine.iter_rows(named=True)}
            about = {"arrived": True, "name": view.name, "who": view.key, "subject_id": view.subject_id}
            empty = {"sample_id": view.key, "part": "arrived", "prediction_time": one.state.latest}
            rows += [{**newest.get(task.id, {**empty, "task_id": task.id}), **about} for task in run.tasks]
        return pl.DataFrame(rows, schema=dict(schema))

    def _prepared(self, view: Arrived, task: Task, sample: Sample) -> Prepared:
        assert view.store is not None  # noqa: S101  (``warm.cold`` says so)
        return self.answering.prepared(view.key, view.store, task, sample, self.ready())

    def forget(self, key: str) -> bool:
        """Remove all that is kept of a patient; False where nobody of that key is here."""
        there = self.desk.forget(key)
        self.answering.forget(key)
        return there

    def close(self) -> None:
        """End after what is being answered now; all else is found by the next server."""
        self.desk.close()
        self.inbox.close()
        self.worker.join()
        self.desk.folder.close()


def begin(state: State) -> Arrivals:
    """Begin to take and to answer, for an application whose settings name a folder.

    Raises DataError where that lies in the run directory, PrerequisiteError where another server has it.
    """
    root: Path = state.settings.arrivals.resolve()
    if root.is_relative_to(state.run):
        raise DataError("arrivals in the run directory would go with it when the run is replaced", do="name another")
    desk = Desk(Folder.open(root))
    answering = Answering(desk.folder, desk.counted)
    ready = partial(ready_of, state)
    found = Arrivals(desk, answering, Worker(desk, answering, ready), Inbox(desk, state.database), ready)
    found.worker.start()
    found.inbox.start()
    return found


def arrivals_of(request: Request) -> Arrivals | None:
    """Return the arrivals of this server; ``None`` where it keeps none."""
    found: Arrivals | None = request.app.state.arrivals
    return found
