"""48 hours of an ICU stay as columns named in words: the product's statistics, windows, ratios, severity points.

How often a laboratory value is drawn is no feature: it differs between the sets. Whether one was ever drawn is one.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from benchmarks.physionet2012_records import StaySet
from benchmarks.physionet2012_series import DERIVED, derived
from benchmarks.physionet2012_signals import SIGNALS, UNITS
from xhaim.modality.time_series import statistics

WINDOWS: dict[str, tuple[float, float]] = {"first 24 h": (24, 49), "last 24 h": (0, 24), "last 12 h": (0, 12)}
"""From and to (not included), in hours before the end of the 48."""
LEAN = ("mean", "min", "max", "last")
SHAPE = ("variance", "slope", "mean absolute difference")
"""Of the product's statistics; its other ones say no more here."""
QUANTILES = ("10 % quantile", "median", "90 % quantile")
SIMPLE = ("mean", "min", "max", "last", "first", "count")
ALL = (*(name for name, _, _ in SIGNALS.values() if name != "ventilated"), *DERIVED)


def simple_features(stays: StaySet) -> pl.DataFrame:
    """Return the peer's columns, [n, d]: mean, min, max, last, first and count of each signal, and the descriptors."""
    value = pl.col("value")
    found = stays.measurements.group_by("sample_id", "signal").agg(
        value.mean().alias("mean"),
        value.min().alias("min"),
        value.max().alias("max"),
        value.last().alias("last"),
        value.first().alias("first"),
        pl.len().cast(pl.Float64).alias("count"),
    )
    signals = [name for name, _, _ in SIGNALS.values()]
    return _descriptors(stays).hstack(_wide(found, stays.ids, signals, SIMPLE))


def features(stays: StaySet) -> pl.DataFrame:
    """Return all columns, [n, d] in the order of ``stays.ids``; null = no value. The same columns for any set."""
    series = pl.concat([stays.measurements, *derived(stays)]).sort("sample_id", "signal", "time")
    series = series.filter(pl.col("signal") != "ventilated")
    parts = [
        _descriptors(stays),
        _wide(statistics(series), stays.ids, ALL, (*LEAN, *SHAPE)),
        _wide(_quantiles(series), stays.ids, ALL, QUANTILES),
        _ventilation(stays),
        _measured(stays),
    ]
    windows = pl.concat([_window(series, stays.ids, words) for words in WINDOWS], how="horizontal")
    last, first = "mean, last 24 h", "mean, first 24 h"
    changes = ((pl.col(f"{s}, {last}") - pl.col(f"{s}, {first}")).alias(f"{s}, change of daily mean") for s in ALL)
    late = [f"{s}, mean, last 12 h" for s in ALL]
    return pl.concat([*parts, windows.select(late), windows.select(changes), _points(windows)], how="horizontal")


def lean(names: Sequence[str]) -> list[str]:
    """Return the columns without how a signal moves and spreads."""
    return [name for name in names if name.rsplit(", ", 1)[-1] not in (*SHAPE, *QUANTILES)]


def _wide(
    found: pl.DataFrame, ids: list[str], signals: Sequence[str], kept: Sequence[str], tail: str = ""
) -> pl.DataFrame:
    """Return a column for each signal and statistic, in their order."""
    table = pl.DataFrame({"sample_id": ids})
    by_signal = {key[0]: part for key, part in found.partition_by("signal", as_dict=True).items()}
    for signal in signals:
        part = by_signal.get(signal, found.clear())
        renamed = {name: f"{signal}, {name}{tail}" for name in kept}
        table = table.join(
            part.select("sample_id", *kept).rename(renamed), on="sample_id", how="left", maintain_order="left"
        )
    return table.drop("sample_id")


def _descriptors(stays: StaySet) -> pl.DataFrame:
    weight = stays.measurements.filter(pl.col("signal") == "weight").group_by("sample_id").agg(pl.col("value").first())
    d = stays.descriptors.join(weight, on="sample_id", how="left", maintain_order="left")
    units = [(pl.col("ICUType") == k).cast(pl.Float64).alias(f"unit: {name}") for k, name in enumerate(UNITS, 1)]
    return d.select(
        pl.col("Age").alias("age, years"),
        pl.col("Gender").alias("sex: M"),
        pl.col("Height").alias("height, cm"),
        (pl.col("value") / (pl.col("Height") / 100) ** 2).alias("body mass index"),
        *units,
    )


