"""A learner of the fusion: LightGBM, whose trees grow leaf by leaf; with the extra ``lightgbm``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from xhaim.config import FusionSettings
from xhaim.ports import Learned, Progress, silent

LEAVES = (7, 15)
TREES = (150, 300, 600)
"""Ascending: all are read from one booster."""


@dataclass(frozen=True, slots=True)
class LightTrees:
    """A fitted booster and how many of its trees count."""

    booster: lgb.Booster
    trees: int

    def margins(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log-odds, [n]."""
        return _margins(self.booster, X, self.trees)

    def contributions(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return TreeSHAP of each column and the bias last, [n, d + 1]: a row sums to its log-odds."""
        return np.asarray(self.booster.predict(X, num_iteration=self.trees, pred_contrib=True), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """Return LightGBM's own text, inside JSON."""
        return json.dumps({"trees": self.trees, "booster": self.booster.model_to_string()}).encode()


def learn(
    X: NDArray[np.float32],
    labels: NDArray[np.int8],
    folds: NDArray[np.int64],
    weights: NDArray[np.float32],
    settings: FusionSettings,
    progress: Progress = silent,
) -> Learned:
    """Choose leaves and trees by the lowest log loss over the folds, and fit them on all rows.

    ``X`` [n, d], NaN = missing; ``labels`` 0 or 1, not re-weighted; ``folds`` [n]. Of equal losses the smaller model.
    """
    n_folds = int(folds.max()) + 1
    total = n_folds * len(LEAVES) + 1
    held_out = np.zeros((len(LEAVES), len(TREES), len(labels)))
    for fold, (at, leaves) in product(range(n_folds if n_folds > 1 else 0), enumerate(LEAVES)):
        held = folds == fold
        booster = lgb.train(_parameters(leaves, settings.seed), lgb.Dataset(X[~held], labels[~held]), TREES[-1])
        held_out[at][:, held] = [_margins(booster, X[held], trees) for trees in TREES]
        progress(fold * len(LEAVES) + at + 1, total)
    losses = (np.logaddexp(0, held_out) - labels * held_out).mean(axis=2)
    best, position = divmod(int(losses.argmin()), len(TREES)) if n_folds > 1 else (0, 0)
    booster = lgb.train(_parameters(LEAVES[best], settings.seed), lgb.Dataset(X, labels), TREES[position])
    progress(total, total)
    return Learned(
        LightTrees(booster, TREES[position]),
        held_out[best, position] if n_folds > 1 else None,
        {"leaves": LEAVES[best], "trees": TREES[position]},
    )


def restore(state: bytes) -> LightTrees:
    """Read what ``LightTrees.to_bytes`` gave. Raises ValueError for anything else."""
    plain = json.loads(state)
    try:
        return LightTrees(lgb.Booster(model_str=plain["booster"]), int(plain["trees"]))
    except lgb.basic.LightGBMError as error:
        raise ValueError("no booster of LightGBM") from error


def _margins(booster: lgb.Booster, X: NDArray[np.float32], trees: int) -> NDArray[np.float64]:
    return np.asarray(booster.predict(X, num_iteration=trees, raw_score=True), dtype=np.float64)


def _parameters(leaves: int, seed: int) -> dict[str, object]:
    return {
        "objective": "binary",
        "num_leaves": leaves,
        "learning_rate": 0.03,
        "feature_fraction": 0.3,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "min_data_in_leaf": 20,
        "lambda_l2": 1.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,  # the other way adds in another order
        "num_threads": 1,
        "verbosity": -1,
    }
