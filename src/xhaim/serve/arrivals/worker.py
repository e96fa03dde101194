"""The one thread that answers what was sent: whoever is in the queue is read, every task's model asked, and published.

A patient whose data came while they were read goes to the end of the queue: the newest state wins, and nothing is
lost. What fails for one patient is told on their page, and stops nobody else.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from typing import Any

from xhaim.errors import DataError, PrerequisiteError
from xhaim.run.faults import place_of
from xhaim.serve.arrivals.answering import Answering
from xhaim.serve.arrivals.desk import Desk, Patient
from xhaim.serve.arrivals.folder import STATE
from xhaim.serve.arrivals.told import Risk, answer_json, state_json
from xhaim.serve.arrivals.view import answer_name, identity
from xhaim.serve.doors.patients import Ready

LOG = logging.getLogger("xhaim.serve")
ANSWERS_KEPT = 20
"""Explanations of one patient and task; of earlier ones the risk alone is kept."""
RISKS_KEPT = 300
"""Of one patient and task."""
_AGAIN_S = 10.0
"""Until a fault that may pass is tried again."""


class Worker:
    """Answers for whoever is in the queue of a desk, until it is closed."""

    def __init__(self, desk: Desk, answering: Answering, ready: Callable[[], Ready]) -> None:
        """``ready``: gives the models of the run that is served now."""
        self.desk, self._answering, self._ready = desk, answering, ready
        self._thread = Thread(target=self._work, name="arrivals", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def lives(self) -> bool:
        """Say whether whoever is in the queue will be answered."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end of what is being answered, once the desk is closed."""
        self._thread.join(timeout=30)

    def _work(self) -> None:
        try:
            self._answering.warm_up(self._ready())
        except Exception as error:
            LOG.error("arrivals: %s", place_of(error))  # noqa: TRY400  (a message may quote a note)
        while not self.desk.closing:
            try:
                patient = self.desk.next(wait_s=1.0)
                if patient is not None:
                    self._read(patient, self._ready())
                else:
                    self._look_at_run()
            except Exception as error:  # of the server, not of a patient: as a run that is being replaced
                LOG.error("arrivals: %s", place_of(error))  # noqa: TRY400  (a message may quote a note)
                time.sleep(1)

    def _look_at_run(self) -> None:
        """Ask again for all who were answered by the models of a run that was replaced since."""
        run = identity(self._ready().run.manifest)
        for patient in self.desk.patients():
            if patient.state.run != run or patient.state.read < patient.messages:
                self.desk.wait(patient)

    def _read(self, patient: Patient, ready: Ready) -> None:
        """Read a patient's messages and publish the answers; or why there are none."""
        number, run = patient.messages, identity(ready.run.manifest)
        done: dict[str, Any] = {"read": number, "run": run, "fault": ""}
        try:
            self._answer(patient, ready, number)
        except DataError as error:
            done["fault"] = error.what
        except (OSError, PrerequisiteError) as error:  # may pass: a disk that is full, a run that is being written
            full = "the disk cannot be written, or is full"
            done = {"fault": error.what if isinstance(error, PrerequisiteError) else full}
            patient.retry_at = time.monotonic() + _AGAIN_S
            self.desk.wait(patient)
        except Exception as error:  # whatever a record does to a library
            done["fault"] = f"failed: {place_of(error)}"
        self.desk.counted.count("failed" if done["fault"] else "answered")
        with suppress(OSError):
            self._publish(patient, **done)
        self._forget(patient)

    def _forget(self, patient: Patient) -> None:
        """Remove what was written and kept of a patient who was forgotten while they were read."""
        with self.desk.news:
            now = self.desk.patient(patient.key)
            if now is not patient:
                self._answering.forget(patient.key)
            if now is None:  # not where they were sent again: that was acknowledged
                shutil.rmtree(self.desk.folder.of(patient.key), ignore_errors=True)

    def _answer(self, patient: Patient, ready: Ready, number: int) -> None:
        with self.desk.counted.spending("read"):
            reading = self._answering.read(patient.key, number, ready.zone)
        about = {"until": reading.until, "latest": reading.latest, "future": reading.future, "left": reading.left}
        first, refused = self.desk.opened.get(patient.key), dict[str, str]()
        patient.store = reading.store
        for task in sorted(ready.run.tasks, key=lambda one: one.id != first):
            found = self._answering.answer(patient.key, number, reading, task, ready)
            if isinstance(found, str):
                refused[task.id] = found
                self._publish(patient, refused=dict(refused), **about)
            else:
                risk, answer = found
                self.desk.keep(patient, answer_name(task.id, risk.sample.sample_id), answer_json(answer))
                mine = (risk.sample.sample_id, task.id, risk.run)
                others = (o for o in patient.state.risks if (o.sample.sample_id, o.prediction.task_id, o.run) != mine)
                risks = _thinned((*others, risk))
                self._publish(patient, refused=dict(refused), risks=risks, **about)
        with self.desk.counted.spending("tidy"):
            self._answering.tidy(patient.key, number, reading)
            self._forget_old(patient)

    def _publish(self, patient: Patient, **told: Any) -> None:  # noqa: ANN401  (fields of a state)
        """Put a new state in the place of the one before: for pages at once, and on the disk."""
        with self.desk.news, self.desk.counted.spending("publish"):
            patient.state = replace(patient.state, **told)
            patient.view = None
            self.desk.keep(patient, STATE, state_json(patient.state))

    def _forget_old(self, patient: Patient) -> None:
        """Remove the explanations of old risks."""
        by_task: dict[str, list[str]] = {}
        for one in patient.state.risks:
            by_task.setdefault(one.prediction.task_id, []).append(one.sample.sample_id)
        for task_id, names in by_task.items():
            for path in (self.desk.folder.of(patient.key) / "answers" / task_id).glob("*.json"):
                if path.stem not in names[-ANSWERS_KEPT:]:
                    path.unlink(missing_ok=True)


def _thinned(risks: Sequence[Risk]) -> tuple[Risk, ...]:
    """Return the newest risks of each task, in their order."""
    kept: list[Risk] = []
    counted: dict[str, int] = {}
    for one in reversed(risks):
        task_id = one.prediction.task_id
        counted[task_id] = counted.get(task_id, 0) + 1
        if counted[task_id] <= RISKS_KEPT:
            kept.append(one)
    return tuple(reversed(kept))
