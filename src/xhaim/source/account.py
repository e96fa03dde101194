"""Where every row of every table went: used, set aside or not used, with a reason. The sums must agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.source.csv_tables.checked import BAD_SCHEMA

QUARANTINE_SCHEMA = {"file": pl.String(), "line": pl.Int64(), "row": pl.Int64(), "reason": pl.String()}
"""``file`` is relative to the source's root; ``row`` counts records from 1; both counts are null for a whole file."""
_SPILL_ROWS = 1_000_000


def none_bad() -> pl.DataFrame:
    """Return no rows that were set aside."""
    return pl.DataFrame(schema=BAD_SCHEMA)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some good rows of one table."""

    table: str
    events: pl.DataFrame
    """By ``EVENT_SCHEMA``; a row may give several."""
    used: int
    bad: pl.DataFrame = field(default_factory=none_bad)
    """``row``, ``line``, ``reason``, and ``file`` where it is not the table's own."""
    unused: Mapping[str, int] = field(default_factory=dict)
    """Reason -> rows."""


class Account:
    """Books rows by table; what is set aside goes to disk now and then, so memory stays bounded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[str, dict[str, Any]] = {}
        self._held: list[pl.DataFrame] = []
        self._spilled: list[Path] = []

    def open(self, table: str, file: str) -> None:
        """Start a table; ``file`` is its path relative to the source's root."""
        empty = {"rows_in": 0, "rows_used": 0, "rows_set_aside": 0, "rows_not_used": 0, "not_used": {}}
        self._tables[table] = {"file": file, **empty}

    def read(self, table: str, good: int, bad: pl.DataFrame) -> None:
        """Book rows that came out of the file; ``bad`` ones are set aside."""
        self._tables[table]["rows_in"] += good + bad.height
        self._set_aside(table, bad)

    def book(self, outcome: Outcome) -> None:
        """Book what became of good rows."""
        entry = self._tables[outcome.table]
        entry["rows_used"] += outcome.used
        self._set_aside(outcome.table, outcome.bad)
        for reason, n in outcome.unused.items():
            if n:
                entry["rows_not_used"] += n
                entry["not_used"][reason] = entry["not_used"].get(reason, 0) + n

    def _set_aside(self, table: str, bad: pl.DataFrame) -> None:
        if not bad.height:
            return
        self._tables[table]["rows_set_aside"] += bad.height
        named = bad if "file" in bad.columns else bad.with_columns(file=pl.lit(self._tables[table]["file"]))
        self._held.append(named.select(pl.col(name).cast(dtype) for name, dtype in QUARANTINE_SCHEMA.items()))
        if sum(frame.height for frame in self._held) >= _SPILL_ROWS:
            self._spill()

    def _spill(self) -> None:
        path = self._folder / f"quarantine-{len(self._spilled):05}.parquet"
        pl.concat([pl.DataFrame(schema=QUARANTINE_SCHEMA), *self._held]).write_parquet(path)
        self._spilled.append(path)
        self._held = []

    def close(self, quarantine: Path) -> dict[str, dict[str, Any]]:
        """Write the quarantine, and return the tables' counts after checking that they add up."""
        self._spill()
        pl.concat([pl.scan_parquet(path) for path in self._spilled]).sink_parquet(quarantine)
        for table, n in self._tables.items():
            if n["rows_in"] != n["rows_used"] + n["rows_set_aside"] + n["rows_not_used"]:
                raise RuntimeError(f"rows of {table} do not add up: {n}")
        return self._tables
