"""Fusion: gradient-boosted trees over embeddings and values side by side, with HAIM's grid and grouped folds.

HAIM (Soenksen 2022) searches depth x trees x learning rate with five folds. The same search is cheaper here without
changing a score: both tree counts are read from one booster, and a fold's binned matrix serves all combinations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from xhaim.config import FusionSettings
from xhaim.ports import Progress, silent
from xhaim.predict.folds import grouped_folds

WIDE = 256
"""Columns from which a tree sees a share of them, in coarser bins: embeddings are many weak columns."""
WIDE_SHARE = 0.1
"""Of the columns, drawn so that every block is as likely to be looked at as any other, whatever its width: a few
concept counts must not drown among hundreds of embedding dimensions (``benchmarks/development.py`` measures it)."""
WIDE_BINS = 64


@dataclass(frozen=True, slots=True)
class Grid:
    """Combinations to choose from."""

    depths: tuple[int, ...]
    learning_rates: tuple[float, ...]
    trees: tuple[int, ...]
    """Ascending."""
    folds: int


GRIDS: dict[str, Grid] = {
    "haim": Grid(depths=(5, 6, 7, 8), learning_rates=(0.3, 0.1, 0.05), trees=(200, 300), folds=5),
    "small": Grid(depths=(3,), learning_rates=(0.05,), trees=(100, 200), folds=3),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The combination with the best ROC AUC over the folds."""

    depth: int
    learning_rate: float
    trees: int
    auc: float | None
    """Mean over the folds; ``None`` where the subjects do not allow two folds with both outcomes."""
    folds: int


def fit_fusion(
    X: NDArray[np.float32],
    labels: NDArray[np.int8],
    subjects: NDArray[np.int64],
    settings: FusionSettings,
    progress: Progress = silent,
    blocks: Mapping[str, tuple[int, int]] | None = None,
) -> tuple[xgb.Booster, Choice]:
    """Choose a combination by grouped cross-validation and fit it on all rows.

    ``X`` is [n, d], NaN = missing; ``labels`` 0 or 1. Outcomes are not re-weighted: risks are to be calibrated. Of
    equal scores the first in the grid's order wins: shallower, then fewer trees. ``progress`` counts boosters.
    ``blocks`` (name -> column range): where trees see a share of the columns, each block has the same chance.
    """
    weights = _equal_blocks(X.shape[1], blocks)
    grid = GRIDS[settings.grid]
    folds = grouped_folds(labels, subjects, grid.folds, settings.seed)
    n_folds = int(folds.max()) + 1
    combinations = list(product(grid.depths, grid.learning_rates))
    total = n_folds * len(combinations) + 1
    scores = np.zeros((len(combinations), len(grid.trees), n_folds))
    for fold in range(n_folds if n_folds > 1 else 0):
        held = folds == fold
        binned = _binned(X[~held], labels[~held], weights)
        for index, (depth, rate) in enumerate(combinations):
            booster = xgb.train(_parameters(depth, rate, settings, X.shape[1]), binned, num_boost_round=grid.trees[-1])
            for position, trees in enumerate(grid.trees):
                scores[index, position, fold] = roc_auc_score(labels[held], probabilities(booster, X[held], trees))
            progress(fold * len(combinations) + index + 1, total)
    mean = scores.mean(axis=2)
    best, position = divmod(int(mean.argmax()), len(grid.trees))
    (depth, rate), trees = combinations[best], grid.trees[position]
    booster = xgb.train(
        _parameters(depth, rate, settings, X.shape[1]), _binned(X, labels, weights), num_boost_round=trees
    )
    progress(total, total)
    auc = float(mean[best, position]) if n_folds > 1 else None
    return booster, Choice(depth, rate, trees, auc, n_folds)


def probabilities(booster: xgb.Booster, X: NDArray[np.float32], trees: int = 0) -> NDArray[np.float64]:
    """Return the booster's probability of the positive outcome, [n]; of its first ``trees`` trees if given."""
    found = booster.predict(xgb.DMatrix(X), iteration_range=(0, trees))
    return np.asarray(found, dtype=np.float64)


def margins(booster: xgb.Booster, X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the booster's log-odds, [n]."""
    return np.asarray(booster.predict(xgb.DMatrix(X), output_margin=True), dtype=np.float64)


def contributions(booster: xgb.Booster, X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return TreeSHAP of each column and the bias last, [n, d + 1], in log-odds: a row sums to its margin."""
    return np.asarray(booster.predict(xgb.DMatrix(X), pred_contribs=True), dtype=np.float64)


def _equal_blocks(columns: int, blocks: Mapping[str, tuple[int, int]] | None) -> NDArray[np.float32]:
    """Weights of the columns, [d]: those of a block sum to one."""
    weights = np.ones(columns, np.float32)
    for start, end in (blocks or {}).values():
        weights[start:end] = 1 / (end - start)
    return weights


def _binned(X: NDArray[np.float32], labels: NDArray[np.int8], weights: NDArray[np.float32]) -> xgb.QuantileDMatrix:
    matrix = xgb.QuantileDMatrix(X, labels, max_bin=_bins(X.shape[1]))
    matrix.set_info(feature_weights=weights)
    return matrix


def _bins(columns: int) -> int:
    return WIDE_BINS if columns >= WIDE else 256  # XGBoost's default


def _parameters(depth: int, learning_rate: float, settings: FusionSettings, columns: int) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "device": "cpu",
        "nthread": 1,  # processes share the splits; another number would add in another order
        "max_depth": depth,
        "learning_rate": learning_rate,
        "max_bin": _bins(columns),
        "colsample_bytree": WIDE_SHARE if columns >= WIDE else 1.0,
        "seed": settings.seed,
    }
