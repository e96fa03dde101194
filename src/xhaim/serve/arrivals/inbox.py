"""The inbox of the folder of arrivals: another program puts messages there, and they are taken by moving.

A message is taken once its size and time have not changed between two looks; better still, it is written elsewhere
and moved in. One that is refused goes to ``refused/``, under the hash of its content.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from threading import Event, Thread

from sqlalchemy import Engine

from xhaim.errors import DataError
from xhaim.run.apply_folder import settled
from xhaim.run.faults import place_of
from xhaim.serve import audit
from xhaim.serve.arrivals.desk import Desk, Patient
from xhaim.serve.arrivals.folder import INBOX
from xhaim.serve.arrivals.sent import MAX_BYTES
from xhaim.serve.arrivals.view import number_of

LOG = logging.getLogger("xhaim.serve")
EVERY_S = 0.5
"""Between two looks."""
LOGIN = "inbox"
"""Who sends, in the audit log."""


class Inbox:
    """Looks for messages until it is closed."""

    def __init__(self, desk: Desk, database: Engine) -> None:
        """Begin with nothing seen."""
        self._desk, self._database = desk, database
        self._seen: dict[str, tuple[int, int]] = {}
        self._taken: dict[str, Patient] = {}
        self._end = Event()
        self._thread = Thread(target=self._look, name="arrivals-inbox", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join(timeout=5)

    def _look(self) -> None:
        folder = self._desk.folder.root / INBOX
        while not self._end.wait(EVERY_S):
            try:
                ready = settled(folder, self._seen)
            except OSError as error:
                LOG.error("arrivals, inbox: %s", place_of(error))  # noqa: TRY400
                continue
            for path in ready:
                self._try(path)

    def _try(self, path: Path) -> None:
        try:
            self._take(path)
        except Exception as error:  # the disk is full, or the database away: it lies there still
            LOG.error("arrivals, inbox: %s", place_of(error))  # noqa: TRY400  (a message may name a patient)
            self._seen.pop(path.name, None)

    def _take(self, path: Path) -> None:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        try:
            digest = hashlib.sha256(data).hexdigest()
            if digest not in self._taken:  # kept, but its row or its removal failed
                self._taken[digest] = self._desk.take(data, lambda _: None)
            patient = self._taken[digest]
        except DataError as error:
            LOG.warning("arrivals, inbox: refused: %s", error.what)
            self._desk.counted.count("refused")
            self._desk.folder.refuse(path, data)
            return
        told: audit.Shown = {"message": hashlib.sha256(data).hexdigest(), "number": patient.messages}
        audit.write(self._database, LOGIN, "arrived", number_of(patient.key), told)
        path.unlink()
        del self._taken[digest]
