"""Signals out of admissible events: one unit, possible values only, each value with an id that can be cited."""

from __future__ import annotations

import polars as pl

from xhaim.events import HOSPITAL_ADMISSION, code_is
from xhaim.records import Measurement
from xhaim.signals import signal_of_code
from xhaim.units import BEFORE_ADMISSION, in_one_unit

WORDS = "value in words"
NO_TIME = "no time"
_READ = ("sample_id", "prediction_time", "time", "known_at", "code", "numeric_value", "unit", "source")
MEASUREMENT_SCHEMA = {
    "sample_id": pl.String(),
    "measurement_id": pl.String(),
    "signal": pl.String(),
    "label": pl.String(),
    "value": pl.Float64(),
    "unit": pl.String(),
    "time": pl.Datetime("us"),
    "known_at": pl.Datetime("us"),
    "source": pl.String(),
    "hours_before": pl.Float64(),  # from the measurement to the prediction time
}


def values(admissible: pl.DataFrame) -> pl.DataFrame:
    """Return the values of catalogued signals, in the catalogue's unit: what statistics need, in no order.

    Values count from 24 hours before the current hospital admission (the emergency department is part of it), or from
    the beginning where there is none. Values in a unit that the catalogue cannot turn into its own, and values outside
    the possible, are left out; ``set_aside`` counts them. A missing unit is taken for the catalogue's unless the number
    would be usual in another unit of the signal (``xhaim.units``).
    """
    before = (pl.col("prediction_time") - pl.col("time")).dt.total_seconds() / 3600
    usable = _judged(admissible).filter(pl.col("fault").is_null())
    return usable.with_columns(pl.col("value").round(6), before.alias("hours_before"))


def measurements(admissible: pl.DataFrame) -> pl.DataFrame:
    """Return ``values`` with an id each that can be cited, ordered by sample, signal, time, value."""
    return (
        values(admissible)
        .sort("sample_id", "signal", "time", "value", "known_at", "code")
        .with_columns(
            (pl.int_range(pl.len()).over("sample_id", "code", pl.col("time").dt.truncate("1s")) + 1).alias("tie")
        )
        .with_columns(
            pl.concat_str(
                pl.format("{}@{}", "code", pl.col("time").dt.strftime("%Y%m%dT%H%M%S")),
                pl.when(pl.col("tie") > 1).then(pl.format("#{}", "tie")).otherwise(pl.lit("")),
            ).alias("measurement_id")
        )
        .select([pl.col(name).cast(kind) for name, kind in MEASUREMENT_SCHEMA.items()])
    )


def set_aside(admissible: pl.DataFrame) -> pl.DataFrame:
    """Return signal, fault, n: what ``measurements`` left out, and why: values in words (``<0.01``) among them."""
    faulty = _judged(admissible).filter(pl.col("fault").is_not_null()).select("signal", "fault")
    return (
        pl.concat([faulty, _no_numbers(admissible)])
        .group_by("signal", "fault")
        .agg(pl.len().alias("n"))
        .sort("signal", "fault")
    )


def as_measurements(frame: pl.DataFrame) -> tuple[Measurement, ...]:
    """Return the rows of one sample as records."""
    wanted = [name for name in MEASUREMENT_SCHEMA if name not in {"sample_id", "hours_before"}]
    return tuple(Measurement(**row) for row in frame.select(wanted).iter_rows(named=True))


def _judged(admissible: pl.DataFrame) -> pl.DataFrame:
    """Values of catalogued signals in the catalogue's unit, with the fault of those that cannot be used."""
    counts = pl.col("numeric_value").is_not_null() & pl.col("time").is_not_null()
    return in_one_unit(admissible.filter(_current() & counts).select(_READ))


def _current() -> pl.Expr:
    admitted = pl.col("time").filter(code_is(HOSPITAL_ADMISSION)).max().over("sample_id")
    return (pl.col("time") >= (admitted - BEFORE_ADMISSION)).fill_null(value=True)


def _no_numbers(admissible: pl.DataFrame) -> pl.DataFrame:
    """Return signal and fault of what a catalogued signal says in words alone, or without a time."""
    words = pl.col("numeric_value").is_null() & pl.col("text_value").is_not_null()
    timeless = pl.col("numeric_value").is_not_null() & pl.col("time").is_null()
    prefix = pl.col("code").str.split("//").list.head(2).list.join("//")
    signal = prefix.replace_strict(signal_of_code(), default=None, return_dtype=pl.String)
    fault = pl.when(pl.col("time").is_null()).then(pl.lit(NO_TIME)).otherwise(pl.lit(WORDS))
    return (
        admissible.filter(_current() & (words | timeless))
        .select(signal.alias("signal"), fault.alias("fault"))
        .drop_nulls("signal")
    )
