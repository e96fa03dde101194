"""What another server said of itself, kept for a while; a server that is down is not asked by everybody at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from xhaim.errors import BackendError

T = TypeVar("T")
KEEP_S = 3600.0
"""How long an answer holds: a key that was withdrawn is believed no longer."""
AGAIN_S = 60.0
"""At most so often is a newer answer asked for."""
PAUSE_S = 10.0
"""So long after a failure nobody asks."""


class Remembered(Generic[T]):
    """One answer, asked for when first needed; safe under threads."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask, self._turn = ask, threading.Lock()
        self._answer: T | None = None
        self._asked = self._failed = float("-inf")

    def get(self) -> T:
        """Return the answer. Raises BackendError where there is none."""
        with self._turn:
            if self._answer is None or time.monotonic() - self._asked > KEEP_S:
                return self._anew()
            return self._answer

    def newer(self) -> T:
        """Return the answer as it is now, unless it was asked for a moment ago."""
        with self._turn:
            if self._answer is None or time.monotonic() - self._asked > AGAIN_S:
                return self._anew()
            return self._answer

    def known(self) -> T | None:
        """Return what is known without asking."""
        return self._answer

    def _anew(self) -> T:
        if time.monotonic() - self._failed < PAUSE_S:
            raise BackendError("the other server did not answer a moment ago")
        try:
            self._answer = self._ask()
        except BackendError:
            self._failed = time.monotonic()
            raise
        self._asked = time.monotonic()
        return self._answer
