"""Labels: what happened after the prediction time, or what the index study showed (DESIGN: labels)."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from xhaim.cohort.given import given_labels
from xhaim.cohort.stays import deaths
from xhaim.cohort.values import crossing, no_such_code
from xhaim.errors import TaskError
from xhaim.events import IMAGE_LABEL, code_is
from xhaim.label_rules import (
    AcesLabel,
    DeathLabel,
    DischargeLabel,
    EventLabel,
    FindingLabel,
    MedsLabel,
    RemainingStayLabel,
    ValueLabel,
)
from xhaim.task import Task


def label(
    events: pl.LazyFrame, stays: pl.DataFrame, samples: pl.DataFrame, task: Task, given: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return sample_id, label (1, 0 or null) and reason (why there is none), ordered by sample_id.

    ``given``: what the task's label file says (``given.GIVEN_SCHEMA``), for a task that has one. Raises TaskError
    when a label names a code that the store does not have, or values in more than one unit.
    """
    own = stays.drop("hadm_id", "death", strict=False)
    frame = samples.join(own, on=["subject_id", "stay_id"], how="left").join(
        deaths(events), on="subject_id", how="left"
    )
    rule = task.label
    match rule:
        case FindingLabel():
            labelled = _finding(events, frame, rule)
        case DeathLabel(horizon_hours=hours):
            labelled = _death(frame, hours)
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
        case ValueLabel():
            labelled = crossing(events, frame, rule)
        case MedsLabel() | AcesLabel():
            if given is None:
                raise TaskError("the task's label file was not read", got=task.label_file, expected="its rows")
            labelled = given_labels(samples, given)
    if not isinstance(rule, FindingLabel | MedsLabel | AcesLabel):
        labelled = _of_the_living(labelled, frame)
    return labelled.select("sample_id", pl.col("label").cast(pl.Int8()), "reason").sort("sample_id")


def _death(frame: pl.DataFrame, hours: float) -> pl.DataFrame:
    """Label deaths; of who is not known to have died, the hospital stay must have an end, where the store has ends."""
    died = (pl.col("death") <= pl.col("prediction_time") + timedelta(hours=hours)).fill_null(value=False)
    unclear = (
        pl.col("admittime").is_not_null() & pl.col("dischtime").is_null() & pl.col("dischtime").is_not_null().any()
    )
    return frame.with_columns(
        pl.when(died | ~unclear).then(died.cast(pl.Int8())).alias("label"),
        pl.when(~died & unclear).then(pl.lit("it is not known how the hospital stay ended")).alias("reason"),
    )


def _of_the_living(labelled: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out who died at or before the prediction time: nothing is to be predicted."""
    dead = frame.filter(pl.col("death") <= pl.col("prediction_time")).select("sample_id", dead=pl.lit(value=True))
    late = pl.col("dead").fill_null(value=False)
    return labelled.join(dead, on="sample_id", how="left").with_columns(
        pl.when(~late).then(pl.col("label")).alias("label"),
        pl.when(late)
        .then(pl.lit("death at or before the prediction time"))
        .otherwise(pl.col("reason"))
        .alias("reason"),
    )


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
    times = events.filter(code_is(rule.code)).select("subject_id", pl.col("time").alias("event_time")).collect()
    if times.is_empty():
        raise no_such_code(events, rule.code)
    end = pl.col("prediction_time") + timedelta(hours=rule.horizon_hours)
    hit = (
        frame.select("sample_id", "subject_id", "prediction_time")
        .join(times, on="subject_id")
        .filter(pl.col("event_time").is_between(pl.col("prediction_time"), end, closed="right"))["sample_id"]
        .unique()
    )
    return _outcome(frame, pl.col("sample_id").is_in(hit.to_list()))
