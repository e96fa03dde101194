"""Measurements as a worse record would hold them: fewer, noisier, in a unit that is not said or said wrongly.

Pure functions of the rows that ``modality.measurements.values`` returns. What is random is drawn from a hash of the
sample and the order of its rows by signal, time and value: the same for any order of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.run.stress_facts import drawn
from xhaim.signals import catalogue
from xhaim.units import in_one_unit

UNIT_SHARE = 0.2
"""Of the measurements whose signal is also measured in another unit."""
Said = Literal["rightly", "wrongly", "lost"]
"""How the unit stands beside a number that is in another unit: its own; the usual one; or a feed lost the units of all
values of such signals."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Values after a perturbation."""

    values: pl.DataFrame
    counts: pl.DataFrame
    """sample_id, made (values changed or left out), undone (of them refused by the rules for units and bounds), beside
    (other values that were refused with them)."""


ValueEdit = Callable[[pl.DataFrame, Mapping[str, float]], Measured]
"""Values, and the standard deviation of each signal among the training samples -> the values, perturbed."""


def dropped(values: pl.DataFrame, spread: Mapping[str, float], *, share: float) -> Measured:
    """Leave out a share of the measurements, drawn."""
    rows = _ordered(values)
    rows = rows.with_columns(out=pl.Series(_uniform(rows, "dropped") < share, dtype=pl.Boolean))
    return Measured(rows.filter(~pl.col("out")).select(values.columns), _counts(rows, pl.col("out")))


def noisy(values: pl.DataFrame, spread: Mapping[str, float], *, share: float) -> Measured:
    """Add Gaussian noise of ``share`` times the signal's spread; what leaves the bounds of the possible is left out."""
    rows = _ordered(values)
    size = np.array([share * spread.get(signal, 0.0) for signal in rows["signal"]])
    bounds = {name: signal.bounds for name, signal in catalogue().items()}
    limits = np.array([bounds[signal] for signal in rows["signal"]]).reshape(-1, 2)
    moved = np.round(rows["value"].to_numpy() + size * _normal(rows, "noisy"), 6)
    inside = (moved >= limits[:, 0]) & (moved <= limits[:, 1])
    rows = rows.with_columns(
        value=pl.Series(moved, dtype=pl.Float64), inside=pl.Series(inside, dtype=pl.Boolean), hit=pl.Series(size > 0)
    )
    return Measured(
        rows.filter("inside").select(values.columns), _counts(rows, pl.col("hit"), pl.col("hit") & ~pl.col("inside"))
    )


def other_unit(values: pl.DataFrame, spread: Mapping[str, float], *, said: Said) -> Measured:
    """Write a share of the numbers in another unit of their signal, and read all of them again by the units' rules.

    ``rightly``: the control. The unit is said, so every value must come back as it was.
    """
    rows = _ordered(values).join(_others(), on="signal", how="left")
    hit = pl.Series(_uniform(rows, "unit") < UNIT_SHARE, dtype=pl.Boolean) & rows["factor"].is_not_null()
    other = pl.col("factor").is_not_null()
    written = rows.with_columns(hit=hit).with_columns(
        numeric_value=pl.when("hit").then((pl.col("value") - pl.col("offset")) / pl.col("factor")).otherwise("value"),
        unit={
            "rightly": pl.when("hit").then("other").otherwise("unit"),
            "wrongly": pl.col("unit"),
            "lost": pl.when(other).then(None).otherwise("unit"),
        }[said],
    )
    read = in_one_unit(written.drop("signal", "label", "value", "fault", "factor", "offset", "other"))
    lost = pl.col("fault").is_not_null()
    usable = read.filter(~lost).with_columns(pl.col("value").round(6))
    counts = _counts(read, pl.col("hit"), pl.col("hit") & lost, ~pl.col("hit") & lost)
    return Measured(usable.select(values.columns), counts)


def spread_of(values: pl.DataFrame) -> dict[str, float]:
    """Return the standard deviation of each signal's values; 0 where there are fewer than two."""
    found = (
        values.sort("signal", "value").group_by("signal", maintain_order=True).agg(pl.col("value").std().fill_null(0))
    )
    return dict(found.iter_rows())


def _ordered(values: pl.DataFrame) -> pl.DataFrame:
    return values.sort("sample_id", "signal", "time", "value", "known_at", "code", "source", nulls_last=False)


def _uniform(rows: pl.DataFrame, what: str) -> NDArray[np.float64]:
    return _drawn(rows, lambda sample_id, n: drawn(what, sample_id).random(n))


def _normal(rows: pl.DataFrame, what: str) -> NDArray[np.float64]:
    return _drawn(rows, lambda sample_id, n: drawn(what, sample_id).standard_normal(n))


def _drawn(rows: pl.DataFrame, draw: Callable[[str, int], NDArray[np.float64]]) -> NDArray[np.float64]:
    """One number for each row, drawn sample by sample in the order of the rows."""
    sizes = rows.group_by("sample_id", maintain_order=True).len().rows()
    return np.concatenate([np.empty(0), *(draw(sample_id, n) for sample_id, n in sizes)])


def _counts(
    rows: pl.DataFrame, made: pl.Expr, undone: pl.Expr | None = None, beside: pl.Expr | None = None
) -> pl.DataFrame:
    never = pl.lit(value=False)
    which = {"made": made, "undone": never if undone is None else undone, "beside": never if beside is None else beside}
    return (
        rows.select("sample_id", **which)
        .group_by("sample_id")
        .agg(pl.col(*which).sum().cast(pl.Int64))
        .sort("sample_id")
    )


@cache
def _others() -> pl.DataFrame:
    """Signal -> the first other unit by name, and how its number becomes the catalogue's: number * factor + offset."""
    rows = []
    for name, signal in catalogue().items():
        real = sorted((unit, a, b) for unit, (a, b) in signal.also.items() if (a, b) != (1.0, 0.0))
        rows += [(name, *one) for one in real[:1]]
    kinds = {"signal": pl.String(), "other": pl.String(), "factor": pl.Float64(), "offset": pl.Float64()}
    return pl.DataFrame(rows, schema=kinds, orient="row")
