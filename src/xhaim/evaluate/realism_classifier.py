"""How well a classifier tells simulated from real: 0.5 is not at all, 1.0 is always.

Gradient-boosted trees by five folds grouped by subject; scores are of held-out rows alone. Intervals are by drawing
subjects with replacement, of the held-out scores: wide where the real store is small.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from xhaim.evaluate.realism_rows import RESAMPLES

Array = NDArray[np.float64]

MAX_ROWS = 12_000
"""Rows of each side in a view of single measurements: a seeded draw."""
FOLDS = 5
SHOWN = 12
"""Features named of each view."""


def row_view(simulated: pl.DataFrame, real: pl.DataFrame, *, clock: bool) -> dict[str, Any]:
    """Tell single measurements apart by signal and value; with ``clock`` also by gap, minute and change since last.

    Returns auc, low, high, and by_signal: the AUC among the rows of each signal, most telling first.
    """
    names = sorted(set(simulated["signal"]) & set(real["signal"]))
    sides = [_sample(rows.filter(pl.col("signal").is_in(names))) for rows in (simulated, real)]
    both = pl.concat([rows.with_columns(side=pl.lit(side)) for side, rows in enumerate(sides)])
    columns = ["value", "gap", "minute", "change"] if clock else ["value"]
    place = {name: number for number, name in enumerate(names)}
    X = both.select(pl.col("signal").replace_strict(place).cast(pl.Float64), *columns).to_numpy().astype(float)
    y, groups = both["side"].to_numpy(), _groups(both)
    scores, _ = _held_out(X, y, groups, [], categorical=[0])
    told = {}
    for name in names:
        own = (both["signal"] == name).to_numpy()
        if min(np.bincount(y[own], minlength=2)) >= 20:
            told[name] = float(roc_auc_score(y[own], scores[own]))
    order = sorted(told.items(), key=lambda pair: (-pair[1], pair[0]))
    return {**_auc(y, scores, groups), "rows": len(y), "by_signal": dict(order[:SHOWN])}


def _sample(rows: pl.DataFrame) -> pl.DataFrame:
    change = pl.col("value") - pl.col("value").shift(1).over("stay_id", "signal")
    rows = rows.with_columns(change=change)
    return rows.sample(min(MAX_ROWS, rows.height), seed=0, shuffle=False)


def stay_view(simulated: pl.DataFrame, real: pl.DataFrame) -> dict[str, Any]:
    """Tell stays apart by their 24 h statistics, what is missing included.

    Returns auc, low, high, and telling: how much the AUC falls when a feature is shuffled among held-out stays.
    """
    names = sorted((set(simulated.columns) & set(real.columns)) - {"subject_id", "stay_id"})
    sides = [simulated.select("subject_id", *names), real.select("subject_id", *names)]
    both = pl.concat([rows.with_columns(side=pl.lit(side)) for side, rows in enumerate(sides)])
    y, groups = both["side"].to_numpy(), _groups(both)
    X = both.select(pl.col(names).cast(pl.Float64)).to_numpy()
    scores, falls = _held_out(X, y, groups, names)
    order = sorted(falls.items(), key=lambda pair: (-pair[1], pair[0]))
    return {**_auc(y, scores, groups), "rows": len(y), "features": len(names), "telling": dict(order[:SHOWN])}


def _groups(both: pl.DataFrame) -> NDArray[np.int64]:
    """Return a number for each subject: those of two stores are different people, whatever their ids."""
    found: NDArray[np.int64] = both.select(pl.struct("side", "subject_id").rank("dense")).to_series().to_numpy()
    return found


def _held_out(
    X: Array, y: NDArray[Any], groups: NDArray[Any], names: list[str], categorical: list[int] | None = None
) -> tuple[Array, dict[str, float]]:
    """Return each row's held-out score, and by feature the mean fall of the folds' AUC when it is shuffled."""
    scores, falls = np.zeros(len(y)), np.zeros((FOLDS, len(names)))
    rng = np.random.default_rng(0)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(X, y, groups)
    for number, (train, test) in enumerate(folds):
        model = HistGradientBoostingClassifier(
            max_iter=80, random_state=0, early_stopping=False, categorical_features=categorical, class_weight="balanced"
        )
        model.fit(X[train], y[train])
        scores[test] = model.predict_proba(X[test])[:, 1]
        whole = roc_auc_score(y[test], scores[test])
        for at in range(len(names)):
            mixed = X[test].copy()
            mixed[:, at] = rng.permutation(mixed[:, at])
            falls[number, at] = whole - roc_auc_score(y[test], model.predict_proba(mixed)[:, 1])
    return scores, dict(zip(names, falls.mean(axis=0).tolist(), strict=True))


def _auc(y: NDArray[Any], scores: Array, groups: NDArray[Any]) -> dict[str, float]:
    """Return the AUC of held-out scores and its 95 % interval by subjects."""
    _, of = np.unique(groups, return_inverse=True)
    rng, drawn = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(0, of.max() + 1, of.max() + 1), minlength=of.max() + 1)[of]
        if len(set(y[weight > 0])) == 2:
            drawn.append(float(roc_auc_score(y, scores, sample_weight=weight)))
    low, high = np.quantile(drawn, (0.025, 0.975)) if drawn else (np.nan, np.nan)
    return {"auc": float(roc_auc_score(y, scores)), "low": float(low), "high": float(high)}
