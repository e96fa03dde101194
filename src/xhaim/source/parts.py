"""Rows put aside on disk as they come, by subject, until every table has been read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

FLUSH_BYTES = 32 << 20
"""Rows held before they go to disk: much more costs memory, much less makes many small files."""
SUBJECTS_PER_CELL = 50
"""Subjects put aside together: few, as one in intensive care may have 100,000 rows."""
SHARD_ROWS = 400_000
"""Rows, about, of a shard: they are held in memory at once, and sorted."""
ROW_BYTES = 256
"""A row with so much text counts as one more."""


class Parts:
    """Rows of many tables, put aside on disk by cells of a few subjects, so that subjects can be read whole later.

    A shard is a run of cells, as many as ``subjects_per_shard`` and ``SHARD_ROWS`` allow, and one at least: which
    subject is in which shard depends on the data alone, not on the order of rows. Each flush writes one Arrow file for
    each table, in which a cell's rows are batches of their own. The rows after the last flush stay in memory.
    """

    def __init__(self, folder: Path, subjects: pl.Series, subjects_per_shard: int) -> None:
        self._folder = folder
        step = min(SUBJECTS_PER_CELL, subjects_per_shard)
        self._bounds = subjects.to_numpy()[::step]
        self._cells_per_shard = subjects_per_shard // step
        self._weight = np.zeros(max(1, len(self._bounds)), np.int64)  # a store without subjects still has columns
        self._held: dict[str, list[pl.DataFrame]] = {}
        self._last: dict[str, tuple[NDArray[np.int64], pl.DataFrame]] = {}
        self._bytes = 0
        self._files = 0
        self._batches: dict[tuple[int, str], list[tuple[Path, int]]] = {}
        self._shards: list[range] | None = None

    @property
    def shards(self) -> int:
        """How many shards there are, once everything was added."""
        return len(self._cells())

    def add(self, name: str, rows: pl.DataFrame) -> None:
        """Put rows aside; they have a ``subject_id`` that is among the subjects."""
        if rows.height:
            self._held.setdefault(name, []).append(rows)
            self._bytes += int(rows.estimated_size())
        if self._bytes > FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held in memory."""
        for name, (cell, rows) in self._by_cell().items():
            self._write(name, cell, rows)

    def close(self) -> None:
        """End adding: from now on rows are read."""
        self._last = self._by_cell()

    def _by_cell(self) -> dict[str, tuple[NDArray[np.int64], pl.DataFrame]]:
        """Take what is held: of each table the cell of each row, ascending, and the rows."""
        held = {name: self._sorted(pl.concat(frames)) for name, frames in self._held.items()}
        self._held, self._bytes, self._shards = {}, 0, None
        return held

    def _sorted(self, rows: pl.DataFrame) -> tuple[NDArray[np.int64], pl.DataFrame]:
        cell = np.maximum(np.searchsorted(self._bounds, rows["subject_id"].to_numpy(), side="right") - 1, 0)
        if (np.diff(cell) < 0).any():  # published tables are in order of subjects
            order = np.argsort(cell, kind="stable")
            cell, rows = cell[order], rows[order]
        self._weight += np.bincount(cell, minlength=len(self._weight))
        for text in {"text", "text_value"} & set(rows.columns):
            length = rows[text].str.len_bytes().fill_null(0).to_numpy()
            self._weight += np.bincount(cell, length // ROW_BYTES, len(self._weight)).astype(np.int64)
        return cell, rows

    def _write(self, name: str, cell: NDArray[np.int64], rows: pl.DataFrame) -> None:
        numbers, starts = np.unique(cell, return_index=True)
        full = [column for column in rows.columns if rows[column].null_count() < rows.height]
        table = rows.select(full).to_arrow(compat_level=pl.CompatLevel.oldest())
        path = self._folder / f"{self._files:06}.arrow"
        self._files += 1
        written = 0
        with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
            for number, start, end in zip(numbers, starts, [*starts[1:], len(cell)], strict=True):
                for batch in table.slice(start, end - start).to_batches():
                    file.write_batch(batch)
                    self._batches.setdefault((int(number), name), []).append((path, written))
                    written += 1

    def _cells(self) -> list[range]:
        """Return the cells of each shard."""
        if self._shards is None:
            starts, size = [0], 0
            for cell, weight in enumerate(self._weight.tolist()):
                if cell > starts[-1] and (size + weight > SHARD_ROWS or cell - starts[-1] == self._cells_per_shard):
                    starts.append(cell)
                    size = 0
                size += weight
            self._shards = [range(a, b) for a, b in zip(starts, [*starts[1:], len(self._weight)], strict=True)]
        return self._shards

    def read(self, shard: int, name: str, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Return a shard's rows of one table, by ``schema``, after ``close``."""
        places: dict[Path, list[int]] = {}
        cells = self._cells()[shard]
        for cell in cells:
            for path, number in self._batches.get((cell, name), []):
                places.setdefault(path, []).append(number)
        frames = [pl.DataFrame(schema=schema)]
        for path, numbers in places.items():
            with pa.ipc.open_file(path) as file:
                frames.append(pl.DataFrame(pl.from_arrow(pa.Table.from_batches(map(file.get_batch, numbers)))))
        if name in self._last:
            of_rows, rows = self._last[name]
            start, end = np.searchsorted(of_rows, [cells.start, cells.stop]).tolist()
            frames.append(rows[start:end])
        return pl.concat(frames, how="diagonal")  # a file leaves out the columns that are null throughout
