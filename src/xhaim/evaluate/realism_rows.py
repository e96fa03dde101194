"""What two stores are compared by: measurements of catalogue signals in intensive-care stays, and their statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from xhaim import events as ev
from xhaim.signals import catalogue, signal_of_code

WINDOW_HOURS = 24
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
RESAMPLES = 200
"""Draws of subjects with replacement behind every interval."""


def icu_stays(events: pl.LazyFrame) -> pl.DataFrame:
    """Return subject_id, stay_id, intime, outtime of each stay in intensive care, in order of stay_id."""
    keys = ["subject_id", "stay_id"]

    def times(code: str, name: str) -> pl.LazyFrame:
        rows = events.filter(ev.code_is(code) & pl.col("stay_id").is_not_null())
        return rows.group_by(keys).agg(pl.col("time").min().alias(name))

    both = times(ev.ICU_ADMISSION, "intime").join(times(ev.ICU_DISCHARGE, "outtime"), on=keys)
    return both.filter(pl.col("outtime") > pl.col("intime")).sort("stay_id", "subject_id").collect()


def measurements(events: pl.LazyFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """Return one row per vital sign or laboratory value in a stay, in order of stay, signal, time and value.

    Columns: subject_id, stay_id, signal, hours (since admission to intensive care), minute (of the hour), value (in
    the signal's unit), gap (hours since the same signal's last value in the stay; null for the first). Values out of
    the signal's bounds, or in a unit the catalogue does not know, are left out.
    """
    codes = {code: name for code, name in signal_of_code().items() if catalogue()[name].group != "procedure"}
    item = pl.col("code").str.split("//").list.head(2).list.join("//")
    named = (
        events.filter(pl.col("numeric_value").is_not_null())
        .select("subject_id", "time", "unit", "numeric_value", signal=item.replace_strict(codes, default=None))
        .drop_nulls("signal")
        .with_columns(value=_in_unit())
        .filter(pl.col("value").is_not_null())
    )
    inside = named.join(stays.lazy(), on="subject_id").filter(pl.col("time").is_between("intime", "outtime"))
    hours = (pl.col("time") - pl.col("intime")).dt.total_seconds() / 3600
    rows = inside.select(
        "subject_id", "stay_id", "signal", "value", hours=hours, minute=pl.col("time").dt.minute().cast(pl.Float64)
    ).sort("stay_id", "signal", "hours", "value")
    gap = pl.col("hours") - pl.col("hours").shift(1).over("stay_id", "signal")
    return rows.with_columns(gap=gap).collect()


def _in_unit() -> pl.Expr:
    """Return the value in its signal's unit; null out of bounds or in a unit that is not known."""
    value = pl.col("numeric_value").cast(pl.Float64)
    expr = pl.lit(None, dtype=pl.Float64)
    for signal in catalogue().values():
        own = value
        for unit, (scale, offset) in signal.also.items():
            own = pl.when(pl.col("unit") == unit).then(value * scale + offset).otherwise(own)
        fits = (pl.col("signal") == signal.name) & own.is_between(*signal.bounds)
        expr = pl.when(fits).then(own).otherwise(expr)
    return expr


def rows_per_stay(events: pl.LazyFrame, stays: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return, by kind of event (``CHART``, ``LAB``, ...), the mean rows per stay and its 95 % interval by subjects."""
    kind = pl.col("code").str.split("//").list.first().alias("kind")
    timed = events.filter(pl.col("time").is_not_null()).select("subject_id", "time", kind)
    inside = timed.join(stays.lazy(), on="subject_id").filter(pl.col("time").is_between("intime", "outtime"))
    counts = inside.group_by("stay_id", "kind").len().collect().pivot("kind", index="stay_id", values="len")
    wide = stays.select("subject_id", "stay_id").join(counts, on="stay_id", how="left").fill_null(0)
    found = {}
    for name in sorted(set(wide.columns) - {"subject_id", "stay_id"}):
        low, high = interval(wide["subject_id"].to_numpy(), wide[name].to_numpy().astype(float))
        found[name] = {"mean": _float(wide[name].mean()), "low": low, "high": high}
    return found


def interval(subjects: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by drawing subjects with replacement."""
    _, of = np.unique(subjects, return_inverse=True)
    sums, counts = np.bincount(of, weights=values), np.bincount(of)
    drawn = np.random.default_rng(0).integers(0, len(counts), (RESAMPLES, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def signal_statistics(rows: pl.DataFrame, stays: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return what each signal looks like.

    values (quantiles), gap (quantiles, hours), measured (share of stays with one in 24 h, with its interval),
    persistence (correlation of consecutive values of a stay) and on_the_hour (share of rows).
    """
    found: dict[str, dict[str, Any]] = {}
    for (name,), own in sorted(rows.group_by("signal"), key=lambda pair: str(pair[0][0])):
        early = own.filter(pl.col("hours") < WINDOW_HOURS)["stay_id"].unique()
        has = stays["stay_id"].is_in(early.implode()).to_numpy().astype(float)
        pairs = own.with_columns(before=pl.col("value").shift(1).over("stay_id")).drop_nulls("before")
        low, high = interval(stays["subject_id"].to_numpy(), has)
        found[str(name)] = {
            "rows": own.height,
            "values": [_float(own["value"].quantile(q)) for q in QUANTILES],
            "gap": [_float(own["gap"].quantile(q)) for q in QUANTILES],
            "measured": {"share": float(has.mean()), "low": low, "high": high},
            "persistence": _float(pairs.select(pl.corr("before", "value")).item()) if pairs.height > 30 else None,
            "on_the_hour": _float((own["minute"] == 0).mean()),
        }
    return found


def stay_table(rows: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """Return one row per stay: mean, min, max and count of each signal in the first 24 h (null: never measured)."""
    early = rows.filter(pl.col("hours") < WINDOW_HOURS)
    value = pl.col("value")
    stats = early.group_by("stay_id", "signal").agg(
        mean=value.mean(), min=value.min(), max=value.max(), count=pl.len().cast(pl.Float64)
    )
    wide = stats.pivot("signal", index="stay_id", values=["mean", "min", "max", "count"])
    return stays.select("subject_id", "stay_id").join(wide, on="stay_id", how="left").sort("stay_id")


def correlations(table: pl.DataFrame, signals: list[str]) -> np.ndarray[Any, Any]:
    """Return [s, s] Spearman correlations of the 24 h means; NaN for pairs seen together in fewer than 20 stays."""
    size = len(signals)
    matrix = np.full((size, size), np.nan)
    for at, one in enumerate(signals):
        for below, other in enumerate(signals[: at + 1]):
            if f"mean_{one}" not in table.columns or f"mean_{other}" not in table.columns:
                continue
            both = table.select(a=f"mean_{one}", b=f"mean_{other}").drop_nulls()
            if both.height >= 20:
                value = both.select(pl.corr("a", "b", method="spearman")).item()
                matrix[at, below] = matrix[below, at] = np.nan if value is None else value
    return matrix


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not np.isnan(value) else None
