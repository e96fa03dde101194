"""The guard: the one function that decides what was known (DESIGN: no leak by construction).

Everything that later steps see comes out of ``admissible``; nothing else in xHAIM compares ``known_at`` with a
prediction time to let something in.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from xhaim.events import BIRTH, GENDER, IMAGE, INSURANCE, LANGUAGE, MARITAL_STATUS, NOTE, RACE, code_is
from xhaim.records import ReportPolicy
from xhaim.text.sections import sections

STATIC = (GENDER, BIRTH, RACE, INSURANCE, LANGUAGE, MARITAL_STATUS)
"""The only codes that may lack a time of knowledge."""

SAME_STUDY = timedelta(minutes=10)
"""A radiology note without a study id, this near to the prediction time, is taken for the index report."""

INDICATION = (
    "INDICATION",
    "HISTORY",
    "CLINICAL HISTORY",
    "CLINICAL INFORMATION",
    "REASON FOR EXAM",
    "TECHNIQUE",
    "EXAMINATION",
)


def admissible(events: pl.LazyFrame, samples: pl.DataFrame, policy: ReportPolicy) -> pl.DataFrame:
    """Return the events that each sample may see, with its sample_id and prediction_time.

    Admissible: of the same subject, and known_at < prediction_time; or the index image itself; or a static fact.
    Then the report policy takes radiology text away (``none``: all of it; ``prior_only``: the index study's), or,
    for ``prior_plus_indication`` and the leaky ``index_included``, lets the index report's indication, or all of it,
    in. Ordered by sample_id, time, code, value, text, source: the same for any order of rows.
    """
    keys = samples.select("sample_id", "subject_id", "prediction_time", "index_study_id", "index_image_id").lazy()
    mine = events.join(keys, on="subject_id", how="inner")
    index_report = _radiology() & _of_index_study()
    index_image = code_is(IMAGE) & (pl.col("source") == pl.col("index_image_id"))
    static = pl.any_horizontal(code_is(kind) for kind in STATIC) & pl.col("known_at").is_null()
    known = (pl.col("known_at") < pl.col("prediction_time")) | static | index_image
    match policy:
        case "admissible":
            allowed = known
        case "none":
            allowed = known & ~_radiology()
        case "prior_only" | "prior_plus_indication":
            allowed = known & ~index_report
        case "index_included":
            allowed = known | index_report
    seen = mine.filter(allowed.fill_null(value=False)).collect()
    if policy == "prior_plus_indication":
        seen = pl.concat([seen, _indications(mine.filter(index_report).collect())])
    return seen.drop("index_study_id", "index_image_id").sort(
        "sample_id", "time", "code", "numeric_value", "text_value", "source", nulls_last=False
    )


def _radiology() -> pl.Expr:
    return code_is(f"{NOTE}//radiology") | code_is(f"{NOTE}//cxr")


def _of_index_study() -> pl.Expr:
    by_id = pl.col("study_id") == pl.col("index_study_id")
    near = (pl.col("time") - pl.col("prediction_time")).abs() <= SAME_STUDY
    return (
        pl.when(pl.col("study_id").is_not_null())
        .then(by_id)
        .otherwise(near & pl.col("index_study_id").is_not_null())
        .fill_null(value=False)
    )


def _indications(reports: pl.DataFrame) -> pl.DataFrame:
    """Cut the index report to what was written before the reading, and date it just before the prediction time."""
    kept = [_indication(text) for text in reports["text_value"].fill_null("").to_list()]
    return reports.with_columns(
        pl.Series("text_value", kept, pl.String()),
        (pl.col("prediction_time") - timedelta(microseconds=1)).alias("known_at"),
    ).filter(pl.col("text_value") != "")


def _indication(text: str) -> str:
    return "\n".join(text[part.start : part.end].strip() for part in sections(text) if part.name in INDICATION)
