"""What is added up for PhysioNet 2012: the product's fusion, trees on graded outcomes, and the recurrent network.

Each member gives log-odds of rows that it has not seen, by folds of the training stays, and log-odds of the test stays
by a fit on all of them. They are weighed by the product's stacking on the former alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import polars as pl
import xgboost as xgb
from numpy.typing import NDArray

from benchmarks.physionet2012_sequence import Course, fit_network, margins
from xhaim.config import FusionSettings
from xhaim.predict.folds import grouped_folds
from xhaim.predict.fusion import fit_fusion

Matrix = NDArray[np.float32]
Margins = NDArray[np.float64]

FOLDS = 5
_GRADED = {
    "objective": "cross_entropy", "learning_rate": 0.025, "num_leaves": 8, "feature_fraction": 0.3, "extra_trees": True,
    "bagging_fraction": 0.7, "bagging_freq": 1, "min_data_in_leaf": 20, "lambda_l2": 5.0, "max_bin": 63,
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip
_GRADED_TREES = 600
_SIMPLE = {
    "objective": "binary:logistic", "max_depth": 4, "learning_rate": 0.05, "subsample": 0.8, "colsample_bytree": 0.5,
    "min_child_weight": 5, "reg_lambda": 5, "nthread": 1, "tree_method": "hist", "max_bin": 64, "seed": 0,
}  # fmt: skip
_SIMPLE_TREES = 300


@dataclass(frozen=True, slots=True)
class Said:
    """What a member says, in log-odds."""

    out_of_fold: Margins
    """[n] of the training rows."""
    test: Margins
    """[m]."""
    words: str = ""
    """What was chosen inside it."""


def fusion(X: Matrix, y: NDArray[np.int8], test: Matrix) -> Said:
    """Fit the product's fusion: trees, and a line over steps of each value."""
    settings = FusionSettings(members=("lightgbm:values", "steps:values"), folds=FOLDS)
    found, out_of_fold = fit_fusion(X, y, np.arange(len(y)), settings)
    if out_of_fold is None:
        raise ValueError("too few stays for folds")
    parts = (f"{part.name} {part.weight:.2f} (alone {part.auc:.4f}; {dict(part.chosen)})" for part in found.parts)
    return Said(out_of_fold, found.margins(test), "; ".join(parts))


def graded(X: Matrix, y: NDArray[np.int8], grade: Margins, test: Matrix, seed: int = 0) -> Said:
    """Fit trees to graded outcomes, [n] in [0, 1]: a stay on the edge of the outcome is not the same as one far off."""
    folds = grouped_folds(y, np.arange(len(y)), FOLDS, seed)
    out_of_fold = np.zeros(len(y))

    def trees(rows: NDArray[np.bool_]) -> lgb.Booster:
        return lgb.train(_GRADED | {"seed": seed}, lgb.Dataset(X[rows], grade[rows]), _GRADED_TREES)

    for fold in range(FOLDS):
        out_of_fold[folds == fold] = trees(folds != fold).predict(X[folds == fold], raw_score=True)
    return Said(out_of_fold, np.asarray(trees(np.ones(len(y), bool)).predict(test, raw_score=True)))


def grades(outcomes: pl.DataFrame) -> dict[str, Margins]:
    """Return graded death and graded long stay, [n]: of the training stays only, never an input.

    Death in hospital 1, within 60 days 0.5, within a year 0.2. A stay of 7.5 days 0.5, by a sigmoid of its logarithm.
    """
    survival, death = outcomes["survival"].to_numpy(), outcomes["death"].to_numpy()
    later = np.select([(survival >= 0) & (survival <= 60), (survival >= 0) & (survival <= 365)], [0.5, 0.2], 0.0)
    days = np.maximum(outcomes["days"].fill_null(1).to_numpy(), 1)
    return {
        "death": np.where(death == 1, 1.0, later),
        "long_stay": 1 / (1 + np.exp(-(np.log(days) - np.log(7.5)) / 0.25)),
    }


def network(course: Course, wanted: Matrix, test: Course, seed: int, fold: int) -> tuple[NDArray[np.int64], Margins]:
    """Fit the network without one fold, or on all for ``FOLDS``; return the rows it is asked of, and [rows, 2]."""
    rows = np.arange(len(wanted))
    folds = grouped_folds(wanted[:, 0].astype(np.int8), rows, FOLDS, 0)
    net = fit_network(course, wanted, rows[folds != fold], seed)
    if fold == FOLDS:
        return np.arange(len(test.values)), margins(net, test, np.arange(len(test.values)))
    return rows[folds == fold], margins(net, course, rows[folds == fold])


def simple(X: Matrix, y: NDArray[np.int8], test: Matrix) -> Said:
    """Fit the peer: XGBoost on simple statistics."""
    folds = grouped_folds(y, np.arange(len(y)), FOLDS, 0)
    out_of_fold = np.zeros(len(y))

    def trees(rows: NDArray[np.bool_]) -> xgb.Booster:
        return xgb.train(_SIMPLE, xgb.QuantileDMatrix(X[rows], y[rows], max_bin=64), _SIMPLE_TREES)

    for fold in range(FOLDS):
        held = xgb.DMatrix(X[folds == fold])
        out_of_fold[folds == fold] = trees(folds != fold).predict(held, output_margin=True)
    whole = trees(np.ones(len(y), bool)).predict(xgb.DMatrix(test), output_margin=True)
    return Said(out_of_fold, np.asarray(whole, dtype=np.float64))
