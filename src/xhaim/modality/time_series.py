"""A signal as statistics: HAIM's eleven, the count, and the hours since the last value (DESIGN: time series)."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from xhaim.signals import catalogue

HAIM_STATISTICS: tuple[str, ...] = (
    "max",
    "min",
    "mean",
    "variance",
    "mean difference",
    "mean absolute difference",
    "largest absolute difference",
    "sum of absolute differences",
    "last minus first",
    "peaks",
    "slope",
)
"""In HAIM's order (Soenksen et al. 2022, get_ts_emb)."""

STATISTICS: tuple[str, ...] = (*HAIM_STATISTICS, "last", "count", "hours since last")


def column(signal: str, statistic: str) -> str:
    """Return the feature's name in words: ``Lactate, max``."""
    return f"{catalogue()[signal].label}, {statistic}"


def statistics(measurements: pl.DataFrame) -> pl.DataFrame:
    """Return sample_id, signal and one column for each of STATISTICS, for every sample and signal with a value.

    ``measurements`` as ``modality.measurements`` returns them, or ``values``. Values are ordered by time, then value,
    so that neither row order nor engine changes a bit. Variance has ddof 1; a statistic that needs more values than
    there are is null. A peak is a strict local maximum after equal neighbours are merged (scipy.signal.find_peaks'
    plateaus). The slope is per hour, by least squares on the times; null when all times are equal.
    """
    names = ["sample_id", "signal"]
    series = measurements.select(names).unique().sort(names).with_row_index("series")
    ordered = (  # numbers are compared and grouped far quicker than words
        measurements.select(*names, "time", "value", "hours_before")
        .join(series, on=names, how="left")
        .drop(names)
        .sort("series", "time", "value")
    )
    x, y, step, size = -pl.col("hours_before"), pl.col("value"), pl.col("step"), pl.col("size")
    same = pl.col("series") == pl.col("series").shift(1)
    ordered = ordered.with_columns(pl.when(same).then(y.diff()).alias("step"))
    ordered = ordered.with_columns(step.abs().alias("size"))
    plain = ordered.group_by("series", maintain_order=True).agg(
        y.max().alias("max"),
        y.min().alias("min"),
        y.mean().alias("mean"),
        y.var(ddof=1).alias("variance"),
        step.mean().alias("mean difference"),
        size.mean().alias("mean absolute difference"),
        size.max().alias("largest absolute difference"),
        pl.when(pl.len() > 1).then(size.sum()).otherwise(None).alias("sum of absolute differences"),
        pl.when(pl.len() > 1).then(y.last() - y.first()).otherwise(None).alias("last minus first"),
        pl.when(x.min() < x.max()).then(pl.cov(x, y) / x.var()).otherwise(None).alias("slope"),
        y.last().alias("last"),
        pl.len().cast(pl.Float64).alias("count"),
        pl.col("hours_before").last().alias("hours since last"),
    )
    found = series.join(plain, on="series").join(_peaks(ordered), on="series", how="left", maintain_order="left")
    return found.sort("series").select(*names, *STATISTICS)


def _peaks(ordered: pl.DataFrame) -> pl.DataFrame:
    """Count by ``series``; rows of one follow each other."""
    y, series = pl.col("value"), pl.col("series")
    again = ((y == y.shift(1)) & (series == series.shift(1))).fill_null(value=False)
    merged = ordered.select("series", "value").filter(~again)
    inside = (series == series.shift(1)) & (series == series.shift(-1))
    peak = (inside & (y > y.shift(1)) & (y > y.shift(-1))).fill_null(value=False)
    return (
        merged.select("series", peak.alias("peak"))
        .group_by("series")
        .agg(pl.col("peak").sum().cast(pl.Float64).alias("peaks"))
    )


def wide(stats: pl.DataFrame, sample_ids: Iterable[str], signals: Iterable[str]) -> tuple[list[str], pl.DataFrame]:
    """Return the column names and [n, signals x statistics], in the order of ``sample_ids``; null = no value."""
    ids, wanted = list(sample_ids), list(signals)
    grid = pl.DataFrame({"sample_id": ids}, schema={"sample_id": pl.String()})
    every = pl.DataFrame({"signal": wanted}, schema={"signal": pl.String()}).join(grid, how="cross")
    found = every.join(stats, on=["signal", "sample_id"], how="left", maintain_order="left")  # one join, not one each
    whole = found.select(STATISTICS).to_dict()
    columns = {
        column(signal, statistic): values.slice(place * len(ids), len(ids))
        for place, signal in enumerate(wanted)
        for statistic, values in whole.items()
    }
    return list(columns), pl.DataFrame(columns)
