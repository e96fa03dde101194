"""Where each field of a regular block of csv lies, and its values without words in between.

Only blocks whose every byte is understood are taken; of any other the caller is told to use words. What Arrow's
typed parser accepts and the cast from words refuses (spaces, hexadecimal numbers, other forms of a time) is looked for
first, so that both ways give the same values.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

_QUOTE, _NEWLINE, _COMMA, _RETURN = (ord(letter) for letter in '"\n,\r')
_ARROW = {"int": pa.int64(), "number": pa.float64(), "time": pa.timestamp("us"), "text": pa.string()}
_POLARS = {"int": pl.Int64(), "number": pl.Float64(), "time": pl.Datetime("us"), "text": pl.String()}
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_DIGITS = 18
"""A whole number of more may be too large for 64 bits."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A block in which every record has as many fields as the header, and quotes stand where they may."""

    block: bytes
    starts: NDArray[np.int64]
    """[records]: offset of each record."""
    ends: NDArray[np.int64]
    """[records, fields]: offset of the comma or newline after each field."""
    rows: NDArray[np.int64]
    """[records]: records before each record, with those that were not kept."""
    lines: NDArray[np.int64]
    """[records]: newlines before each record, likewise."""

    def field(self, column: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the offsets at which the fields of a column start and end."""
        return (self.ends[:, column - 1] + 1 if column else self.starts), self.ends[:, column]

    def whole_numbers(self, column: int) -> NDArray[np.int64] | None:
        """Return the values of a column of plain digits; ``None`` where any field is something else, or empty."""
        text = np.frombuffer(self.block, np.uint8)
        start, end = self.field(column)
        length = end - start
        width = int(length.max())
        if width > _DIGITS or length.min() == 0 or end[0] < width:
            return None
        numbers = np.lib.stride_tricks.sliding_window_view(text, width)[end - width] - np.uint8(ord("0"))
        if length.min() < width:  # what stands before the field
            numbers[np.arange(width) < (width - length)[:, None]] = 0
        if numbers.max() > 9:  # of what is no digit: 10 or more, as bytes wrap around
            return None
        values: NDArray[np.int64] = numbers @ (10 ** np.arange(width - 1, -1, -1))
        return values

    def keep(self, wanted: NDArray[np.bool_]) -> Grid:
        """Return the wanted records as a smaller block."""
        kept = np.flatnonzero(wanted)
        offsets = np.append(self.starts, self.ends[-1, -1] + 1).astype(np.int32)
        records = pa.BinaryArray.from_buffers(
            pa.binary(), len(self.starts), [None, pa.py_buffer(offsets), pa.py_buffer(self.block)]
        ).take(pa.array(kept))
        old, ends = self.starts[kept], self.ends[kept]
        size = ends[:, -1] + 1 - old
        starts = np.cumsum(size) - size
        block = records.buffers()[2][: int(size.sum())].to_pybytes() if len(kept) else b""
        return Grid(block, starts, ends + (starts - old)[:, None], self.rows[kept], self.lines[kept])


def grid(block: bytes, width: int) -> Grid | None:
    """Find every field of a block of whole records, ``width`` in each; ``None`` where anything is irregular."""
    if not block or b"\0" in block or b"\r" in block or not is_utf8(block):
        return None
    if not block.endswith(b"\n"):
        block += b"\n"
    text = np.frombuffer(block, np.uint8)
    found = np.flatnonzero((text == _COMMA) | (text == _NEWLINE))
    quotes = np.flatnonzero(text == _QUOTE) if b'"' in block else np.zeros(0, np.int64)
    if len(quotes):
        opening, closing = quotes[0::2], quotes[1::2]
        if len(opening) != len(closing) or not is_regular(text, opening, closing):
            return None
        depth = np.zeros(len(found) + 1, np.int64)
        np.add.at(depth, np.searchsorted(found, opening), 1)
        np.add.at(depth, np.searchsorted(found, closing), -1)
        found = found[np.cumsum(depth[:-1]) == 0]
    newline = text[found] == _NEWLINE  # each record's last separator, and no other
    if len(found) % width or not newline[width - 1 :: width].all() or np.count_nonzero(newline) * width != len(found):
        return None
    ends = found.reshape(-1, width)
    if width == 1 and _has_empty_line(ends[:, 0]):
        return None
    starts = np.concatenate(([0], ends[:-1, -1] + 1))
    rows = lines = np.arange(len(starts))
    if len(quotes):
        lines = np.searchsorted(np.flatnonzero(text == _NEWLINE), starts)
    return Grid(block, starts, ends, rows, lines)


def join(grids: Sequence[Grid], records: Sequence[int], newlines: Sequence[int]) -> Grid:
    """Return blocks that follow each other as one; each had so many records and newlines before some were left out."""
    if len(grids) == 1:
        return grids[0]
    before = [np.cumsum([0, *counts[:-1]]) for counts in ([len(one.block) for one in grids], records, newlines)]
    return Grid(
        b"".join(one.block for one in grids),
        np.concatenate([one.starts + n for one, n in zip(grids, before[0], strict=True)]),
        np.concatenate([one.ends + n for one, n in zip(grids, before[0], strict=True)]),
        np.concatenate([one.rows + n for one, n in zip(grids, before[1], strict=True)]),
        np.concatenate([one.lines + n for one, n in zip(grids, before[2], strict=True)]),
    )


def _has_empty_line(newlines: NDArray[np.int64]) -> bool:
    return bool(newlines[0] == 0 or (np.diff(newlines) == 1).any())


def is_utf8(block: bytes) -> bool:
    """Say whether the bytes are UTF-8."""
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_regular(text: NDArray[np.uint8], opening: NDArray[np.int64], closing: NDArray[np.int64]) -> bool:
    """Say whether each quoted run starts after a separator and ends before one, or touches the next: ``""``."""
    touching = opening[1:] == closing[:-1] + 1
    before = text[np.maximum(opening - 1, 0)]
    starts = (before == _COMMA) | (before == _NEWLINE) | (opening == 0)
    after = text[np.minimum(closing + 1, len(text) - 1)]
    ends = (after == _COMMA) | (after == _NEWLINE) | (after == _RETURN) | (closing == len(text) - 1)
    return bool(np.all(starts[1:] | touching) and starts[0] and np.all(ends[:-1] | touching) and ends[-1])


def values(found: Grid, names: Sequence[str], kinds: Mapping[str, str]) -> pl.DataFrame | None:
    """Return the columns ``kinds`` (name -> int, number, time, text), null where a field is empty.

    ``None`` where any field is no plain value of its kind: then words say which, and why.
    """
    if not len(found.starts):
        return pl.DataFrame(schema={name: _POLARS[kind] for name, kind in kinds.items()})
    if found.block.startswith(BOM_UTF8):  # Arrow would skip it
        return None
    text = np.frombuffer(found.block, np.uint8)
    if not all(_is_plain(text, *found.field(names.index(name)), kind) for name, kind in kinds.items()):
        return None
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(found.block),
            read_options=arrow_csv.ReadOptions(
                column_names=list(names), use_threads=False, block_size=len(found.block) + 1
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(kinds),
                column_types={name: _ARROW[kind] for name, kind in kinds.items()},
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:  # a value out of range, an impossible date
        return None
    frame = pl.DataFrame(pl.from_arrow(table))
    too_large = any((frame[name].abs() > _MAX_FLOAT32).any() for name, kind in kinds.items() if kind == "number")
    return None if too_large or frame.height != len(found.starts) else frame


def _is_plain(text: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64], kind: str) -> bool:
    """Say whether no field can mean one thing to Arrow and another to the cast from words."""
    if kind == "text":
        return True
    empty = start == end
    if kind == "time":  # of 19 bytes with a space in the middle Arrow reads 2180-07-23 12:36:00 only
        length, middle = end - start, text[np.minimum(start + 10, len(text) - 1)]
        return bool(np.all(empty | (length == 10) | ((length == 19) & (middle == ord(" ")))))
    first, last = text[start], text[end - 1]
    signed = first == ord("-")
    plain = (_is_digit(first) | signed) & _is_digit(last)
    if kind == "int":
        plain &= (text[np.minimum(start + 1, end)] | 32) != ord("x")  # 0x1F
    return bool(np.all(empty | plain))


def _is_digit(byte: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return byte - np.uint8(ord("0")) <= 9
