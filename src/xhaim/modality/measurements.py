"""Signals out of admissible events: one unit, possible values only, each value with an id that can be cited."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from xhaim.events import HOSPITAL_ADMISSION, code_is
from xhaim.records import Measurement
from xhaim.units import in_one_unit

BEFORE_ADMISSION = timedelta(hours=24)
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


def measurements(admissible: pl.DataFrame) -> pl.DataFrame:
    """Return the values of catalogued signals, in the catalogue's unit, ordered by sample, signal, time, value.

    Values count from 24 hours before the current hospital admission (the emergency department is part of it), or from
    the beginning where there is none. Values in a unit that the catalogue cannot turn into its own, and values outside
    the possible, are left out; ``set_aside`` counts them. A missing unit is taken for the catalogue's unless the number
    would be usual in another unit of the signal (``xhaim.units``).
    """
    return (
        _judged(admissible)
        .filter(pl.col("fault").is_null())
        .with_columns(
            pl.col("value").round(6),
            ((pl.col("prediction_time") - pl.col("time")).dt.total_seconds() / 3600).alias("hours_before"),
        )
        .sort("sample_id", "signal", "time", "value", "known_at", "code")
        .with_columns((pl.int_range(pl.len()).over("sample_id", "code", "time") + 1).alias("tie"))
        .with_columns(
            pl.concat_str(
                pl.format("{}@{}", "code", pl.col("time").dt.strftime("%Y%m%dT%H%M%S")),
                pl.when(pl.col("tie") > 1).then(pl.format("#{}", "tie")).otherwise(pl.lit("")),
            ).alias("measurement_id")
        )
        .select([pl.col(name).cast(kind) for name, kind in MEASUREMENT_SCHEMA.items()])
    )


def set_aside(admissible: pl.DataFrame) -> pl.DataFrame:
    """Return signal, fault, n: what ``measurements`` left out, and why."""
    faulty = _judged(admissible).filter(pl.col("fault").is_not_null())
    return faulty.group_by("signal", "fault").agg(pl.len().alias("n")).sort("signal", "fault")


def as_measurements(frame: pl.DataFrame) -> tuple[Measurement, ...]:
    """Return the rows of one sample as records."""
    wanted = [name for name in MEASUREMENT_SCHEMA if name not in {"sample_id", "hours_before"}]
    return tuple(Measurement(**row) for row in frame.select(wanted).iter_rows(named=True))


def _judged(admissible: pl.DataFrame) -> pl.DataFrame:
    """Values of catalogued signals in the catalogue's unit, with the fault of those that cannot be used."""
    admitted = pl.col("time").filter(code_is(HOSPITAL_ADMISSION)).max().over("sample_id")
    current = pl.col("time") >= (admitted - BEFORE_ADMISSION)
    return in_one_unit(admissible.filter(current.fill_null(value=True)).filter(pl.col("time").is_not_null()))
