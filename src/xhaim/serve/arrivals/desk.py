"""The patients who have arrived: what was sent of them is taken here, and what is known of them is found here.

A message is on the disk before ``take`` returns. One thread (``worker``) reads and predicts; whoever asks for a
patient's page gets what was answered last, and is told when more is being read.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Condition

from xhaim.errors import DataError, XhaimError
from xhaim.serve.arrivals.counted import Counted
from xhaim.serve.arrivals.folder import STATE, Folder, key_of
from xhaim.serve.arrivals.sent import Sent, sent
from xhaim.serve.arrivals.told import LAYOUT, State, merged, read_state
from xhaim.serve.arrivals.view import Arrived, number_of
from xhaim.source.store import Store

LOG = logging.getLogger("xhaim.serve")
MOST_PATIENTS = 2_000
MOST_MESSAGES = 20_000
"""Of one patient."""
MOST_BYTES = 50_000_000
"""Of all messages of one patient."""


@dataclass
class Patient:
    """One patient who has arrived."""

    key: str
    state: State
    messages: int = 0
    """Number of the last message."""
    size: int = 0
    retry_at: float = 0.0
    """``time.monotonic`` before which a fault that may pass is not tried again."""
    store: Store | None = None
    """As it was read last."""
    view: Arrived | None = field(default=None, repr=False)


class Desk:
    """All patients who have arrived; safe under threads."""

    def __init__(self, folder: Folder, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Find who arrived before; those whose messages were not all read are in the queue."""
        self.folder, self._now = folder, now
        self.news = Condition()
        """Held by whoever changes anything; told when somebody is in the queue."""
        self.queue: OrderedDict[str, None] = OrderedDict()
        self.opened: OrderedDict[str, str] = OrderedDict()
        """Key -> the task that somebody last looked at: it is answered first."""
        self.closing = False
        self.counted = Counted()
        self._patients: dict[str, Patient] = {}
        self._called: dict[str, str] = {}
        for key in folder.everybody():
            self._found(key)

    def _found(self, key: str) -> None:
        messages = self.folder.messages(key)
        state = read_state(self.folder.of(key) / STATE) or self._named(key)
        if not messages or state is None:
            LOG.warning("a folder of arrivals holds no message that can be read: %s", key)
            return
        patient = Patient(key, state, messages[-1].number, sum(one.size for one in messages))
        self._patients[key] = patient
        self._called |= dict.fromkeys(state.called, key)
        with suppress(XhaimError):
            patient.store = Store.open(self.folder.of(key) / f"read-{state.read}" / "store")
        if state.read < patient.messages or patient.store is None:
            self.wait(patient)

    def _named(self, key: str) -> State | None:
        """Return who a patient is by what was sent of them; the state was lost, or the server killed before it."""
        state = State(LAYOUT, "", None)
        for one in self.folder.messages(key):
            try:
                state = merged(state, sent(one.path.read_bytes()))
            except (OSError, DataError):
                continue
        return state if key_of(state.name) == key else None

    # ---- taking ----

    def take(self, data: bytes, may: Callable[[int], None], name: str | None = None) -> Patient:
        """Keep a message; it is on the disk when this returns.

        ``may``: raises where the sender may not see a subject; ``name``: of the one resource that it must hold. Raises
        DataError, quoting nothing, for what is no message of one patient, for a patient who is not here and whose
        Patient is not in it, and where there is too much; OSError where the disk is full.
        """
        message = sent(data)
        if name is not None and [one.name for one in message.items] != [name]:
            raise DataError("the resource has another type or id than its address")
        if message.patient is None:
            raise DataError("this refers to no patient", expected="a Patient, or resources that refer to one")
        with self.news:
            key = self._called.get(message.patient) or key_of(message.patient)
            patient = self._patients.get(key)
            state = patient.state if patient is not None else State(LAYOUT, message.patient, None)
            may(number_of(key))
            self._check(patient, message, len(data))
            for urn in merged(state, message).called:
                if self._called.get(urn, key) != key or (key_of(urn) != key and key_of(urn) in self._patients):
                    raise DataError("another patient was sent under that urn")
            number = patient.messages + 1 if patient is not None else 1
            self.folder.keep(key, number, data, self._now())
            if patient is None:
                patient = self._patients.setdefault(key, Patient(key, state))
            patient.state, patient.messages, patient.size = merged(state, message), number, patient.size + len(data)
            patient.view = None
            self._called |= dict.fromkeys(patient.state.called, key)
            self.wait(patient)
        self.counted.count("taken")
        return patient

    def _check(self, patient: Patient | None, message: Sent, size: int) -> None:
        if patient is None:
            if not message.holds_patient:
                raise DataError("nobody of that name has arrived", expected="the first message to hold their Patient")
            if len(self._patients) >= MOST_PATIENTS:
                raise DataError("there is no room for another patient", expected=f"at most {MOST_PATIENTS:,}")
            return
        if patient.state.server and message.servers - {patient.state.server}:
            raise DataError("the patient of that name is of another server", expected="one server for one folder")
        if patient.messages >= MOST_MESSAGES:
            raise DataError("too many messages of this patient", expected=f"at most {MOST_MESSAGES:,}")
        if patient.size + size > MOST_BYTES:
            raise DataError("too much was sent of this patient", expected=f"at most {MOST_BYTES:,} bytes in all")

    def wait(self, patient: Patient) -> None:
        """Put a patient into the queue, unless they are in it."""
        with self.news:
            self.queue.setdefault(patient.key)
            self.news.notify_all()

    def next(self, wait_s: float) -> Patient | None:
        """Return who is first in the queue, taken out of it; ``None`` where nobody came in a while."""
        with self.news:
            for key in list(self.queue):
                patient = self._patients.get(key)
                if patient is None or patient.retry_at <= time.monotonic():
                    del self.queue[key]
                    return patient
            if not self.closing:
                self.news.wait(timeout=wait_s)
        return None

    def close(self) -> None:
        """Take nothing more out of the queue."""
        with self.news:
            self.closing = True
            self.news.notify_all()

    def keep(self, patient: Patient, name: str, data: bytes) -> None:
        """Write a file of a patient, unless they were forgotten."""
        with self.news:
            if self._patients.get(patient.key) is patient:
                self.folder.write(patient.key, name, data)

    def forget(self, key: str) -> bool:
        """Remove all that is kept of a patient; False where there is none."""
        with self.news:
            patient = self._patients.get(key)
            if patient is None:
                return False
            self.folder.forget(key)
            del self._patients[key]
            for urn in patient.state.called:
                self._called.pop(urn, None)
            self.queue.pop(key, None)
            return True

    # ---- finding ----

    def patient(self, key: str) -> Patient | None:
        """Return a patient; ``None``: nobody of that key is here."""
        return self._patients.get(key)

    def patients(self) -> list[Patient]:
        """Return all, by key."""
        with self.news:
            return [self._patients[key] for key in sorted(self._patients)]

    def metrics(self) -> str:
        """Return what Prometheus is told."""
        with self.news:
            return self.counted.text(len(self._patients), len(self.queue))

    def look(self, key: str, task_id: str) -> None:
        """Remember which task's page of a patient is open."""
        with self.news:
            self.opened[key] = task_id
            self.opened.move_to_end(key)
            while len(self.opened) > MOST_PATIENTS:
                self.opened.popitem(last=False)
