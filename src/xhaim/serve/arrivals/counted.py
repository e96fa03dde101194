"""What became of arrivals since the server began, for its metrics: numbers alone, nothing of any patient."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Literal

Part = Literal["read", "ask", "explain", "publish", "tidy"]
What = Literal["taken", "refused", "answered", "failed"]
"""Messages kept and refused; patients answered for, and those whose messages could not be read."""


class Counted:
    """Counts, safe under threads."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._lock = Lock()
        self._seconds: Counter[str] = Counter()
        self._counts: Counter[str] = Counter(taken=0, refused=0, answered=0, failed=0)

    def count(self, what: What) -> None:
        """Count one."""
        with self._lock:
            self._counts[what] += 1

    @contextmanager
    def spending(self, part: Part) -> Iterator[None]:
        """Count the time of a part of the work."""
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[part] += time.perf_counter() - began  # type: ignore[assignment]

    def text(self, patients: int, waiting: int) -> str:
        """Return them in Prometheus's text format."""
        with self._lock:
            counts, seconds = sorted(self._counts.items()), sorted(self._seconds.items())
        lines = ["# HELP xhaim_arrivals Patients who are kept.", "# TYPE xhaim_arrivals gauge"]
        lines += [f"xhaim_arrivals {patients}", "# HELP xhaim_arrivals_waiting Of them those whose messages wait."]
        lines += ["# TYPE xhaim_arrivals_waiting gauge", f"xhaim_arrivals_waiting {waiting}"]
        lines += ["# HELP xhaim_arrivals_total What became of messages.", "# TYPE xhaim_arrivals_total counter"]
        lines += [f'xhaim_arrivals_total{{what="{what}"}} {n}' for what, n in counts]
        lines += ["# HELP xhaim_arrivals_seconds_total Time spent.", "# TYPE xhaim_arrivals_seconds_total counter"]
        lines += [f'xhaim_arrivals_seconds_total{{part="{part}"}} {spent:.6f}' for part, spent in seconds]
        return "\n".join(lines) + "\n"
