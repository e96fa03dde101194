"""Summary statistics of a real store, to which the simulator's values and clocks are calibrated.

python -m benchmarks.realism_calibration REAL_STORE > src/xhaim/source/simulate/calibration.yaml

Quantiles, shares, correlations and gaps over all stays, rounded; no record, no time and no person is in them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from scipy.stats import norm

from xhaim.evaluate.realism_rows import correlations, icu_stays, measurements, stay_table
from xhaim.source.simulate.schedule import PHASES, SETS, SHARES
from xhaim.source.store import Store

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
SHRINK = 0.95
"""Of correlations of a hundred patients."""
FEWEST_STAYS = 20
"""What fewer stays have is not summed up: it would say something of persons. It is set by hand."""
BY_HAND = {
    "ntprobnp": {
        "quantiles": [30, 100, 200, 800, 2500, 8000, 20000, 30000, 60000], "between": 0.7, "moving": 0.2, "hours": 60
    },
    "peptide": {
        "never": 0.85, "first": [0, 0, 1, 1, 1, 1, 2], "later": [0, 0, 0, 0, 0.5, 1, 1], "phase": [1.0],
        "groups": {"peptide": {"share": 1.0, "items": {"ntprobnp": 1.0}}},
    },
}  # fmt: skip


def times(rows: pl.DataFrame, stays: pl.DataFrame) -> dict[str, Any]:
    """Return the clock of each set: who is never measured, how often a day, at which minute, what is left out."""
    found: dict[str, Any] = {}
    span = (pl.col("outtime") - pl.col("intime")).dt.total_seconds() / 86400
    days = stays.select("stay_id", day=pl.int_ranges(0, span.floor().cast(pl.Int64))).explode("day").drop_nulls()
    for name, groups in SETS.items():
        items = [item for group in groups.values() for item in group]
        own = rows.filter(pl.col("signal").is_in(items))
        if own["stay_id"].n_unique() < FEWEST_STAYS:
            found[name] = BY_HAND[name]
            continue
        at = own.select("stay_id", "hours", "minute").unique().with_columns(day=(pl.col("hours") // 24).cast(pl.Int64))
        ever = days.filter(pl.col("stay_id").is_in(at["stay_id"].unique().implode()))
        counts = ever.join(at.group_by("stay_id", "day").len(), on=["stay_id", "day"], how="left").fill_null(0)
        phases = [at.filter(pl.col("minute") == minute).height for minute in range(PHASES if name == "cuff" else 1)]
        found[name] = {
            "never": round(1 - at["stay_id"].n_unique() / stays.height, 2),
            "first": _quantiles(counts.filter(pl.col("day") == 0)["len"]),
            "later": _quantiles(counts.filter(pl.col("day") > 0)["len"]),
            "phase": [round(count / max(sum(phases), 1), 2) for count in phases],
            "groups": {},
        }
        for group, members in groups.items():
            there = own.filter(pl.col("signal").is_in(members)).select("stay_id", "hours").unique()
            shares = {
                item: round(
                    own.filter(pl.col("signal") == item).select("stay_id", "hours").unique().height / there.height, 2
                )
                for item in members
            }
            found[name]["groups"][group] = {"share": round(there.height / at.height, 2), "items": shares}
    return found


def _quantiles(values: pl.Series) -> list[float]:
    return [round(float(values.quantile(q, "linear") or 0), 2) for q in SHARES]


def memory(rows: pl.DataFrame, signal: str) -> dict[str, float]:
    """Fit r(lag) = between + moving * exp(-lag / hours) to the autocorrelation of normal scores within stays."""
    own = rows.filter(pl.col("signal") == signal).select("stay_id", "hours", "value")
    own = own.with_columns(z=pl.Series(norm.ppf((own["value"].rank("average") / (own.height + 1)).to_numpy())))
    own = own.filter(pl.int_range(pl.len()).over("stay_id") < 150)
    pairs = own.join(own, on="stay_id", suffix="_later").with_columns(lag=pl.col("hours_later") - pl.col("hours"))

    def at(low: float, high: float) -> tuple[float, float, int]:
        near = pairs.filter(pl.col("lag").is_between(low, high, closed="left") & (pl.col("lag") > 0))
        z, later = pl.col("z"), pl.col("z_later")
        r = near.select((z * later).mean() / ((z**2).mean() * (later**2).mean()).sqrt()).item()
        return r or 0.0, near["lag"].mean() or 0.0, near.height

    gap = float(own.with_columns(g=pl.col("hours").diff().over("stay_id"))["g"].median() or 12.0)
    (short, lag, _), (day, day_lag, _), (far, _, n_far) = at(0, 1.5 * gap + 0.1), at(20, 30), at(72, 400)
    between = float(np.clip(far if n_far >= 100 else 0.5 * day, 0.05, 0.9))
    ratio = (short - between) / max(day - between, 0.02)
    hours = float(np.clip((day_lag - lag) / np.log(max(ratio, 1.05)), 3, 120)) if day_lag > lag else 30.0
    moving = float(np.clip((short - between) * np.exp(lag / hours), 0.0, 1 - between))
    return {"between": round(between, 2), "moving": round(moving, 2), "hours": round(hours)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real", type=Path)
    store = Store.open(parser.parse_args().real)
    if store.simulated:
        parser.error("calibrate to real records")
    yaml.SafeDumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
    events = store.events()
    stays = icu_stays(events)
    rows = measurements(events, stays)
    names = [item for groups in SETS.values() for group in groups.values() for item in group]
    matrix = np.nan_to_num(correlations(stay_table(rows, stays), names), nan=0.0)
    matrix = 2 * np.sin(np.pi * SHRINK * matrix / 6)
    np.fill_diagonal(matrix, 1.0)
    values, vectors = np.linalg.eigh(matrix)
    matrix = vectors @ np.diag(np.maximum(values, 0.01)) @ vectors.T
    scale = np.sqrt(np.diag(matrix))
    matrix /= np.outer(scale, scale)
    signals: dict[str, Any] = {}
    for name in names:
        own = rows.filter(pl.col("signal") == name)["value"]
        if rows.filter(pl.col("signal") == name)["stay_id"].n_unique() < FEWEST_STAYS:
            signals[name] = BY_HAND[name]
            continue
        if name.startswith("gcs"):
            shares = own.value_counts(normalize=True).sort("value").iter_rows()
            signals[name] = {"shares": {int(value): round(share, 3) for value, share in shares}, **memory(rows, name)}
            continue
        quantiles = [round(float(own.quantile(q, "linear") or 0), 3) for q in QUANTILES]
        signals[name] = {"quantiles": quantiles, **memory(rows, name)}
    print(
        "# Written by benchmarks/realism_calibration.py: summary statistics of the intensive-care stays of the MIMIC-IV"
    )
    print(
        "# Clinical Database Demo 2.2 (PhysioNet, ODbL 1.0). Quantiles are of all values, at 1, 5, 10, 25, 50, 75, 90,"
    )
    print("# 95 and 99 %; correlation is the lower triangle, in the order of signals.")
    whole = {
        "signals": signals,
        "clocks": times(rows, stays),
        "correlation": " ".join(f"{x:.2f}" for at in range(len(names)) for x in matrix[at, :at]),
    }
    print(yaml.safe_dump(whole, sort_keys=False, default_flow_style=None, width=118), end="")


if __name__ == "__main__":
    main()
