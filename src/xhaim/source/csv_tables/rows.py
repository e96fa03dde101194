"""A block of csv records to words: by Arrow's parser where the block is regular, else by Python's exact one.

Both are strict in the same way: a quote may open a field only at its start and close it only at its end, and every
record has as many fields as the header. Only then do both give the same words.
"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from xhaim.source.csv_tables.blocks import MAX_RECORD_BYTES
from xhaim.source.csv_tables.grid import is_regular, is_utf8

_QUOTE, _NEWLINE = ord('"'), ord("\n")


@dataclass(frozen=True, slots=True)
class Words:
    """Rows as words: null where a field is empty."""

    frame: pl.DataFrame
    lines: Sequence[int] | NDArray[np.int64]
    faults: Sequence[str | None] | None
    """One for each row; ``None``: no row has any."""


def parse(block: bytes, names: Sequence[str], present: Sequence[str], line: int) -> Words:
    """Return the columns ``present`` of a block of whole records whose first line is ``line`` of the file.

    ``names`` is the header. Blank lines are no records.
    """
    return _fast(block, names, present, line) or _exact(block, names, present, line)


# ---- Arrow's parser, for regular blocks ---------------------------------------------------------------------------


def _fast(block: bytes, names: Sequence[str], present: Sequence[str], line: int) -> Words | None:
    """Parse a regular block; ``None`` where anything about it is irregular."""
    if not block or b"\0" in block or block.startswith(BOM_UTF8) or not is_utf8(block):
        return None
    if block.count(b"\r") != block.count(b"\r\n"):  # Arrow takes a bare one for the end of a line
        return None
    ends = _record_ends(block)
    if ends is None:
        return None
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(block),
            read_options=arrow_csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(block) + 1),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(present),
                column_types=dict.fromkeys(present, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:  # a short or a long row
        return None
    if table.num_rows != len(ends):  # blank lines
        return None
    frame = pl.DataFrame(pl.from_arrow(table))
    starts = np.concatenate(([0], ends[:-1] + 1))
    newlines = np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE)
    return Words(frame, line + np.searchsorted(newlines, starts), None)


def _record_ends(block: bytes) -> NDArray[np.int64] | None:
    """Return the offset at which each record ends; ``None`` where a quote stands where none may (RFC 4180)."""
    text = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(text == _NEWLINE)
    quotes = np.flatnonzero(text == _QUOTE)
    if len(quotes):
        opening, closing = quotes[0::2], quotes[1::2]
        if len(opening) != len(closing) or not is_regular(text, opening, closing):
            return None
        newlines = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    if block[-1] != _NEWLINE:
        newlines = np.append(newlines, len(block))
    return newlines


# ---- Python's parser, for blocks with faults ----------------------------------------------------------------------


def _exact(block: bytes, names: Sequence[str], present: Sequence[str], line: int) -> Words:
    """Parse record by record; where the quoting is wrong, set one line aside and read on from the next."""
    csv.field_size_limit(2 * MAX_RECORD_BYTES)
    lines = [part + "\n" for part in block.decode("utf-8", "surrogateescape").split("\n")]
    lines[-1] = lines[-1][:-1]
    places = [(name, names.index(name)) for name in present]
    values: dict[str, list[str | None]] = {name: [] for name in present}
    starts: list[int] = []
    faults: list[str | None] = []
    for at, fields, problem in _records(lines):
        fault = problem or _fault(fields, len(names))
        starts.append(line + at)
        faults.append(fault)
        for name, index in places:
            values[name].append(None if fault else fields[index] or None)
    frame = pl.DataFrame(values, schema=dict.fromkeys(values, pl.String()))
    return Words(frame, starts, faults)


def _records(lines: Sequence[str]) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield (index of the first line, fields, problem of quoting) of each record that is not a blank line."""
    start = 0
    while start < len(lines):
        reader = csv.reader(map(lines.__getitem__, range(start, len(lines))), strict=True)
        begin = start
        try:
            for fields in reader:
                if fields:
                    yield begin, fields, None
                begin = start + reader.line_num
            start = len(lines)
        except csv.Error:
            yield begin, [], "quoting: a quote that never closes, or text after a closing one"
            start = begin + 1


def _fault(fields: Sequence[str], width: int) -> str | None:
    if len(fields) != width:
        return f"{len(fields)} fields where the header has {width}"
    text = "".join(fields)
    if "\0" in text:
        return "a NUL byte"
    if not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text):
        return "bytes that are not UTF-8"
    return None
