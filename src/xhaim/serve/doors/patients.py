"""The run's models kept ready for patients who are sent: one patient at a time, and nothing of them is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from threading import Lock

import polars as pl
from starlette.datastructures import State

from xhaim.errors import DataError, PrerequisiteError
from xhaim.run.apply import Applied, Fitted, fitted
from xhaim.run.apply_bundle import Left, OnePatient, read_bundle, zone_of
from xhaim.run.apply_moments import moment
from xhaim.run.directory import code_hash
from xhaim.run.engines import one_thread
from xhaim.run.vectors import Vectors, load_encoder
from xhaim.run.watch import Quiet
from xhaim.serve.asking import TURN
from xhaim.serve.results import StoredRun

NO_MODEL = "no model of this task was fitted, or what it reads with is not on this machine"
PREFIX = "xhaim-patient-"
"""Begins the names of passing folders; the number of the process follows."""
WAIT_S = 30.0
"""How long a patient waits for the one before."""
_OPENING = Lock()


def sweep() -> None:
    """Remove what servers that were killed left of their patients."""
    for folder in Path(gettempdir()).glob(f"{PREFIX}*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        if number.isascii() and number.isdigit() and len(number) < 10 and not folder.is_symlink():
            try:
                os.kill(int(number), 0)  # no signal: only asks
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)
            except PermissionError:  # somebody else's, alive
                continue


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

    @classmethod
    def of(cls, run: StoredRun) -> Ready:
        """Return the models of a run, in the zone of the store that it was made from."""
        sweep()
        return cls(run, zone_of(run.manifest))

    def apply(self, data: bytes, tasks: Sequence[str], at: datetime | None, wait: float = WAIT_S) -> Sent:
        """Read a bundle of one patient, predict and explain.

        ``tasks``: ids. ``at``: local time, or ``None``. ``wait``: seconds for the patient before.

        Raises DataError for what is no bundle of one patient, PrerequisiteError where other code made the run,
        BusyError where others were before for too long.
        """
        if self.run.manifest["code"] != code_hash():
            raise PrerequisiteError("the run was made by another version of the code")
        if not TURN.acquire(timeout=wait):
            raise BusyError
        try:
            with TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as folder:
                patient = read_bundle(data, Path(folder), self.zone)
                return self._applied(patient, tasks, at, Path(folder))
        finally:
            TURN.release()

    def _applied(self, patient: OnePatient, tasks: Sequence[str], at: datetime | None, folder: Path) -> Sent:
        events = patient.store.events().collect().lazy()
        made: list[Applied] = []
        refused: list[tuple[str, str]] = []
        vectors: Vectors | None = None
        for task_id in tasks:
            try:
                model = self.model(task_id)
                vectors = vectors or Vectors(model.settings.retrieve.encoder)
                sample = moment(events, model.task, at)
                made.append(model.apply(patient.store, sample, vectors=vectors, scratch=folder))
            except DataError as error:
                refused.append((task_id, error.what))
            except PrerequisiteError:  # which says where things lie on this machine
                refused.append((task_id, NO_MODEL))
        simulated = patient.store.simulated or bool(self.run.manifest["simulated"])
        return Sent(tuple(made), tuple(refused), patient.left, _name(patient), simulated)

    def model(self, task_id: str) -> Fitted:
        """Return a task's model, for who has the turn (``asking``).

        It writes nothing, so its own scratch folder is never made. Raises PrerequisiteError where other code made the
        run, or no model was fitted.
        """
        if task_id not in self._models:
            model = fitted(self.run.root, task_id, Path("nowhere"), Quiet())
            if not self._models:
                _on_all_processors(model.settings.retrieve.encoder)
            self._models[task_id] = model
        return self._models[task_id]


def ready_of(state: State) -> Ready:
    """Return the models of the run that an application serves now; those of a run that was replaced go."""
    run: StoredRun = state.watched.now()
    with _OPENING:
        kept: Ready | None = getattr(state, "ready", None)
        if kept is None or kept.run is not run:
            kept = Ready.of(run)
            state.ready = kept
        return kept


def _on_all_processors(encoder: str) -> None:
    """Load the retrieval encoder for as many texts at a time as there are processors; all else computes on one.

    It embeds each text on one thread, to the same bytes; other models would round otherwise with more.
    """
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    load_encoder(encoder).encode(["ready"])
    one_thread()


def _name(patient: OnePatient) -> str:
    path = patient.store.path / "metadata" / "ids.parquet"
    ids = pl.read_parquet(path).filter((pl.col("kind") == "subject") & (pl.col("number") == patient.subject_id))
    return str(ids["id"][0]) if ids.height == 1 else ""
