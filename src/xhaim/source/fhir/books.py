"""What became of the resources of the first pass: events, set aside, not used; and which version of each is taken."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import polars as pl

from xhaim.events import EVENT_SCHEMA
from xhaim.source.account import QUARANTINE_SCHEMA, Outcome
from xhaim.source.fhir.events import Event
from xhaim.source.fhir.unused import NotUsedError, SetAsideError
from xhaim.source.fhir.values import Json
from xhaim.source.fhir.versions import AGAIN, OLDER, Version

_HELD = 20_000


class Found(NamedTuple):
    """A resource of the first pass, where it stood, and what was read of it, or the error that says why nothing was."""

    version: Version
    url: str
    base: str | None
    """The server that its bundle names."""
    file: str
    line: int | None
    row: int
    about: Json = None
    """``subject`` and ``patient`` of the resource."""
    content: Any = None


class Book:
    """The account of one type of resource, and its events."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._rows: list[dict[str, Any]] = []
        self._frames = [pl.DataFrame(schema=EVENT_SCHEMA)]
        self._bad: list[tuple[str, int | None, int, str]] = []
        self._unused: Counter[str] = Counter()
        self.used = 0

    def newest(self, found: dict[str, list[Found]]) -> dict[str, Found]:
        """Return the newest version of each, by name; what is older, or could not be read, is booked."""
        best: dict[str, Found] = {}
        for name in sorted(found):
            taken = max(found[name], key=lambda item: (item.version, item.url))
            same = sum(item.version.digest == taken.version.digest for item in found[name]) - 1
            self._unused[AGAIN] += same
            self._unused[OLDER] += len(found[name]) - 1 - same
            if isinstance(taken.content, SetAsideError):
                self.set_aside(taken, str(taken.content))
            elif isinstance(taken.content, NotUsedError):
                self._unused[str(taken.content)] += 1
            else:
                best[name] = taken
        return best

    def set_aside(self, found: Found, reason: str) -> None:
        """Book a resource as bad."""
        self._bad.append((found.file, found.line, found.row, reason))

    def event(self, subject: int, found: Found, event: Event, hadm_id: int | None = None) -> None:
        """Put an event aside; its time of knowledge is never before its time."""
        self._rows.append(row_of(subject, found.url, event) | ({"hadm_id": hadm_id} if hadm_id is not None else {}))
        if len(self._rows) >= _HELD:
            self._settle()

    def _settle(self) -> None:
        self._frames.append(pl.DataFrame(self._rows, schema=EVENT_SCHEMA))
        self._rows = []

    def outcome(self) -> Outcome:
        """Return the account and the events."""
        self._settle()
        bad = pl.DataFrame(self._bad, schema=["file", "line", "row", "reason"], orient="row", infer_schema_length=None)
        columns = [pl.col(name).cast(dtype) for name, dtype in QUARANTINE_SCHEMA.items()]
        return Outcome(
            self._kind, pl.concat(self._frames), self.used, bad.select(columns), dict(sorted(self._unused.items()))
        )


def row_of(subject: int, url: str, event: Event) -> dict[str, Any]:
    """Return a row of the store, known never before it happened."""
    row: dict[str, Any] = {name: event.get(name) for name in EVENT_SCHEMA}
    row |= {"subject_id": subject, "source": event.get("source", url)}
    if row["time"] is not None and row["known_at"] is not None:
        row["known_at"] = max(row["time"], row["known_at"])
    return row
