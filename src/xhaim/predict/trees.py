"""A learner of the fusion: XGBoost, searched over a grid with grouped folds (paper section 4; HAIM's own grid).

HAIM (Soenksen 2022) searches depth x trees x learning rate with five folds. The same search is cheaper here without
changing a score: all tree counts are read from one booster, and a fold's binned matrix serves all combinations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from xhaim.config import FusionSettings
from xhaim.ports import Learned, Progress, silent

WIDE = 256
"""Columns from which a tree sees ``Grid.wide_share`` of them, in coarser bins: embeddings are many weak columns."""
WIDE_BINS = 64


@dataclass(frozen=True, slots=True)
class Grid:
    """Combinations to choose from, and what they have in common."""

    depths: tuple[int, ...]
    learning_rates: tuple[float, ...]
    trees: tuple[int, ...]
    """Ascending."""
    column_share: float = 1.0
    """Of the columns that a tree sees."""
    wide_share: float = 1.0
    """The same from ``WIDE`` columns, drawn so that every block is as likely to be looked at as any other, whatever
    its width: a few concept counts must not drown among hundreds of embedding dimensions."""
    row_share: float = 1.0
    """Of the rows that a tree sees."""
    min_child_weight: float = 1.0


GRIDS: dict[str, Grid] = {
    "haim": Grid(depths=(5, 6, 7, 8), learning_rates=(0.3, 0.1, 0.05), trees=(200, 300)),
    "shallow": Grid((2, 3, 4), (0.03,), (150, 300, 600), 0.3, 0.1, row_share=0.7, min_child_weight=5),
    "small": Grid((3,), (0.05,), (100, 200), 1.0, 0.1, row_share=0.7, min_child_weight=5),
}
"""``shallow`` and ``small`` were tried once against deeper trees, on simulated patients that nothing is reported of."""


@dataclass(frozen=True, slots=True)
class Trees:
    """A fitted booster."""

    booster: xgb.Booster

    def margins(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log-odds, [n]."""
        return _margins(self.booster, X, 0)

    def contributions(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return TreeSHAP of each column and the bias last, [n, d + 1]: a row sums to its log-odds."""
        return np.asarray(self.booster.predict(xgb.DMatrix(X), pred_contribs=True), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """Return XGBoost's own JSON."""
        return bytes(self.booster.save_raw("json"))


def learn(
    X: NDArray[np.float32],
    labels: NDArray[np.int8],
    folds: NDArray[np.int64],
    weights: NDArray[np.float32],
    settings: FusionSettings,
    progress: Progress = silent,
) -> Learned:
    """Choose the combination with the best mean ROC AUC over the folds, and fit it on all rows.

    ``X`` [n, d], NaN = missing; ``labels`` 0 or 1, not re-weighted: risks are to be calibrated; ``folds`` [n];
    ``weights`` [d]: how likely a column is looked at where trees see a share. Of equal scores the first in the grid's
    order wins: shallower, then fewer trees. With one fold the first is taken, and nothing is out of fold.
    """
    grid = GRIDS[settings.grid]
    n_folds = int(folds.max()) + 1
    combinations = list(product(grid.depths, grid.learning_rates))
    total = n_folds * len(combinations) + 1
    scores = np.zeros((len(combinations), len(grid.trees), n_folds))
    held_out = np.zeros((len(combinations), len(grid.trees), len(labels)))
    for fold in range(n_folds if n_folds > 1 else 0):
        held = folds == fold
        binned = _binned(X[~held], labels[~held], weights, grid)
        for index, (depth, rate) in enumerate(combinations):
            booster = xgb.train(_parameters(depth, rate, grid, settings.seed, X.shape[1]), binned, grid.trees[-1])
            for position, found in enumerate(_each(booster, X[held], grid.trees)):
                held_out[index, position, held] = found
                scores[index, position, fold] = roc_auc_score(labels[held], found)
            progress(fold * len(combinations) + index + 1, total)
    mean = scores.mean(axis=2)
    best, position = divmod(int(mean.argmax()), len(grid.trees))
    (depth, rate), trees = combinations[best], grid.trees[position]
    parameters = _parameters(depth, rate, grid, settings.seed, X.shape[1])
    booster = xgb.train(parameters, _binned(X, labels, weights, grid), trees)
    progress(total, total)
    return Learned(
        Trees(booster),
        held_out[best, position] if n_folds > 1 else None,
        {"depth": depth, "learning_rate": rate, "trees": trees},
    )


def restore(state: bytes) -> Trees:
    """Read what ``Trees.to_bytes`` gave. Raises ValueError for anything else."""
    booster = xgb.Booster()
    booster.load_model(bytearray(state))
    return Trees(booster)


def _each(booster: xgb.Booster, X: NDArray[np.float32], trees: Iterable[int]) -> list[NDArray[np.float64]]:
    return [_margins(booster, X, count) for count in trees]


def _margins(booster: xgb.Booster, X: NDArray[np.float32], trees: int) -> NDArray[np.float64]:
    """Return the log-odds of the first ``trees`` trees, of all for 0."""
    found = booster.predict(xgb.DMatrix(X), iteration_range=(0, trees), output_margin=True)
    return np.asarray(found, dtype=np.float64)


def _binned(
    X: NDArray[np.float32], labels: NDArray[np.int8], weights: NDArray[np.float32], grid: Grid
) -> xgb.QuantileDMatrix:
    matrix = xgb.QuantileDMatrix(X, labels, max_bin=_bins(X.shape[1], grid))
    matrix.set_info(feature_weights=weights)
    return matrix


def _bins(columns: int, grid: Grid) -> int:
    return WIDE_BINS if columns >= WIDE and grid.wide_share < 1 else 256  # XGBoost's default


def _parameters(depth: int, learning_rate: float, grid: Grid, seed: int, columns: int) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "device": "cpu",
        "nthread": 1,  # processes share the splits; another number would add in another order
        "max_depth": depth,
        "learning_rate": learning_rate,
        "max_bin": _bins(columns, grid),
        "colsample_bytree": grid.wide_share if columns >= WIDE else grid.column_share,
        "subsample": grid.row_share,
        "min_child_weight": grid.min_child_weight,
        "seed": seed,
    }
