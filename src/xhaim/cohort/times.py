"""Candidate prediction times of ICU stays: its chest images, a landmark, every few hours, or each event of a code.

Each rule returns a frame with subject_id, hadm_id, stay_id, prediction_time, index_study_id, index_image_id, and why
which stays have none.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from xhaim.events import IMAGE, code_is
from xhaim.records import Attrition

FRONTAL = ("AP", "PA")
CANDIDATE = ("subject_id", "hadm_id", "stay_id", "prediction_time", "index_study_id", "index_image_id")
_END = pl.min_horizontal("outtime", "dischtime", "death")
Candidates = tuple[pl.DataFrame, list[Attrition]]


def at_image(events: pl.LazyFrame, stays: pl.DataFrame) -> Candidates:
    """Every study with a frontal view inside the stay, at the time of its first frontal view.

    A view that was known only after its time (a film with a date and no hour) is left out: no prediction could have
    been made on it then. An image inside two overlapping stays belongs to the one that began last.
    """
    images = (
        events.filter(code_is(IMAGE) & pl.col("time").is_not_null())
        .select("subject_id", "time", "known_at", "study_id", "title", "source")
        .collect()
    )
    inside = _last_begun(
        images.join(stays, on="subject_id", how="inner").filter(
            (pl.col("time") >= pl.col("intime")) & (pl.col("time") < _END)
        ),
        ["subject_id", "study_id", "source", "title", "time", "known_at"],
    )
    linked = inside.filter(pl.col("study_id").is_not_null())
    frontal = linked.filter(pl.col("title").is_in(FRONTAL))
    prompt = frontal.filter(pl.col("known_at") <= pl.col("time"))
    found = (
        prompt.sort("stay_id", "study_id", "time", "source")
        .group_by("subject_id", "hadm_id", "stay_id", pl.col("study_id").alias("index_study_id"), maintain_order=True)
        .agg(pl.col("time").first().alias("prediction_time"), pl.col("source").first().alias("index_image_id"))
    )
    without = {
        "no chest image inside the ICU stay": stays.height - _n(inside),
        "chest images inside the ICU stay, none with a study id": _n(inside) - _n(linked),
        "no frontal view inside the ICU stay": _n(linked) - _n(frontal),
        "frontal views inside the ICU stay, each known only after its time": _n(frontal) - _n(prompt),
    }
    return found.select(CANDIDATE), [Attrition("samples", reason, n) for reason, n in without.items()]


def at_landmark(stays: pl.DataFrame, hours: float) -> Candidates:
    """So long after ICU admission, for stays that last until then."""
    timed = stays.with_columns((pl.col("intime") + timedelta(hours=hours)).alias("prediction_time"))
    kept = timed.filter(~(pl.col("prediction_time") >= _END).fill_null(value=False))
    return _without_image(kept), [Attrition("samples", f"stay ended before hour {hours:g}", timed.height - kept.height)]


def at_intervals(stays: pl.DataFrame, hours: float) -> Candidates:
    """At every multiple of so many hours after ICU admission, before the stay ends; a stay without an end has none."""
    step = timedelta(hours=hours)
    lasted = (_END - pl.col("intime")).dt.total_microseconds() - 1
    n = (lasted // (step // timedelta(microseconds=1))).clip(lower_bound=0).fill_null(0)
    timed = (
        stays.with_columns(pl.int_ranges(1, n + 1).alias("k"))
        .explode("k", empty_as_null=False)
        .with_columns((pl.col("intime") + pl.col("k") * step).alias("prediction_time"))
    )
    return _without_image(timed), [
        Attrition("samples", f"stay ended before hour {hours:g}, or without an end", stays.height - _n(timed))
    ]


def at_events(events: pl.LazyFrame, stays: pl.DataFrame, code: str) -> Candidates:
    """One second after each event of a code was known, before the stay ends; equal times count once."""
    known = pl.max_horizontal("known_at", "time").dt.truncate("1s") + timedelta(seconds=1)
    times = (
        events.filter(code_is(code) & pl.col("known_at").is_not_null() & pl.col("time").is_not_null())
        .select("subject_id", known.alias("prediction_time"))
        .unique()
        .collect()
    )
    inside = times.join(stays, on="subject_id", how="inner").filter(
        (pl.col("prediction_time") > pl.col("intime")) & (pl.col("prediction_time") < _END)
    )
    found = _last_begun(inside, ["subject_id", "prediction_time"])
    return _without_image(found), [
        Attrition("samples", f"no {code} known inside the ICU stay", stays.height - _n(found))
    ]


def _last_begun(inside: pl.DataFrame, what: list[str]) -> pl.DataFrame:
    ordered = inside.sort(*what, "intime", "stay_id", descending=[*([False] * len(what)), True, True])
    return ordered.unique(what, keep="first", maintain_order=True)


def _without_image(timed: pl.DataFrame) -> pl.DataFrame:
    return timed.with_columns(
        pl.lit(None, pl.Int64()).alias("index_study_id"), pl.lit(None, pl.String()).alias("index_image_id")
    ).select(CANDIDATE)


def _n(frame: pl.DataFrame) -> int:
    return frame.select("subject_id", "stay_id").n_unique() if frame.height else 0
