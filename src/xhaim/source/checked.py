"""Streaming, checked reading of one csv table: every row is used, or set aside with its line number and a reason.

A block of whole records goes through Arrow's parser if its quoting, encoding and widths are regular, else through
Python's exact one; either way columns arrive as words and are cast in one place, so both ways give the same values.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from xhaim.errors import DataError, did_you_mean
from xhaim.source.blocks import BLOCK_BYTES, OnBytes, blocks
from xhaim.source.rows import Words, parse

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


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a table, in the file's order."""

    good: pl.DataFrame
    """The asked columns with their types, and ``row`` (from 1, the header not counted) and ``line`` (of the file,
    from 1, where the record starts)."""
    bad: pl.DataFrame
    """``row``, ``line``, ``reason``: never more of a value than its column's name."""


def columns(words: str) -> Columns:
    """Return the columns of ``name kind name kind …``."""
    listed = words.split()
    return dict(zip(listed[::2], listed[1::2], strict=True))


def nothing(stored_bytes: int) -> None:
    """Ignore how many bytes were read."""


def header_of(path: Path) -> list[str]:
    """Return the column names of a csv file, its first lines read. Raises DataError as ``read_table`` does."""
    return _header(path, next(blocks(path, nothing, 1 << 16)))[0]


def read_table(
    path: Path, columns: Columns, on_bytes: OnBytes = nothing, block_bytes: int = BLOCK_BYTES
) -> Iterator[Batch]:
    """Yield the table's rows in batches; at least one, empty where the file holds a header only.

    Raises DataError when the file is empty, cut short, corrupt, or lacks a column or has one twice. As a gzip file's
    checksum stands at its end, a batch may be kept only when the iteration has ended without an error.
    """
    names: list[str] = []
    row, line = 1, 1
    for block in blocks(path, on_bytes, block_bytes):
        body, first = block, not names
        if first:
            names, offset = _header(path, block)
            _check_columns(path, names, columns)
            body, line = block[offset:], 1 + block[:offset].count(b"\n")
        words = parse(body, names, [name for name in columns if name in names], line)
        if words.frame.height or first:
            yield _typed(words, columns, row)
        row += words.frame.height
        line += body.count(b"\n")


def _header(path: Path, block: bytes) -> tuple[list[str], int]:
    """Return the column names and the offset of the first record."""
    end = block.find(b"\n") + 1 or len(block)
    try:
        text = block[:end].decode("utf-8-sig")
        names = next(csv.reader([text], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} has no readable header", got=type(error).__name__, expected="column names in UTF-8"
        ) from error
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not any(names):
        raise DataError(
            f"{path} has {'a column more than once' if twice else 'no header'}",
            got=", ".join(twice) or "an empty first line",
            expected="each column name once, in the first line",
        )
    return names, end


def _check_columns(path: Path, names: Sequence[str], columns: Columns) -> None:
    for name, kind in columns.items():
        if name not in names and not kind.endswith("?"):
            raise DataError(
                f"{path} has no column '{name}'",
                got=", ".join(names[:40]),
                expected=did_you_mean(name, columns),
                do="use the table as published; column order does not matter",
            )


# ---- words to values ----------------------------------------------------------------------------------------------


def _typed(words: Words, columns: Columns, first_row: int) -> Batch:
    """Cast the words; a word that is no value of its column's kind, or is missing where needed, is a fault."""
    height = words.frame.height
    frame = words.frame.with_columns(pl.lit(None, pl.String).alias(c) for c in columns if c not in words.frame.columns)
    values = frame.select(_cast(name, kind.rstrip("!?")) for name, kind in columns.items()).with_columns(
        row=pl.int_range(first_row, first_row + height, dtype=pl.Int64),
        line=pl.Series(words.lines, dtype=pl.Int64),
    )
    reasons = [pl.lit(None, pl.String)]
    if words.faults is not None:
        reasons.append(pl.lit(pl.Series(words.faults, dtype=pl.String)))
    for name, kind in columns.items():
        empty, lost = frame[name].null_count(), values[name].null_count()
        if lost > empty:
            bad = values[name].is_null() & frame[name].is_not_null()
            reasons.append(pl.when(pl.lit(bad)).then(pl.lit(f"{name}: not {_SAID[kind.rstrip('!?')]}")))
        if kind.endswith("!") and empty:
            reasons.append(pl.when(pl.col(name).is_null()).then(pl.lit(f"{name}: missing")))
    if len(reasons) == 1:
        return Batch(values, pl.DataFrame(schema=BAD_SCHEMA))
    judged = values.with_columns(reason=pl.coalesce(reasons))
    bad_rows = judged.filter(pl.col("reason").is_not_null()).select(list(BAD_SCHEMA))
    return Batch(judged.filter(pl.col("reason").is_null()).drop("reason"), bad_rows)


_SAID = {"int": "a whole number", "number": "a finite number of 32 bits", "time": "a date or time", "text": "text"}


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
