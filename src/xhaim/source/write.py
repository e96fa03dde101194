"""Writing a store: events to parts by shard as they come, then each shard sorted, then everything in place at once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import parquet

from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA

LAYOUT = 1
"""Version of the store's layout; a store of another is ingested again."""
FLUSH_BYTES = 64 << 20
"""Rows held before they go to disk: much more costs memory, much less makes many small files."""
INFO = "ingest.json"
_MEDS_TYPES = {
    **dict.fromkeys(("code", "description", "split"), pa.string()),
    "parent_codes": pa.list_(pa.string()),
}


class Parts:
    """Rows of many tables, put aside on disk by shard, so that a shard's subjects can be read whole later.

    Shards hold consecutive subjects: which one is in which depends on the subjects alone, not on the order of rows.
    Each flush writes one Arrow file for each table, in which a shard's rows are batches of their own.
    """

    def __init__(self, folder: Path, subjects: pl.Series, subjects_per_shard: int) -> None:
        self._folder = folder
        self._bounds = subjects.to_numpy()[::subjects_per_shard]
        self._held: dict[str, list[pl.DataFrame]] = {}
        self._bytes = 0
        self._files = 0
        self._batches: dict[tuple[int, str], list[tuple[Path, int]]] = {}

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return max(1, len(self._bounds))  # a store without subjects still has columns

    def add(self, name: str, rows: pl.DataFrame) -> None:
        """Put rows aside; they have a ``subject_id`` that is among the subjects."""
        if rows.height:
            self._held.setdefault(name, []).append(rows)
            self._bytes += int(rows.estimated_size())
        if self._bytes > FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held in memory."""
        for name, frames in self._held.items():
            self._write(name, pl.concat(frames))
        self._held, self._bytes = {}, 0

    def _write(self, name: str, rows: pl.DataFrame) -> None:
        shard = np.searchsorted(self._bounds, rows["subject_id"].to_numpy(), side="right") - 1
        order = np.argsort(shard, kind="stable")
        numbers, starts = np.unique(shard[order], return_index=True)
        table = rows[order].to_arrow(compat_level=pl.CompatLevel.oldest())
        path = self._folder / f"{self._files:06}.arrow"
        self._files += 1
        written = 0
        with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
            for number, start, end in zip(numbers, starts, [*starts[1:], len(order)], strict=True):
                for batch in table.slice(start, end - start).to_batches():
                    file.write_batch(batch)
                    self._batches.setdefault((int(number), name), []).append((path, written))
                    written += 1

    def read(self, shard: int, name: str, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Return a shard's rows of one table after ``flush``."""
        frames = [pl.DataFrame(schema=schema)]
        for path, number in self._batches.get((shard, name), []):
            with pa.ipc.open_file(path) as file:
                frames.append(pl.DataFrame(pl.from_arrow(file.get_batch(number))))
        return pl.concat(frames)


def write_shard(store: Path, shard: int, events: pl.DataFrame) -> None:
    """Write one shard, sorted by subject, time, code and value, then by all other columns.

    So equal events in any order of rows give the same file.
    """
    first = ["subject_id", "time", "code", "numeric_value", "text_value", "source"]
    others = [name for name in EVENT_SCHEMA if name not in first]
    ordered = events.select(list(EVENT_SCHEMA)).sort(*first, *others)
    (store / "data").mkdir(exist_ok=True)
    _write_parquet(ordered, store / "data" / f"{shard}.parquet")


def write_metadata(store: Path, name: str, version: str, codes: pl.DataFrame) -> None:
    """Write MEDS's ``metadata/``: the data set's name, and ``codes`` (``code``, ``description``)."""
    folder = store / "metadata"
    folder.mkdir(exist_ok=True)
    about = {
        "dataset_name": name,
        "dataset_version": version,
        "etl_name": "xhaim",
        "etl_version": str(LAYOUT),
        "meds_version": "0.4",
        "raw_source_id_columns": ["hadm_id", "stay_id", "study_id"],
        "additional_value_modality_columns": ["image_path"],
        "other_extension_columns": ["known_at", "unit", "title", "source"],
    }
    write_json(folder / "dataset.json", about)
    parents = pl.lit(None, pl.List(pl.String)).alias("parent_codes")
    _write_parquet(codes.select("code", "description", parents).sort("code"), folder / "codes.parquet")


def write_splits(store: Path, splits: pl.DataFrame) -> None:
    """Write MEDS's ``metadata/subject_splits.parquet`` (``subject_id``, ``split``)."""
    (store / "metadata").mkdir(exist_ok=True)
    _write_parquet(splits, store / "metadata" / "subject_splits.parquet")


def _write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write with the column types that MEDS asks for: short strings, but large ones for text."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    fields = [field.with_type(_MEDS_TYPES.get(field.name, field.type)) for field in table.schema]
    parquet.write_table(table.cast(pa.schema(fields)), path, compression="zstd", row_group_size=1 << 19)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON with a final newline."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def stored_info(out: Path) -> dict[str, Any] | None:
    """Return what ``ingest.json`` of a store says; ``None`` where nothing is there, or an empty folder.

    Raises DataError where something else is there: it would be overwritten.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        info = json.loads((out / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        info = None
    if not isinstance(info, dict) or "layout" not in info:
        raise DataError(
            f"{out} is there and is not a store",
            got=f"no readable {INFO}",
            expected="a new folder, or a store",
            do="choose another folder, or remove this one",
        )
    return info


@contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give an empty folder beside ``out`` that takes its place when the block ends without an error.

    A reader of ``out`` sees the old store or the new one, never a part. Whatever a killed run left is removed.
    """
    partial, old = out.with_name(f".{out.name}.partial"), out.with_name(f".{out.name}.old")
    shutil.rmtree(partial, ignore_errors=True)
    if old.exists() and not out.exists():  # killed between the two renames below
        old.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for path in sorted(partial.rglob("*")):
            _sync(path)
        _sync(partial)
        if out.exists():
            out.rename(old)
        partial.rename(out)
        _sync(out.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
