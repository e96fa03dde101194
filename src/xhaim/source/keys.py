"""Rows judged by their keys: each once, and of subjects that are there."""

from __future__ import annotations

import numpy as np
import polars as pl

from xhaim.source.csv_tables.checked import BAD_SCHEMA


def without_duplicates(rows: pl.DataFrame, key: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows with a key of their own, and the others as set aside.

    Of equal keys the first by content is kept, whatever the order of rows.
    """
    content = [name for name in rows.columns if name not in {"row", "line"}]
    first = rows.sort(key, *content, "row").with_columns(again=~pl.col(key).is_first_distinct())
    reason = pl.lit(f"{key}: more than once; the first by content is kept").alias("reason")
    return first.filter(~pl.col("again")).drop("again"), first.filter("again").select("row", "line", reason)


def of_known_subjects(rows: pl.DataFrame, subjects: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of known subjects (ascending), and the others as set aside."""
    there, asked = subjects.to_numpy(), rows["subject_id"].to_numpy()
    if not len(there):
        known = np.zeros(len(asked), bool)
    else:
        known = there[np.minimum(np.searchsorted(there, asked), len(there) - 1)] == asked
    if known.all():
        return rows, pl.DataFrame(schema=BAD_SCHEMA)
    reason = pl.lit("subject_id: not in patients").alias("reason")
    return rows.filter(known), rows.filter(~known).select("row", "line", reason)
