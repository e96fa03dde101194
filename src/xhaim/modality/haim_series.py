"""HAIM's own statistics of a series with all its quirks, for the baseline "as published" (``haim_compat``).

From the description of ``get_ts_emb`` (Soenksen et al. 2022): to each series a row of zero is appended, so that the
smallest value, the last, differences, peaks and trend are not the patient's; values stay in the order of the file, not
of time; the trend is the slope on the place in the series, not on time; what cannot be computed, and a signal without
any value, is zero.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from xhaim.modality.time_series import HAIM_STATISTICS


def haim_statistics(values: pl.DataFrame) -> pl.DataFrame:
    """Return sample_id, signal and HAIM_STATISTICS, none of them null, for each sample and signal with a value.

    ``values``: sample_id, signal, value, in the order that the series have in the file: it counts, as in HAIM.
    """
    group = ["sample_id", "signal"]
    series = values.select(*group, pl.col("value").cast(pl.Float64)).filter(
        pl.col("value").is_not_null() & pl.col("value").is_not_nan()
    )
    zero = series.select(group).unique(maintain_order=True).with_columns(value=pl.lit(0.0))
    y = pl.col("value")
    step = y.diff()
    place = pl.int_range(pl.len()).cast(pl.Float64)
    whole = pl.concat([series, zero])
    plain = whole.group_by(group, maintain_order=True).agg(
        y.max().alias("max"),
        y.min().alias("min"),
        y.mean().alias("mean"),
        y.var(ddof=1).alias("variance"),
        step.mean().alias("mean difference"),
        step.abs().mean().alias("mean absolute difference"),
        step.abs().max().alias("largest absolute difference"),
        step.abs().sum().alias("sum of absolute differences"),
        (y.last() - y.first()).alias("last minus first"),
        (pl.cov(place, y) / place.var()).alias("slope"),
    )
    merged = whole.filter((y != y.shift(1)).fill_null(value=True).over(group))
    peak = ((y > y.shift(1)) & (y > y.shift(-1))).fill_null(value=False)
    peaks = merged.group_by(group).agg(peak.sum().cast(pl.Float64).alias("peaks"))
    found = plain.join(peaks, on=group, how="left").select(*group, *HAIM_STATISTICS)
    return found.with_columns(pl.col(HAIM_STATISTICS).fill_null(0.0)).sort(group)


def haim_wide(stats: pl.DataFrame, sample_ids: Iterable[str], signals: Iterable[str]) -> pl.DataFrame:
    """Return [n, signals x 11], signal by signal, in the order of ``sample_ids``; a signal without values is zero."""
    parts = pl.DataFrame({"sample_id": list(sample_ids)}, schema={"sample_id": pl.String()})
    for signal in signals:
        mine = stats.filter(pl.col("signal") == signal).select("sample_id", *HAIM_STATISTICS)
        named = mine.rename({name: f"{signal}, {name}" for name in HAIM_STATISTICS})
        parts = parts.join(named, on="sample_id", how="left", maintain_order="left")
    return parts.drop("sample_id").fill_null(0.0)
