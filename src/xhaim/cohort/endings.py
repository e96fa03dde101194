"""What tells how the current hospital stay ended: never an input, whatever its time says."""

from __future__ import annotations

import polars as pl

from xhaim.events import DIAGNOSIS, HOSPITAL_ADMISSION, HOSPITAL_DISCHARGE, ICU_ADMISSION, NOTE, code_is

_CODES = (HOSPITAL_DISCHARGE, DIAGNOSIS)
_DISCHARGE = r"\W*discharge|.*discharge[\W_]*summar"
"""Kinds and titles of discharge notes, in any converter's spelling."""


def stay_begins(events: pl.LazyFrame, keys: pl.LazyFrame) -> pl.LazyFrame:
    """Return sample_id, stay_begin: the day of the current admission, else of the current ICU stay.

    ``keys``: sample_id, subject_id, prediction_time, current_hadm_id, current_stay_id. Of a sample in neither it is
    the day of the subject's last admission before its time, since stores without ids have stays too; null: none.
    """
    hospital, unit = code_is(HOSPITAL_ADMISSION), code_is(ICU_ADMISSION)
    t, time = pl.col("prediction_time"), pl.col("time")
    nowhere = pl.col("current_hadm_id").is_null() & pl.col("current_stay_id").is_null()
    began = events.filter(hospital | unit).select("subject_id", "time", "code", "hadm_id", "stay_id")
    return (
        keys.join(began, on="subject_id", how="inner")
        .group_by("sample_id")
        .agg(
            pl.coalesce(
                time.filter(hospital & (pl.col("hadm_id") == pl.col("current_hadm_id"))).min(),
                time.filter(unit & (pl.col("stay_id") == pl.col("current_stay_id"))).min(),
                time.filter(nowhere & (time <= t)).max(),
            )
            .dt.truncate("1d")  # discharge notes may have a day only
            .alias("stay_begin")
        )
    )


def of_the_end() -> pl.Expr:
    """Say which events, beside their sample's columns, are of the end of the current stay.

    By admission where event and sample name one. Else what happened, or was known, since the stay began; all of it
    where nobody knows when that was. Of a sample in no stay, what names an admission is of an earlier one.
    """
    by_kind = pl.col("code").str.contains(rf"(?i)^{NOTE}//(?:{_DISCHARGE})")
    by_title = pl.col("title").str.contains(rf"(?i)^(?:{_DISCHARGE})").fill_null(value=False)
    note = by_kind | (code_is(NOTE) & by_title)
    ending = note | pl.any_horizontal(code_is(code) for code in _CODES)
    own, current = pl.col("hadm_id"), pl.col("current_hadm_id")
    nowhere = current.is_null() & pl.col("current_stay_id").is_null()
    since = pl.max_horizontal("time", "known_at") >= pl.col("stay_begin")
    unsaid = since.fill_null(~nowhere) & (own.is_null() | ~nowhere)
    return ending & pl.when(own.is_not_null() & current.is_not_null()).then(own == current).otherwise(unsaid)
