"""The guard: the one function that decides what was known (DESIGN: no leak by construction).

Everything that later steps see comes out of ``admissible``; nothing else in xHAIM compares ``known_at`` with a
prediction time to let something in.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from xhaim.cohort.endings import of_the_end, stay_begins
from xhaim.cohort.exams import is_radiology
from xhaim.cohort.index_report import find, may_be_index_report
from xhaim.cohort.indication import before_reading
from xhaim.events import (
    BIRTH,
    GENDER,
    IMAGE,
    IMAGE_LABEL,
    INSURANCE,
    LANGUAGE,
    MARITAL_STATUS,
    RACE,
    code_is,
)
from xhaim.records import ReportPolicy

STATIC = (GENDER, BIRTH, RACE, INSURANCE, LANGUAGE, MARITAL_STATUS)
"""The only codes that may lack a time, and with it a time of knowledge."""


def admissible(events: pl.LazyFrame, samples: pl.DataFrame, policy: ReportPolicy) -> pl.DataFrame:
    """Return the events that each sample may see, with its sample_id and prediction_time.

    Admissible: of the same subject, and known (and happened) before prediction_time; or the index image itself; or a
    static fact. Never: the current stay's discharge notes, discharge and billing codes. For pathology tasks
    the report policy then takes radiology text away (``none``: all of it; the others: the index study's, and what may
    be it) with the labels that were read off it, and the index study's labels; ``prior_plus_indication`` and the leaky
    ``index_included`` let the index report's indication, or all of it, in. But for those two, no row known at or after
    t decides what is seen.
    Ordered by sample_id, time, code, value, text, source: the same for any order of rows.
    """
    keys = samples.select(
        "sample_id",
        "subject_id",
        "prediction_time",
        "index_study_id",
        "index_image_id",
        pl.col("hadm_id").alias("current_hadm_id"),
        pl.col("stay_id").alias("current_stay_id"),
    ).lazy()
    begins = stay_begins(events, keys)
    mine = events.join(keys.join(begins, on="sample_id", how="left"), on="subject_id", how="inner")
    known = _known()
    if policy == "admissible":
        return _ordered(mine.filter(known).collect())
    own_label = code_is(IMAGE_LABEL) & (pl.col("study_id") == pl.col("index_study_id"))
    before = mine.filter(known & ~own_label.fill_null(value=False)).collect().with_row_index("row")
    if policy == "index_included":
        return _ordered(pl.concat([before.drop("row"), _certain(mine.filter(~known))]))
    seen = _without(before, find(before))
    if policy == "none":
        return _ordered(seen.filter(~is_radiology() & ~code_is(IMAGE_LABEL)))
    if policy == "prior_plus_indication":
        seen = pl.concat([seen, _indications(_certain(mine))])
    return _ordered(seen)


def _without(before: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Leave out the reports that were found, and the labels of their studies: they were read off those words."""
    study = ["sample_id", "study_id"]
    told = before.join(found, on="row", how="semi").select(study).drop_nulls().unique()
    labels = before.filter(code_is(IMAGE_LABEL)).join(told, on=study, how="semi")
    return before.join(found, on="row", how="anti").join(labels, on="row", how="anti").drop("row")


def _known() -> pl.Expr:
    """Say which rows were known before their sample's prediction time; a row without a time of knowledge was not."""
    t = pl.col("prediction_time")
    known = (pl.col("known_at") < t) & (pl.col("time").is_null() | (pl.col("time") < t))
    timeless = pl.col("known_at").is_null() & pl.col("time").is_null()
    static = pl.any_horizontal(code_is(kind) for kind in STATIC) & timeless
    its = (pl.col("source") == pl.col("index_image_id")) & (pl.col("study_id") == pl.col("index_study_id"))
    index_image = code_is(IMAGE) & its & (pl.col("time") == t)  # a source key may recur in another study
    known = known.fill_null(value=False) | static | index_image.fill_null(value=False)
    return known & ~of_the_end()


def _certain(mine: pl.LazyFrame) -> pl.DataFrame:
    """Return the rows that are the index report without doubt, whenever they were known."""
    rows = mine.filter(may_be_index_report() & ~of_the_end()).collect().with_row_index("row")
    certain = find(rows).filter(~pl.col("doubtful") & (pl.col("how") != "text"))
    return rows.join(certain, on="row", how="semi").drop("row")


def _indications(reports: pl.DataFrame) -> pl.DataFrame:
    """Cut the index report to what was written before the reading, and date it just before the prediction time."""
    kept = [before_reading(text) for text in reports["text_value"].fill_null("").to_list()]
    just_before = pl.col("prediction_time") - timedelta(microseconds=1)
    return reports.with_columns(
        pl.Series("text_value", kept, pl.String()),
        known_at=just_before,
        time=pl.min_horizontal("time", just_before),
    ).filter(pl.col("text_value") != "")


def _ordered(seen: pl.DataFrame) -> pl.DataFrame:
    frame = seen.drop("index_study_id", "index_image_id", "current_hadm_id", "current_stay_id", "stay_begin")
    first = ("sample_id", "time", "code", "numeric_value", "text_value", "source", "known_at")
    return frame.sort(*first, *(name for name in frame.columns if name not in first), nulls_last=False)
