"""Learners of the fusion: LightGBM, whose trees grow leaf by leaf; with the extra ``lightgbm``.

Many slow, shallow trees that each see few columns: on PhysioNet 2012 they ranked as well as XGBoost's in a third of the
time (``benchmarks.physionet2012``). ``extra`` draws the thresholds of its splits, and errs otherwise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from xhaim.config import FusionSettings
from xhaim.ports import Learned, Progress, silent

TREES = (300, 600, 1200)
"""Ascending: all are read from one booster."""
WIDE = 256
"""Columns from which a tree sees a tenth of them; else three tenths."""


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


@dataclass(frozen=True, slots=True)
class LightLearner:
    """Fits trees of one kind."""

    extra: bool
    """Splits at a threshold that is drawn (extremely randomised trees)."""

    def learn(
        self,
        X: NDArray[np.float32],
        labels: NDArray[np.int8],
        folds: NDArray[np.int64],
        weights: NDArray[np.float32],
        settings: FusionSettings,
        progress: Progress = silent,
    ) -> Learned:
        """Choose how many trees by the lowest log loss over the folds, and fit them on all rows.

        ``X`` [n, d], NaN = missing; ``labels`` 0 or 1, not re-weighted; ``folds`` [n]. Its draw of columns knows no
        ``weights``. Of equal losses fewer trees.
        """
        n_folds = int(folds.max()) + 1
        parameters = _parameters(settings.seed, X.shape[1], extra=self.extra)
        held_out = np.zeros((len(TREES), len(labels)))
        for fold in range(n_folds if n_folds > 1 else 0):
            held = folds == fold
            booster = lgb.train(parameters, lgb.Dataset(X[~held], labels[~held]), TREES[-1])
            held_out[:, held] = [_margins(booster, X[held], trees) for trees in TREES]
            progress(fold + 1, n_folds + 1)
        losses = (np.logaddexp(0, held_out) - labels * held_out).mean(axis=1)
        best = int(losses.argmin()) if n_folds > 1 else 0
        booster = lgb.train(parameters, lgb.Dataset(X, labels), TREES[best])
        progress(n_folds + 1, n_folds + 1)
        out_of_fold = held_out[best] if n_folds > 1 else None
        return Learned(LightTrees(booster, TREES[best]), out_of_fold, {"trees": TREES[best]})

    def restore(self, state: bytes) -> LightTrees:
        """Read what ``LightTrees.to_bytes`` gave. Raises ValueError for anything else."""
        plain = json.loads(state)
        try:
            return LightTrees(lgb.Booster(model_str=plain["booster"]), int(plain["trees"]))
        except lgb.basic.LightGBMError as error:
            raise ValueError("no booster of LightGBM") from error


def _margins(booster: lgb.Booster, X: NDArray[np.float32], trees: int) -> NDArray[np.float64]:
    return np.asarray(booster.predict(X, num_iteration=trees, raw_score=True), dtype=np.float64)


def _parameters(seed: int, columns: int, *, extra: bool) -> dict[str, object]:
    return {
        "objective": "binary",
        "extra_trees": extra,
        "num_leaves": 12 if extra else 8,
        "learning_rate": 0.03 if extra else 0.015,
        "feature_fraction": 0.3 if extra or columns < WIDE else 0.1,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "min_data_in_leaf": 20,
        "lambda_l2": 5.0,
        "max_bin": 63,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,  # the other way adds in another order
        "num_threads": 1,
        "verbosity": -1,
    }


plain = LightLearner(extra=False)
extra = LightLearner(extra=True)
