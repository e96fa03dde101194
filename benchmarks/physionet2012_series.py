"""Series that clinicians read off several signals: ratios, the pressure by either way, urine by weight and hour."""

from __future__ import annotations

import polars as pl

from benchmarks.physionet2012_records import StaySet
from benchmarks.physionet2012_signals import HOURS

_EITHER = {
    f"{kind} pressure, {how}": f"{kind} pressure"
    for kind in ("systolic", "diastolic", "mean")
    for how in ("arterial line", "cuff")
}
DERIVED = ("systolic pressure", "diastolic pressure", "mean pressure", "shock index", "pulse pressure", "P/F ratio",
           "base excess", "urea to creatinine", "urine per kg and hour")  # fmt: skip


def derived(stays: StaySet) -> list[pl.DataFrame]:
    """Return series that clinicians read off several signals, in the form of ``measurements``."""
    m = stays.measurements
    either = (
        m.filter(pl.col("signal").is_in(list(_EITHER)))
        .with_columns(pl.col("signal").replace_strict(_EITHER))
        .group_by("sample_id", "signal", "time", "hours_before")
        .agg(pl.col("value").sort().mean())
        .select(m.columns)
    )

    def one(name: str) -> pl.DataFrame:
        found = pl.concat([m, either]).filter(pl.col("signal") == name)
        return found.select("sample_id", "time", "hours_before", "value").sort("time", "sample_id")

    def pair(a: str, b: str, minutes: int, name: str, formula: pl.Expr) -> pl.DataFrame:
        """Of each value of ``a`` and the newest of ``b`` before it."""
        left, right = one(a), one(b).rename({"value": "other"}).drop("hours_before")
        joined = left.join_asof(right, on="time", by="sample_id", tolerance=minutes, check_sortedness=False)
        return joined.drop_nulls("other").select(
            "sample_id", pl.lit(name).alias("signal"), "time", formula.alias("value"), "hours_before"
        )

    a, b = pl.col("value"), pl.col("other")
    excess = 0.93 * (0.0307 * b * 10 ** (a - 6.1) - 24.4 + 14.8 * (a - 7.4))
    return [
        either,
        pair("heart rate", "systolic pressure", 60, "shock index", a / b),
        pair("systolic pressure", "diastolic pressure", 0, "pulse pressure", a - b),
        pair("oxygen pressure", "inspired oxygen fraction", 480, "P/F ratio", a / b),
        pair("arterial pH", "carbon dioxide pressure", 5, "base excess", excess),
        pair("urea nitrogen", "creatinine", 5, "urea to creatinine", a / b),
        _urine_rate(stays),
    ]


def _urine_rate(stays: StaySet) -> pl.DataFrame:
    """Millilitres per kg and hour in blocks of six hours; of a stay whose weight is not known, at 80 kg."""
    m = stays.measurements
    weight = m.filter(pl.col("signal") == "weight").group_by("sample_id").agg(pl.col("value").median().alias("kg"))
    block = (pl.col("time") // 360).clip(upper_bound=HOURS // 6 - 1)
    return (
        m.filter(pl.col("signal") == "urine")
        .group_by("sample_id", block.alias("block"))
        .agg(pl.col("value").sort().sum())
        .join(weight, on="sample_id", how="left")
        .select(
            "sample_id",
            pl.lit("urine per kg and hour").alias("signal"),
            ((pl.col("block") + 1) * 360).alias("time"),
            (pl.col("value") / 6 / pl.col("kg").fill_null(80.0)).alias("value"),
            (HOURS - (pl.col("block") + 1) * 6.0).alias("hours_before"),
        )
    )