def _quantiles(series: pl.DataFrame) -> pl.DataFrame:
    several = [
        pl.col("value").quantile(q, "linear").alias(name) for q, name in zip((0.1, 0.5, 0.9), QUANTILES, strict=True)
    ]
    return series.group_by("sample_id", "signal").agg(several)


def _window(series: pl.DataFrame, ids: list[str], words: str) -> pl.DataFrame:
    value, (start, end) = pl.col("value"), WINDOWS[words]
    inside = (pl.col("hours_before") >= start) & (pl.col("hours_before") < end)
    found = series.filter(inside).group_by("sample_id", "signal")
    several = found.agg(value.sort().mean().alias("mean"), value.min().alias("min"), value.max().alias("max"))
    return _wide(several, ids, ALL, ("mean", "min", "max"), f", {words}")


def _ventilation(stays: StaySet) -> pl.DataFrame:
    m = stays.measurements.filter(pl.col("signal") == "ventilated")
    hour = pl.col("time") // 60
    found = m.group_by("sample_id").agg(
        hour.n_unique().cast(pl.Float64).alias("ventilated, hours charted"),
        (pl.col("time").min() / 60).alias("ventilated, first hour"),
        (pl.col("time").max() / 60).alias("ventilated, last hour"),
        (pl.col("hours_before") < 24).any().cast(pl.Float64).alias("ventilated, last 24 h"),
        (pl.col("hours_before") < 8).any().cast(pl.Float64).alias("ventilated, last 8 h"),
    )
    whole = pl.DataFrame({"sample_id": stays.ids}).join(found, on="sample_id", how="left", maintain_order="left")
    never = [pl.col(name).fill_null(0.0) for name in found.columns[1:] if not name.endswith(" hour")]
    return whole.with_columns(never).drop("sample_id")


def _measured(stays: StaySet) -> pl.DataFrame:
    """Return whether a signal was ever measured, 1 or 0."""
    ever = stays.measurements.select("sample_id", "signal").unique().with_columns(pl.lit(1.0).alias("ever measured"))
    return _wide(ever, stays.ids, [name for name, _, _ in SIGNALS.values()], ("ever measured",)).fill_null(0.0)


def _points(windows: pl.DataFrame) -> pl.DataFrame:
    """Return organ points in the manner of SOFA, of each day, from what the records hold, and their sum."""
    out: list[pl.Expr] = []
    for day in ("first 24 h", "last 24 h"):
        organs = {
            "lungs": _below(f"P/F ratio, min, {day}", 400, 300, 200, 100),
            "clotting": _below(f"platelets, min, {day}", 150, 100, 50, 20),
            "liver": _above(f"bilirubin, max, {day}", 1.2, 2, 6, 12),
            "circulation": _below(f"mean pressure, min, {day}", 70, 60, 50, 40),
            "brain": _below(f"Glasgow coma score, min, {day}", 15, 13, 10, 6),
            "kidneys": _above(f"creatinine, max, {day}", 1.2, 2, 3.5, 5),
            "urine": _below(f"urine per kg and hour, mean, {day}", 1, 0.5, 0.3, 0.15),
            "acid": _above(f"lactate, max, {day}", 2, 4, 6, 10),
        }
        out += [points.alias(f"organ points: {name}, {day}") for name, points in organs.items()]
        out.append(pl.sum_horizontal(organs.values()).alias(f"organ points: sum, {day}"))
    points = windows.select(out)
    change = pl.col("organ points: sum, last 24 h") - pl.col("organ points: sum, first 24 h")
    return points.with_columns(change.alias("organ points: change"))


def _below(column: str, *bounds: float) -> pl.Expr:
    """A point for each bound that the value is below; none where it was not measured."""
    return pl.sum_horizontal((pl.col(column) < bound).fill_null(value=False).cast(pl.Float64) for bound in bounds)


def _above(column: str, *bounds: float) -> pl.Expr:
    return pl.sum_horizontal((pl.col(column) > bound).fill_null(value=False).cast(pl.Float64) for bound in bounds)
