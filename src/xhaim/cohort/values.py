"""Labels by a value that crosses a threshold after the prediction time."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from xhaim.errors import TaskError, did_you_mean
from xhaim.events import code_is
from xhaim.label_rules import ValueLabel
from xhaim.signals import catalogue
from xhaim.units import BEFORE_ADMISSION, in_one_unit


def crossing(events: pl.LazyFrame, frame: pl.DataFrame, rule: ValueLabel) -> pl.DataFrame:
    """Return sample_id, label, reason. ``frame``: sample_id, subject_id, prediction_time, admittime.

    Raises TaskError when a code has values in more than one unit and the rule names none, or the store has none of it.
    """
    values = _usable(_near(events, frame, rule), rule)
    if rule.code is not None and values.is_empty() and events.filter(code_is(rule.code)).head(1).collect().is_empty():
        raise no_such_code(events, rule.code)
    over = pl.col("value") > rule.threshold if rule.above is not None else pl.col("value") < rule.threshold
    later = pl.col("time") > pl.col("prediction_time")
    seen = values.group_by("sample_id").agg(
        later.any().alias("measured"), (over & later).any().alias("crossed"), (over & ~later).any().alias("before")
    )
    flags = frame.select("sample_id").join(seen, on="sample_id", how="left").fill_null(value=False)
    lost = (
        pl.when(pl.col("before") & pl.lit(rule.first_time))
        .then(pl.lit(f"{rule.words} already at or before the prediction time"))
        .when(~pl.col("measured") & pl.lit(rule.unmeasured == "drop"))
        .then(pl.lit(f"{rule.signal or rule.code}: no value within {rule.horizon_hours:g} h"))
    )
    return flags.with_columns(lost.alias("reason")).select(
        "sample_id",
        pl.when(pl.col("reason").is_null()).then(pl.col("crossed").cast(pl.Int8())).alias("label"),
        "reason",
    )


def _near(events: pl.LazyFrame, frame: pl.DataFrame, rule: ValueLabel) -> pl.DataFrame:
    """Return the values of the rule's codes from the admission on to the horizon, once for each sample."""
    codes = catalogue()[rule.signal].codes if rule.signal else (str(rule.code),)
    since = pl.col("admittime") - BEFORE_ADMISSION
    end = pl.col("prediction_time") + timedelta(hours=rule.horizon_hours)
    return (
        events.filter(pl.any_horizontal(code_is(code) for code in codes) & pl.col("numeric_value").is_not_null())
        .select("subject_id", "time", "code", "numeric_value", "unit")
        .join(frame.lazy().select("sample_id", "subject_id", "prediction_time", "admittime"), on="subject_id")
        .filter((pl.col("time") <= end) & (pl.col("time") >= since).fill_null(value=True))
        .collect()
    )


def _usable(values: pl.DataFrame, rule: ValueLabel) -> pl.DataFrame:
    if rule.signal is not None:
        return in_one_unit(values).filter(pl.col("signal").eq(rule.signal) & pl.col("fault").is_null())
    units = sorted(str(unit or "no unit") for unit in values["unit"].unique())
    if rule.unit is None and len(units) > 1:
        raise TaskError(
            f"$.label.unit: {rule.code} has values in more than one unit",
            got="no unit",
            expected=did_you_mean("", units),
        )
    numbers = values.with_columns(pl.col("numeric_value").cast(pl.Float64).alias("value"))
    return numbers if rule.unit is None else numbers.filter(pl.col("unit") == rule.unit)


def no_such_code(events: pl.LazyFrame, code: str) -> TaskError:
    """Return the error of a label's code that the store does not have."""
    codes = events.select(pl.col("code").str.split("//").list.head(2).list.join("//").unique()).collect()
    return TaskError(
        "$.label.code: the store has no such code",
        got=code,
        expected=did_you_mean(code, codes["code"].drop_nulls().to_list()),
    )
