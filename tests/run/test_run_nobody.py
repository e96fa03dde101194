"""A task for which nobody has a label: said in tables, never a crash."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from xhaim.cohort.splits import split
from xhaim.cohort.table1 import table_1
from xhaim.config import SplitSettings
from xhaim.events import EVENT_SCHEMA


def test_a_task_without_any_labelled_sample_has_zeros_in_every_part():
    labels = pl.DataFrame(schema={"sample_id": pl.String, "subject_id": pl.Int64, "label": pl.Int8})
    parts = split(labels, SplitSettings(repeats=2))
    assert parts.schema == {"split": pl.Int64, "sample_id": pl.String, "part": pl.String}
    samples = pl.DataFrame(
        {"sample_id": ["a"], "subject_id": [1], "stay_id": [2], "prediction_time": [datetime(2150, 1, 1)]}
    )
    table = table_1(pl.LazyFrame(schema=EVENT_SCHEMA), samples, {"t": labels}, {"t": parts})
    assert table["part"].to_list() == ["all", "train", "validation", "test"]
    assert table["samples"].to_list() == [0, 0, 0, 0]
    assert table["age_median"].null_count() == 4
