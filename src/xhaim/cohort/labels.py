"""Labels: what happened after the prediction time, or what the index study showed (DESIGN: labels)."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from xhaim.errors import TaskError, did_you_mean
from xhaim.events import IMAGE_LABEL
from xhaim.task import DeathLabel, DischargeLabel, EventLabel, FindingLabel, RemainingStayLabel, Task


def label(events: pl.LazyFrame, stays: pl.DataFrame, samples: pl.DataFrame, task: Task) -> pl.DataFrame:
    """Return sample_id, label (1, 0 or null) and reason (why there is none), ordered by sample_id.

    Raises TaskError when an event label names a code that the store does not have.
    """
    frame = samples.join(stays.drop("subject_id", "hadm_id"), on="stay_id", how="left")
    rule = task.label
    match rule:
        case FindingLabel():
            labelled = _finding(events, frame, rule)
        case DeathLabel(horizon_hours=hours):
            died = pl.col("death").is_between(
                pl.col("prediction_time"), pl.col("prediction_time") + timedelta(hours=hours), closed="right"
            )
            labelled = _outcome(frame, died.fill_null(value=False))
        case DischargeLabel(horizon_hours=hours):
            alive = ~pl.col("died_in_hospital") & (
                pl.col("death").is_null() | (pl.col("death") > pl.col("dischtime"))
            ).fill_null(value=False)
            left = pl.col("dischtime").is_between(
                pl.col("prediction_time"), pl.col("prediction_time") + timedelta(hours=hours), closed="right"
            )
            labelled = _outcome(frame, left & alive, needs="dischtime", reason="no time of discharge")
        case RemainingStayLabel(horizon_hours=hours):
            longer = pl.col("outtime") > pl.col("prediction_time") + timedelta(hours=hours)
            labelled = _outcome(frame, longer, needs="outtime", reason="no time of ICU discharge")
        case EventLabel():
            labelled = _event(events, frame, rule)
    return labelled.select("sample_id", pl.col("label").cast(pl.Int8()), "reason").sort("sample_id")


def _outcome(frame: pl.DataFrame, positive: pl.Expr, needs: str | None = None, reason: str = "") -> pl.DataFrame:
    known = pl.col(needs).is_not_null() if needs else pl.lit(value=True)
    return frame.with_columns(
        pl.when(known).then(positive.cast(pl.Int8())).otherwise(None).alias("label"),
        pl.when(known).then(None).otherwise(pl.lit(reason)).alias("reason"),
    )


def _finding(events: pl.LazyFrame, frame: pl.DataFrame, rule: FindingLabel) -> pl.DataFrame:
    found = (
        events.filter(pl.col("code") == f"{IMAGE_LABEL}//{rule.finding}")
        .group_by("subject_id", pl.col("study_id").alias("index_study_id"))
        .agg(pl.col("numeric_value").max().alias("chexpert"))
        .collect()
    )
    uncertain = {"drop": None, "positive": 1, "negative": 0}[rule.uncertain]
    blank = {"drop": None, "negative": 0}[rule.blank]
    value = pl.col("chexpert")
    return frame.join(found, on=["subject_id", "index_study_id"], how="left").with_columns(
        pl.when(value == 1)
        .then(1)
        .when(value == 0)
        .then(0)
        .when(value == -1)
        .then(uncertain)
        .otherwise(blank)
        .alias("label"),
        pl.when(pl.col("index_study_id").is_null())
        .then(pl.lit("no index study"))
        .when(value.is_null() & pl.lit(blank is None))
        .then(pl.lit(f"{rule.finding}: not mentioned in the index study"))
        .when((value == -1) & pl.lit(uncertain is None))
        .then(pl.lit(f"{rule.finding}: uncertain in the index study"))
        .otherwise(None)
        .alias("reason"),
    )


def _event(events: pl.LazyFrame, frame: pl.DataFrame, rule: EventLabel) -> pl.DataFrame:
    matching = (pl.col("code") == rule.code) | pl.col("code").str.starts_with(f"{rule.code}//")
    times = events.filter(matching).select("subject_id", pl.col("time").alias("event_time")).collect()
    if times.is_empty():
        codes = events.select(pl.col("code").str.split("//").list.head(2).list.join("//").unique()).collect()
        raise TaskError(
            "$.label.code: the store has no such code",
            got=rule.code,
            expected=did_you_mean(rule.code, codes["code"].drop_nulls().to_list()),
        )
    end = pl.col("prediction_time") + timedelta(hours=rule.horizon_hours)
    hit = (
        frame.select("sample_id", "subject_id", "prediction_time")
        .join(times, on="subject_id")
        .filter(pl.col("event_time").is_between(pl.col("prediction_time"), end, closed="right"))["sample_id"]
        .unique()
    )
    return _outcome(frame, pl.col("sample_id").is_in(hit.to_list()))
