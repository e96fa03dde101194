"""The run's models kept ready for patients who are sent: one patient at a time, and nothing of them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import polars as pl

from xhaim.errors import DataError, PrerequisiteError
from xhaim.run.apply import Applied, Fitted, fitted
from xhaim.run.apply_bundle import Left, OnePatient, read_bundle, zone_of
from xhaim.run.apply_moments import moment
from xhaim.run.directory import code_hash
from xhaim.run.vectors import Vectors
from xhaim.run.watch import Quiet
from xhaim.serve.results import StoredRun

NO_MODEL = "no model of this task was fitted, or what it reads with is not on this machine"
WAIT_S = 30.0
"""How long a patient waits for the one before."""


class BusyError(Exception):
    """Others were before this one for too long."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one patient."""

    applied: tuple[Applied, ...]
    refused: tuple[tuple[str, str], ...]
    """(task id, why it gives no risk)."""
    left: tuple[Left, ...]
    name: str
    """What the bundle calls the patient: ``Patient/abc``; empty where that is no name."""
    simulated: bool


@dataclass(frozen=True)
class Ready:
    """One run's models of split 0, loaded when first asked for."""

    run: StoredRun
    zone: str | None
    _models: dict[str, Fitted] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock)
    """One patient at a time: models are not made for several threads."""

    @classmethod
    def of(cls, run: StoredRun) -> Ready:
        """Return the models of a run, in the zone of the store that it was made from."""
        return cls(run, zone_of(run.manifest))

    def apply(self, data: bytes, tasks: Sequence[str], at: datetime | None) -> Sent:
        """Read a bundle of one patient, predict and explain. ``tasks``: ids; ``at``: local time, or ``None``.

        Raises DataError for what is no bundle of one patient, PrerequisiteError where other code made the run,
        BusyError where others were before for too long.
        """
        if self.run.manifest["code"] != code_hash():
            raise PrerequisiteError("the run was made by another version of the code")
        if not self._turn.acquire(timeout=WAIT_S):
            raise BusyError
        try:
            with TemporaryDirectory(prefix="xhaim-patient-") as folder:
                patient = read_bundle(data, Path(folder), self.zone)
                return self._applied(patient, tasks, at, Path(folder))
        finally:
            self._turn.release()

    def _applied(self, patient: OnePatient, tasks: Sequence[str], at: datetime | None, folder: Path) -> Sent:
        events = patient.store.events().collect().lazy()
        made: list[Applied] = []
        refused: list[tuple[str, str]] = []
        vectors: Vectors | None = None
        for task_id in tasks:
            try:
                model = self._model(task_id)
                vectors = vectors or Vectors(model.settings.retrieve.encoder)
                sample = moment(events, model.task, at)
                made.append(model.apply(patient.store, sample, vectors=vectors, scratch=folder))
            except DataError as error:
                refused.append((task_id, error.what))
            except PrerequisiteError:  # which says where things lie on this machine
                refused.append((task_id, NO_MODEL))
        simulated = patient.store.simulated or bool(self.run.manifest["simulated"])
        return Sent(tuple(made), tuple(refused), patient.left, _name(patient), simulated)

    def _model(self, task_id: str) -> Fitted:
        """Return a task's model; it writes nothing, so its own scratch folder is never made."""
        if task_id not in self._models:
            self._models[task_id] = fitted(self.run.root, task_id, Path("nowhere"), Quiet())
        return self._models[task_id]


def _name(patient: OnePatient) -> str:
    path = patient.store.path / "metadata" / "ids.parquet"
    ids = pl.read_parquet(path).filter((pl.col("kind") == "subject") & (pl.col("number") == patient.subject_id))
    return str(ids["id"][0]) if ids.height == 1 else ""
