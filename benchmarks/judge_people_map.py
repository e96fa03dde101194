"""A small learned map from what the critic counts to people's scores, and Spearman by folds with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
FOLDS, INNER, REPEATS = 10, 5, 3


class Map:
    """The mean of a ridge regression and of extremely randomised trees, both on the ranks of the scores."""

    def __init__(self, X: Floats, y: Floats, groups: Groups, families: Sequence[Sequence[int]] = ()) -> None:
        """Fit to rows [n, d] and people's scores [n].

        Which of the ``families`` of columns is read (all columns where none is named) and the ridge's penalty are
        chosen by folds over the groups of these rows.
        """
        ranks = rankdata(y) / len(y)
        self.columns, self.penalty = _chosen(X, ranks, groups, families or [range(X.shape[1])])
        mine = X[:, self.columns]
        self._ridge = _ridge(self.penalty).fit(mine, ranks)
        trees = ExtraTreesRegressor(300, min_samples_leaf=8, max_features=0.5, random_state=0, n_jobs=1)
        self._trees = trees.fit(mine, ranks)

    def predict(self, X: Floats) -> Floats:
        """Return what people would give, [n], as a rank among the rows that it was fitted to, 0 to 1."""
        mine = X[:, self.columns]
        return np.asarray((self._ridge.predict(mine) + self._trees.predict(mine)) / 2)


def _ridge(penalty: float) -> Pipeline:
    return make_pipeline(StandardScaler(), Ridge(penalty))


def _chosen(X: Floats, ranks: Floats, groups: Groups, families: Sequence[Sequence[int]]) -> tuple[list[int], float]:
    """Return the columns and the penalty with the least squared error over inner folds; of equals the first."""
    errors = {(place, penalty): 0.0 for place in range(len(families)) for penalty in reversed(PENALTIES)}
    for train, test in folds(groups, INNER, seed=0):
        for place, penalty in errors:
            mine = X[:, list(families[place])]
            fitted = _ridge(penalty).fit(mine[train], ranks[train])
            errors[place, penalty] += float(((fitted.predict(mine[test]) - ranks[test]) ** 2).sum())
    place, penalty = min(errors, key=lambda one: errors[one])
    return list(families[place]), penalty


def folds(groups: Groups, n: int, seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return training and test rows of each fold, whole groups on one side."""
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    parts = [np.isin(groups, names[fold::n]) for fold in range(n)]
    return [(np.flatnonzero(~out), np.flatnonzero(out)) for out in parts]


def out_of_fold(
    X: Floats, y: Floats, groups: Groups, families: Sequence[Sequence[int]] = (), repeats: int = REPEATS, n: int = FOLDS
) -> Floats:
    """Return predictions [repeats, n], each by maps that saw no summary of its dialogue."""
    found = np.empty((repeats, len(y)))
    for repeat in range(repeats):
        for train, test in folds(groups, n, repeat):
            found[repeat, test] = Map(X[train], y[train], groups[train], families).predict(X[test])
    return found


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman, the mean over repeats, and the same of every draw of dialogues: the same draws for all predictions."""

    value: float
    draws: Floats

    def words(self) -> str:
        """Return it with its 95 % interval."""
        low, high = np.nanpercentile(self.draws, [2.5, 97.5])
        return f"{self.value:+.3f} [{low:+.3f}, {high:+.3f}]"

    def less(self, other: Correlation) -> Correlation:
        """Return the paired difference."""
        return Correlation(self.value - other.value, self.draws - other.draws)


def correlation(predicted: Floats, y: Floats, groups: Groups, draws: int = 1000) -> Correlation:
    """Return Spearman of [repeats, n] predictions and [n] scores.

    Whole dialogues are drawn with replacement; ranks are of each draw.
    """
    value = float(np.mean([spearmanr(one, y)[0] for one in predicted]))
    rows = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(draws):
        sample = np.concatenate([rows[place] for place in rng.integers(0, len(rows), len(rows))])
        theirs = rankdata(y[sample])
        drawn.append(np.mean([_pearson(rankdata(one[sample]), theirs) for one in predicted]))
    return Correlation(value, np.array(drawn))


def _pearson(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size else float("nan")


def columns(rows: Sequence[dict[str, float]], names: Sequence[str]) -> Floats:
    """Return [n, d] of the named features."""
    return np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
