"""HAIM's grid (24 combinations, five folds grouped by subject) against scikit-learn's GridSearchCV over XGBClassifier.

    python -m benchmarks.grid_search [--rows 800] [--columns 400] [--repeats 3]

The same combinations, folds, threads and rounds on both sides; columns are drawn, a tenth of the values missing, a few
of them tell. Prints the ratio of times in one run, medians, the combination that each chose and the AUC of both on
rows that neither saw (to be within 0.002).
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from xgboost import XGBClassifier

from xhaim.config import FusionSettings
from xhaim.predict import trees
from xhaim.predict.folds import grouped_folds


def data(rows: int, columns: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return X and labels: ten columns tell, singly and in pairs."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns)).astype(np.float32)
    signal = X[:, :5].sum(axis=1) * 0.5 + X[:, 5] * X[:, 6] + (np.abs(X[:, 7]) > 1) + 0.7 * (X[:, 8] > 0) * X[:, 9]
    labels = (rng.random(rows) < expit(signal - 1)).astype(np.int8)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, labels


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--columns", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    X, labels = data(given.rows, given.columns, 0)
    fresh, truth = data(20_000, given.columns, 1)
    folds = grouped_folds(labels, np.arange(given.rows) // 2, 5, 0)
    grid = trees.GRIDS["haim"]
    taken: dict[str, list[float]] = {"peer": [], "xhaim": []}
    for _ in range(given.repeats):
        start = time.perf_counter()
        search = GridSearchCV(
            XGBClassifier(tree_method="hist", n_jobs=1, random_state=0),
            {
                "max_depth": list(grid.depths),
                "learning_rate": list(grid.learning_rates),
                "n_estimators": list(grid.trees),
            },
            scoring="roc_auc",
            cv=PredefinedSplit(folds),
            n_jobs=1,
        ).fit(X, labels)
        taken["peer"].append(time.perf_counter() - start)
        start = time.perf_counter()
        learned = trees.learn(X, labels, folds, np.ones(given.columns, np.float32), FusionSettings(grid="haim"))
        taken["xhaim"].append(time.perf_counter() - start)
    theirs = roc_auc_score(truth, search.predict_proba(fresh)[:, 1])
    ours = roc_auc_score(truth, learned.member.margins(fresh))
    peer, own = median(taken["peer"]), median(taken["xhaim"])
    print(f"DRAWN data, {given.rows} x {given.columns}, 24 combinations x 5 folds, one thread, {given.repeats} repeats")
    print(f"  GridSearchCV {peer:.1f} s: {search.best_params_}, AUC of fresh rows {theirs:.4f}")
    print(f"  xHAIM        {own:.1f} s: {dict(learned.chosen)}, AUC of fresh rows {ours:.4f}")
    print(f"  {peer / own:.1f} times as quick; AUC differs by {ours - theirs:+.4f}")


if __name__ == "__main__":
    main()
