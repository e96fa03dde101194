"""A block of csv records to typed rows: each good, set aside with a reason, or not asked for.

Regular blocks go straight to values; any other, and any with a field that is no plain value of its kind, goes through
words, each cast by itself. Both ways give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.source.csv_tables.grid import grid, join, values
from xhaim.source.csv_tables.rows import Words, parse

Columns = Mapping[str, str]
"""Column -> ``int``, ``number``, ``time`` or ``text``; ``!`` after it: a row without it is set aside; ``?`` after
it: the column itself may be absent, and is null then."""

TYPES: dict[str, pl.DataType] = {
    "int": pl.Int64(),
    "number": pl.Float64(),
    "time": pl.Datetime("us"),
    "text": pl.String(),
}
BAD_SCHEMA: dict[str, pl.DataType] = {"row": pl.Int64(), "line": pl.Int64(), "reason": pl.String()}
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_SAID = {"int": "a whole number", "number": "a finite number of 32 bits", "time": "a date or time", "text": "text"}


def columns(words: str) -> Columns:
    """Return the columns of ``name kind name kind …``."""
    listed = words.split()
    return dict(zip(listed[::2], listed[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class Only:
    """Which rows of a table are asked for: those with one of some numbers in a column of whole numbers."""

    column: str
    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a table, in the file's order."""

    good: pl.DataFrame
    """The asked columns with their types, and ``row`` (from 1, the header not counted) and ``line`` (of the file,
    from 1, where the record starts)."""
    bad: pl.DataFrame
    """``row``, ``line``, ``reason``: never more of a value than its column's name."""
    unused: int = 0
    """Rows that were not asked for."""


@dataclass(frozen=True, slots=True)
class Block:
    """What became of one block; ``row`` and ``line`` count from 0 at its start."""

    good: pl.DataFrame
    bad: pl.DataFrame
    unused: int
    records: int
    newlines: int

    def batch(self, row: int, line: int) -> Batch:
        """Return the rows with the numbers that they have in the file, where the block starts at ``row``, ``line``."""
        moved = (pl.col("row") + row, pl.col("line") + line)
        return Batch(self.good.with_columns(moved), self.bad.with_columns(moved), self.unused)


def read_block(texts: Sequence[bytes], names: Sequence[str], columns: Columns, only: Only | None = None) -> Block:
    """Return what becomes of blocks of whole records that follow each other, under the header ``names``.

    Several are worth while where ``only`` leaves little of each.
    """
    present = {name: kind.rstrip("!?") for name, kind in columns.items() if name in names}
    grids, records, newlines = [], [], []
    for text in texts:
        found = grid(text, len(names))
        if found is None:
            return _together(
                [_irregular(text, names, columns, only)]
                if len(texts) == 1
                else [read_block([one], names, columns, only) for one in texts]
            )
        records.append(len(found.starts))
        newlines.append(int(found.lines[-1]) + text.count(b"\n", int(found.starts[-1])))
        if only is not None and (numbers := found.whole_numbers(names.index(only.column))) is not None:
            found = found.keep(np.isin(numbers, list(only.numbers)))
        grids.append(found)
    found = join(grids, records, newlines)
    frame = values(found, names, present)
    if frame is None:
        words = parse(found.block, names, list(present), 0)
        read = _from_words(Words(words.frame, found.lines, words.faults), found.rows, columns)
    else:
        absent = [pl.lit(None, TYPES[kind.rstrip("!?")]).alias(c) for c, kind in columns.items() if c not in present]
        whole = frame.with_columns(absent).select(list(columns)) if absent else frame
        read = _Read(_numbered(whole, found.rows, found.lines), [])
    return _block(read, columns, only, sum(records), sum(newlines))


