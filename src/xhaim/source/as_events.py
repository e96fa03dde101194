"""How rows of a table become events: the columns of the store, codes, natural keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from xhaim.events import EVENT_SCHEMA
from xhaim.source.csv_tables.checked import Columns


@dataclass(frozen=True, slots=True)
class Table:
    """How one table is read."""

    columns: Columns
    events: Callable[[pl.DataFrame], pl.DataFrame]
    """Used rows to events."""
    used: pl.Expr | None = None
    """Which good rows become events, if not all; the others are counted as not used."""
    unused: str = ""
    """Why the others are not."""


def events(rows: pl.DataFrame, code: pl.Expr, time: pl.Expr, known_at: pl.Expr, **others: pl.Expr) -> pl.DataFrame:
    """Return one event for each row, with ``known_at`` never before ``time``; other columns null unless given."""
    given = {"subject_id": pl.col("subject_id"), **others, "code": code, "time": time}
    if "hadm_id" in rows.columns:
        given.setdefault("hadm_id", pl.col("hadm_id"))
    if "stay_id" in rows.columns:
        given.setdefault("stay_id", pl.col("stay_id"))
    given["known_at"] = pl.max_horizontal(time, known_at)
    return rows.select(given.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in EVENT_SCHEMA.items())


def code(kind: str, *parts: pl.Expr) -> pl.Expr:
    """Return ``KIND//part//part``; ``UNK`` for a part that is null, as MEDS converters write it."""
    words = (part.cast(pl.String).str.strip_chars().fill_null("UNK") for part in parts)
    return pl.concat_str(pl.lit(kind), *words, separator="//")


def natural_key(table: str, *parts: str) -> pl.Expr:
    """Return ``table#a-b``, or ``table`` where a part is null."""
    key = pl.concat_str(*(pl.col(part).cast(pl.String) for part in parts), separator="-")
    return pl.concat_str(pl.lit(table), (pl.lit("#") + key).fill_null(""))
