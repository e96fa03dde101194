"""Streaming, checked reading of one csv table: every row is used, or set aside with its line number and a reason.

One thread decompresses and cuts the text into blocks of whole records, others turn blocks into values (``cast.py``).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from xhaim.errors import DataError, did_you_mean
from xhaim.source.csv_tables.ahead import THREADS, in_order
from xhaim.source.csv_tables.blocks import BLOCK_BYTES, OnBytes, blocks
from xhaim.source.csv_tables.cast import BAD_SCHEMA, TYPES, Batch, Columns, Only, columns, read_block

__all__ = ["BAD_SCHEMA", "TYPES", "Batch", "Columns", "Only", "columns", "header_of", "nothing", "read_table"]


ONLY_BLOCK_BYTES, ONLY_GROUP = 1 << 20, 16
"""Where ``only`` leaves little of each block: small ones stay in the processor's cache, and many are read as one."""


def nothing(stored_bytes: int) -> None:
    """Ignore how many bytes were read."""


def header_of(path: Path) -> list[str]:
    """Return the column names of a csv file, its first lines read. Raises DataError as ``read_table`` does."""
    return _header(path, next(blocks(path, nothing, 1 << 16)))[0]


def read_table(
    path: Path,
    columns: Columns,
    on_bytes: OnBytes = nothing,
    block_bytes: int | None = None,
    only: Only | None = None,
    threads: int = THREADS,
) -> Iterator[Batch]:
    """Yield the table's rows in batches, in the file's order; at least one, empty where the file holds a header only.

    With ``only``, well-formed rows whose number is another are counted and not read further. ``threads`` parse, while
    this one decompresses; they never change a result. Raises DataError when the file is empty, cut short, corrupt, or
    lacks a column or has one twice. As a gzip file's checksum stands at its end, a batch may be kept only when the
    iteration has ended without an error.
    """
    size, group = (BLOCK_BYTES, 1) if only is None else (ONLY_BLOCK_BYTES, ONLY_GROUP)
    text = blocks(path, on_bytes, block_bytes or size)
    first = next(text)
    names, offset = _header(path, first)
    _check_columns(path, names, columns)
    row, line = 1, 1 + first[:offset].count(b"\n")
    bodies = _grouped(chain([first[offset:]], text), group)
    for done, read in enumerate(in_order(bodies, lambda group: read_block(group, names, columns, only), threads)):
        if read.records or not done:
            yield read.batch(row, line)
        row += read.records
        line += read.newlines


def _grouped(texts: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    while group := list(islice(texts, size)):
        yield group


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
