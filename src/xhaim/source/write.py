"""Writing a store: each shard sorted, the metadata, then everything in place at once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
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
INFO = "ingest.json"
_SELDOM_REPEATED = {"time", "known_at", "numeric_value"}
"""Columns for which a dictionary costs more than it saves."""
_MEDS_TYPES = {
    **dict.fromkeys(("code", "description", "split"), pa.string()),
    "parent_codes": pa.list_(pa.string()),
}


def write_shard(store: Path, shard: int, events: pl.DataFrame) -> None:
    """Write one shard, sorted by subject, time, code and value, then by all other columns.

    So equal events in any order of rows give the same file.
    """
    (store / "data").mkdir(exist_ok=True)
    _write_parquet(_in_order(events.select(list(EVENT_SCHEMA))), store / "data" / f"{shard}.parquet")


def _in_order(events: pl.DataFrame) -> pl.DataFrame:
    """Sort by numbers first, which is quick, and by everything only where they are equal."""
    columns = ["subject_id", "time", "code", "numeric_value", "text_value", "source"]
    columns += [name for name in EVENT_SCHEMA if name not in columns]
    rank = events["code"].unique().sort().to_frame().with_row_index("rank")
    keys = events.select(columns[:4]).join(rank, on="code", how="left", maintain_order="left")
    numbers = ["subject_id", "time", "rank", "numeric_value"]
    first = keys.drop("code").with_row_index("at").sort(numbers)
    order = first["at"].to_numpy().copy()
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in numbers)
    again = first.select(same).to_series().to_numpy().copy()
    again[:1] = False
    tied = np.flatnonzero(again | np.append(again[1:], False))
    if len(tied):
        rows = events[order[tied]].with_columns(at=pl.Series(order[tied]))
        order[tied] = rows.sort(columns)["at"].to_numpy()
    return events[order]


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
    repeated = [field.name for field in fields if field.name not in _SELDOM_REPEATED]
    parquet.write_table(
        table.cast(pa.schema(fields)), path, compression="zstd", row_group_size=1 << 19, use_dictionary=repeated
    )


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