def _together(blocks: Sequence[Block]) -> Block:
    """Return blocks that follow each other as one."""
    good, bad, records, newlines = [], [], 0, 0
    for one in blocks:
        moved = one.batch(records, newlines)
        good.append(moved.good)
        bad.append(moved.bad)
        records, newlines = records + one.records, newlines + one.newlines
    return Block(pl.concat(good), pl.concat(bad), sum(one.unused for one in blocks), records, newlines)


def _irregular(text: bytes, names: Sequence[str], columns: Columns, only: Only | None) -> Block:
    words = parse(text, names, [name for name in columns if name in names], 0)
    rows = np.arange(words.frame.height)
    return _block(_from_words(words, rows, columns), columns, only, len(rows), text.count(b"\n"))


@dataclass(frozen=True, slots=True)
class _Read:
    """Values with ``row`` and ``line``, and expressions that say why some are none: the first that says so counts."""

    frame: pl.DataFrame
    reasons: list[pl.Expr]
    broken: pl.Series | None = None
    """Which rows are no records of the table, whatever their values."""


def _numbered(frame: pl.DataFrame, rows: NDArray[np.int64], lines: Sequence[int] | NDArray[np.int64]) -> pl.DataFrame:
    return frame.with_columns(row=pl.Series(rows, dtype=pl.Int64), line=pl.Series(lines, dtype=pl.Int64))


def _from_words(words: Words, rows: NDArray[np.int64], columns: Columns) -> _Read:
    """Cast the words; a word that is no value of its column's kind is a fault."""
    frame = words.frame.with_columns(pl.lit(None, pl.String).alias(c) for c in columns if c not in words.frame.columns)
    cast = frame.select(_cast(name, kind.rstrip("!?")) for name, kind in columns.items())
    faults = None if words.faults is None else pl.Series(words.faults, dtype=pl.String)
    reasons = [] if faults is None else [pl.lit(faults)]
    for name, kind in columns.items():
        if cast[name].null_count() > frame[name].null_count():
            bad = cast[name].is_null() & frame[name].is_not_null()
            reasons.append(pl.when(pl.lit(bad)).then(pl.lit(f"{name}: not {_SAID[kind.rstrip('!?')]}")))
    return _Read(_numbered(cast, rows, words.lines), reasons, None if faults is None else faults.is_not_null())


def _block(read: _Read, columns: Columns, only: Only | None, records: int, newlines: int) -> Block:
    """Part the rows: not asked for; else with a fault, or missing what is needed; else good."""
    frame = read.frame
    missing = [name for name, kind in columns.items() if kind.endswith("!") and frame[name].null_count()]
    why = [*read.reasons, *(pl.when(pl.col(name).is_null()).then(pl.lit(f"{name}: missing")) for name in missing)]
    if why:
        frame = frame.with_columns(reason=pl.coalesce(why))
    if only is not None:
        other = (~frame[only.column].is_in(list(only.numbers))).fill_null(value=False)
        other = other if read.broken is None else other & ~read.broken
        frame = frame.filter(~other) if other.any() else frame
    if not why:
        return Block(frame, pl.DataFrame(schema=BAD_SCHEMA), records - frame.height, records, newlines)
    is_bad = pl.col("reason").is_not_null()
    good, bad = frame.filter(~is_bad).drop("reason"), frame.filter(is_bad).select(list(BAD_SCHEMA))
    return Block(good, bad, records - frame.height, records, newlines)


def _cast(name: str, kind: str) -> pl.Expr:
    """Return the column's values; null where the word is not one."""
    words = pl.col(name)
    if kind == "int":
        return words.cast(pl.Int64, strict=False)
    if kind == "number":
        value = words.cast(pl.Float64, strict=False)
        return pl.when(value.is_finite() & (value.abs() <= _MAX_FLOAT32)).then(value).alias(name)
    if kind == "time":
        # MIMIC writes both 2180-07-23 12:36:00 and, for days, 2180-07-23
        full = pl.when(words.str.len_bytes() == 10).then(words + " 00:00:00").otherwise(words)
        return full.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False).alias(name)
    return words
