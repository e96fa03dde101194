"""ICU stays of a store: when each began and how it ended. Labels rest on this; inputs never do."""

from __future__ import annotations

import polars as pl

from xhaim.errors import DataError
from xhaim.events import DEATH, HOSPITAL_ADMISSION, HOSPITAL_DISCHARGE, ICU_ADMISSION, ICU_DISCHARGE, code_is


def stays(events: pl.LazyFrame, *, required: bool = True) -> pl.DataFrame:
    """Return one row per ICU stay, ordered by stay_id.

    Columns: subject_id, stay_id, hadm_id, intime, outtime, admittime, dischtime, death (time of death or null),
    died_in_hospital (bool: the death belongs to this admission). Raises DataError when the store has no ICU stays
    and they are ``required``.
    """
    frame = (
        events.filter(code_is(ICU_ADMISSION) & pl.col("stay_id").is_not_null())
        .group_by("subject_id", "stay_id")
        .agg(pl.col("hadm_id").min(), pl.col("time").min().alias("intime"))
        .join(_first(events, ICU_DISCHARGE, "stay_id", "outtime"), on=["subject_id", "stay_id"], how="left")
        .join(_first(events, HOSPITAL_ADMISSION, "hadm_id", "admittime"), on=["subject_id", "hadm_id"], how="left")
        .join(_first(events, HOSPITAL_DISCHARGE, "hadm_id", "dischtime"), on=["subject_id", "hadm_id"], how="left")
        .join(_deaths(events), on="subject_id", how="left")
        .with_columns((pl.col("death_hadm") == pl.col("hadm_id")).fill_null(value=False).alias("died_in_hospital"))
        .drop("death_hadm")
        .sort("stay_id", "subject_id")
        .collect()
    )
    if frame.is_empty() and required:
        raise DataError(
            "the store has no ICU stays",
            expected=f"events with code {ICU_ADMISSION} and a stay_id",
            do="see what was read with: xhaim doctor STORE",
        )
    return frame


def deaths(events: pl.LazyFrame) -> pl.DataFrame:
    """Return subject_id, death: the earliest time of death of those who died, in hospital or not."""
    return _deaths(events).select("subject_id", "death").drop_nulls().sort("subject_id").collect()


def _deaths(events: pl.LazyFrame) -> pl.LazyFrame:
    first = pl.col("time") == pl.col("time").min()
    return (
        events.filter(code_is(DEATH))
        .group_by("subject_id")
        .agg(pl.col("time").min().alias("death"), pl.col("hadm_id").filter(first).min().alias("death_hadm"))
    )


def _first(events: pl.LazyFrame, kind: str, key: str, name: str) -> pl.LazyFrame:
    """Earliest time of a kind of event, for each subject and key."""
    mine = events.filter(code_is(kind) & pl.col(key).is_not_null())
    return mine.group_by("subject_id", key).agg(pl.col("time").min().alias(name))
