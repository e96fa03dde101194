"""What launches made of patients whom the run does not hold: in memory alone, for some minutes."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from xhaim.serve.doors.patients import Sent

MINUTES = 15
"""How long it can be looked at."""
_MOST = 50


@dataclass(frozen=True, slots=True)
class Launched:
    """One patient, as a launch showed them to one user."""

    login: str
    sent: Sent
    remarks: str
    """What the page cannot know; may be empty."""

    @property
    def patient(self) -> str:
        """Hash of the patient's name, for the audit log."""
        return hashlib.sha256(self.sent.name.encode("utf-8", "replace")).hexdigest()


class Opened:
    """What launches made; the oldest goes where they are many."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Launched] = OrderedDict()
        self._turn = threading.Lock()

    def keep(self, launched: Launched) -> str:
        """Keep it, and return the key that its page is found by."""
        key = secrets.token_urlsafe(32)
        with self._turn:
            self._held[key] = launched
            while len(self._held) > _MOST:
                self._held.popitem(last=False)
        forget = threading.Timer(60 * MINUTES, self._forget, (key,))
        forget.daemon = True
        forget.start()
        return key

    def get(self, login: str, key: str) -> Launched | None:
        """Return what a launch of this user made; ``None``: nothing of that key, or too long ago."""
        with self._turn:
            found = self._held.get(key)
        return found if found is not None and found.login == login else None

    def _forget(self, key: str) -> None:
        with self._turn:
            self._held.pop(key, None)


OPENED = Opened()
