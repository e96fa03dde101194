"""SIMULATED against REAL: how like real intensive-care records a simulated store is, and what gives it away."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from xhaim.errors import DataError
from xhaim.evaluate.realism_classifier import row_view, stay_view
from xhaim.evaluate.realism_rows import (
    correlations,
    icu_stays,
    measurements,
    rows_per_stay,
    signal_statistics,
    stay_table,
)

VIEWS = {
    "rows": "single measurements: signal, value",
    "rows_with_clock": "single measurements: and gap, minute, change",
    "stays": "24 h statistics of a stay, with what is missing",
}


def compare(simulated: pl.LazyFrame, real: pl.LazyFrame) -> dict[str, Any]:
    """Compare the events (``EVENT_SCHEMA``) of a simulated store with those of a real one; plain values, for JSON.

    Only stays in intensive care and signals of the catalogue are looked at. ``classifier``: by view of ``VIEWS`` the
    AUC of telling simulated from real (0.5: cannot). ``None`` stands where too little is there to say anything.
    Raises DataError where a store has no stay or no measurement.
    """
    sides = []
    for name, events in (("simulated", simulated), ("real", real)):
        stays = icu_stays(events)
        rows = measurements(events, stays) if stays.height else pl.DataFrame()
        if not rows.height:
            raise DataError(f"the {name} store cannot be compared", expected="stays with values of catalogue signals")
        sides.append((events, stays, rows))
    stats = [signal_statistics(rows, stays) for _, stays, rows in sides]
    tables = [stay_table(rows, stays) for _, stays, rows in sides]
    counts = [rows_per_stay(events, stays) for events, stays, _ in sides]
    both = sorted(set(stats[0]) & set(stats[1]))
    (_, _, ours), (_, _, theirs) = sides
    return {
        "stays": [stays.height for _, stays, _ in sides],
        "subjects": [stays["subject_id"].n_unique() for _, stays, _ in sides],
        "rows_per_stay": {
            kind: {"simulated": counts[0].get(kind), "real": counts[1].get(kind)}
            for kind in sorted(set(counts[0]) | set(counts[1]))
        },
        "signals": {
            name: {"simulated": stats[0][name], "real": stats[1][name], "ks": _ks(ours, theirs, name)} for name in both
        },
        "only_in_one": {
            "simulated": sorted(set(stats[0]) - set(stats[1])),
            "real": sorted(set(stats[1]) - set(stats[0])),
        },
        "correlation": _correlation(tables, both),
        "classifier": {
            "rows": row_view(ours, theirs, clock=False),
            "rows_with_clock": row_view(ours, theirs, clock=True),
            "stays": stay_view(*tables),
        },
    }


def _ks(ours: pl.DataFrame, theirs: pl.DataFrame, signal: str) -> float:
    """Return the Kolmogorov-Smirnov distance of a signal's values: the largest gap of the two distributions."""
    one, two = (np.sort(rows.filter(pl.col("signal") == signal)["value"].to_numpy()) for rows in (ours, theirs))
    at = np.concatenate([one, two])
    shares = [np.searchsorted(values, at, side="right") / len(values) for values in (one, two)]
    return float(np.abs(shares[0] - shares[1]).max())


def _correlation(tables: list[pl.DataFrame], signals: list[str]) -> dict[str, Any]:
    """Return how far the two Spearman matrices are apart: mean and largest difference, and the pairs behind it."""
    ours, theirs = (correlations(table, signals) for table in tables)
    pairs = [(i, j) for i in range(len(signals)) for j in range(i) if not np.isnan(ours[i, j] + theirs[i, j])]
    if not pairs:
        return {"pairs": 0, "mean_difference": None, "largest": []}
    apart = sorted(((abs(ours[i, j] - theirs[i, j]), i, j) for i, j in pairs), reverse=True)
    return {
        "pairs": len(pairs),
        "mean_difference": float(np.mean([gap for gap, _, _ in apart])),
        "largest": [
            {"signals": [signals[j], signals[i]], "simulated": float(ours[i, j]), "real": float(theirs[i, j])}
            for _, i, j in apart[:8]
        ],
    }


def as_text(found: dict[str, Any], real_name: str) -> str:
    """Return a comparison as Markdown."""
    lines = [
        f"# SIMULATED against REAL ({real_name})",
        "",
        f"{found['stays'][0]} simulated stays of {found['subjects'][0]} subjects, {found['stays'][1]} real stays of "
        f"{found['subjects'][1]}. Brackets: 95 % intervals by subjects.",
        "",
        "| a classifier tells them apart by | AUC (0.5: cannot) | what gives it away |",
        "|---|---|---|",
    ]
    for view, words in VIEWS.items():
        one = found["classifier"][view]
        clues = ", ".join(f"{name} {value:.2f}" for name, value in list(next(reversed(one.values())).items())[:6])
        lines.append(f"| {words} | {one['auc']:.3f} [{one['low']:.3f}, {one['high']:.3f}] | {clues} |")
    lines += ["", "| rows of a stay | simulated | real |", "|---|---|---|"]
    lines += [f"| {kind} | {_mean(one['simulated'])} | {_mean(one['real'])} |" for kind, one in
              found["rows_per_stay"].items()]  # fmt: skip
    lines += [
        "",
        "| signal | KS | values: median [5 %, 95 %] | gap, h | in 24 h | persistence | on the hour |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in found["signals"].items():
        sim, real = one["simulated"], one["real"]
        cells = [f"{_values(sim)} / {_values(real)}", f"{_number(sim['gap'][2])} / {_number(real['gap'][2])}"]
        cells.append(f"{sim['measured']['share']:.2f} / {_share(real['measured'])}")
        cells.append(f"{_number(sim['persistence'])} / {_number(real['persistence'])}")
        cells.append(f"{_number(sim['on_the_hour'])} / {_number(real['on_the_hour'])}")
        lines.append(f"| {name} | {one['ks']:.2f} | " + " | ".join(cells) + " |")
    far = found["correlation"]
    lines += ["", f"Correlation of 24 h means: mean difference {_number(far['mean_difference'])} over {far['pairs']} "
              "pairs. Furthest apart:", ""]  # fmt: skip
    lines += [f"- {' and '.join(p['signals'])}: {p['simulated']:.2f} / {p['real']:.2f}" for p in far["largest"]]
    lines += ["", "Cells: simulated / real."]
    return "\n".join(lines)


def _mean(one: dict[str, float] | None) -> str:
    return "none" if one is None else f"{one['mean']:.1f} [{one['low']:.1f}, {one['high']:.1f}]"


def _share(one: dict[str, float]) -> str:
    return f"{one['share']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"


def _values(one: dict[str, Any]) -> str:
    low, _, middle, _, high = (_number(value) for value in one["values"])
    return f"{middle} [{low}, {high}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
