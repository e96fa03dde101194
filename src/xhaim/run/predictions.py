"""The rows of predictions: of each sample of a split's validation and test part, by each model."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from xhaim.run.people import SplitRows
from xhaim.task import Task

PREDICTION_SCHEMA = {
    "sample_id": pl.String(),
    "subject_id": pl.Int64(),
    "task_id": pl.String(),
    "model": pl.String(),
    "split": pl.Int64(),
    "part": pl.String(),
    "label": pl.Int8(),
    "raw": pl.Float64(),
    "risk": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "abstains": pl.Boolean(),
}


def prediction_rows(task: Task, model: str, split: int, rows: SplitRows, columns: dict[str, Any]) -> pl.DataFrame:
    """Return rows of PREDICTION_SCHEMA, validation and test in their order; in-sample predictions are of no use.

    ``columns``: raw, and what else of the last columns there is, of these rows. NaN: the model gave none.
    """
    wanted = np.sort(np.r_[rows.validation, rows.test])
    in_test = set(rows.test.tolist())
    frame = pl.DataFrame(
        {
            "sample_id": [rows.ids[i] for i in wanted],
            "subject_id": rows.subjects[wanted],
            "task_id": task.id,
            "model": model,
            "split": split,
            "part": ["test" if i in in_test else "validation" for i in wanted],
            "label": rows.labels[wanted],
            **columns,
        }
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in PREDICTION_SCHEMA.items() if name not in frame.columns]
    return (
        frame.with_columns(missing)
        .with_columns(pl.col("raw", "risk", "low", "high").fill_nan(None))
        .select([pl.col(name).cast(kind) for name, kind in PREDICTION_SCHEMA.items()])
    )
