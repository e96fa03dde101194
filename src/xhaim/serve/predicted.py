"""The stored predictions as the rows of a worklist: of each sample and task the one that a new patient would get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.run.directory import read_json

SCHEMA = {
    "sample_id": pl.String(),
    "subject_id": pl.Int64(),
    "stay_id": pl.Int64(),
    "prediction_time": pl.Datetime("us"),
    "task_id": pl.String(),
    "split": pl.Int64(),
    "part": pl.String(),
    "label": pl.Int8(),
    "raw": pl.Float64(),
    "risk": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "abstains": pl.Boolean(),
    "threshold": pl.Float64(),
    "previous": pl.Float64(),
    "previous_time": pl.Datetime("us"),
}
"""``threshold``: the split's operating point. ``previous``: the risk of the same stay's prediction before, null where
there is none; ``part``: ``test``, or ``validation``: rows that the calibration was fitted on."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a split's model acts, and what it was fitted on."""

    threshold: float
    sensitivity: float | None
    specificity: float | None
    base_rate: float
    n_train: int
    n_validation: int


def operating_points(folders: Mapping[str, Path]) -> dict[tuple[str, int], OperatingPoint]:
    """Return (task id, split) -> operating point, of ``<folder>/split-<n>/xhaim/model.json``."""
    return {
        (task_id, int(path.parts[-3].removeprefix("split-"))): _point(read_json(path)["facts"])
        for task_id, folder in folders.items()
        for path in sorted(folder.glob("split-*/xhaim/model.json"))
    }


def _point(facts: dict[str, Any]) -> OperatingPoint:
    point = facts["operating_point"]
    return OperatingPoint(
        float(point["threshold"]),
        point.get("sensitivity"),
        point.get("specificity"),
        float(facts["base_rate"]),
        int(facts["n_train"]),
        int(facts["n_validation"]),
    )


def predictions_of(folders: Mapping[str, Path], samples: pl.DataFrame) -> pl.DataFrame:
    """Return rows of SCHEMA, ordered by task and sample.

    Of a sample's splits the first in which it is in the test part, else the first of all: what a model says of stays
    that it learned from is not stored, so these have no row.
    """
    frames = [
        pl.read_parquet(path).filter((pl.col("model") == "xhaim") & pl.col("risk").is_not_null())
        for folder in folders.values()
        for path in sorted(folder.glob("split-*.parquet"))
    ]
    if not frames:
        return pl.DataFrame(schema=SCHEMA)
    points = operating_points(folders)
    thresholds = pl.DataFrame(
        [{"task_id": task, "split": split, "threshold": point.threshold} for (task, split), point in points.items()],
        schema={name: SCHEMA[name] for name in ("task_id", "split", "threshold")},
    )
    one_each = (
        pl.concat(frames)
        .with_columns((pl.col("part") == "test").alias("tested"))
        .sort("task_id", "sample_id", "tested", "split", descending=[False, False, True, False])
        .unique(["task_id", "sample_id"], keep="first", maintain_order=True)
        .drop("subject_id")  # of the person, where one person is several subjects
        .join(samples.select("sample_id", "subject_id", "stay_id", "prediction_time"), on="sample_id")
        .join(thresholds, on=["task_id", "split"], how="left")
        .sort("task_id", "subject_id", "stay_id", "prediction_time", "sample_id")
    )
    stay = ["task_id", "subject_id", "stay_id"]
    known_stay = pl.col("stay_id").is_not_null()
    before = {
        "previous": pl.col("risk").shift(1).over(stay),
        "previous_time": pl.col("prediction_time").shift(1).over(stay),
    }
    trended = one_each.with_columns(pl.when(known_stay).then(one).alias(name) for name, one in before.items())
    return trended.select([pl.col(name).cast(kind) for name, kind in SCHEMA.items()]).sort("task_id", "sample_id")
