"""Agreement of two raters from the table of their scores: weighted kappa, Spearman's rho, Kendall's tau-b.

Scores have few levels, so each statistic is a function of a small table, and a bootstrap of items is one product of
matrices: [b, n] times drawn by [n, cells].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_LEVELS = 64
"""Distinct values of a rater: scores, or means of a few people's scores."""


def kappa(tables: Floats, ours: Floats, theirs: Floats) -> Floats:
    """Return quadratic-weighted kappa, [b]: 1 less observed over expected squared distance (Cohen 1968).

    ``tables`` [b, i, j] are counts of the levels ``ours`` [i] and ``theirs`` [j], in the unit of the scores, so that
    means of several people can stand in for one. NaN where a rater is constant.
    """
    apart = (ours[:, None] - theirs[None, :]) ** 2
    first, second, n = _margins(tables)
    expected = np.einsum("bi,ij,bj->b", first, apart, second)
    observed = np.einsum("bij,ij->b", tables, apart)
    return _where_both_vary(1 - _over(n * observed, expected), first, second)


def spearman(tables: Floats, ours: Floats, theirs: Floats) -> Floats:
    """Return Spearman's rank correlation, [b], ties at their mean rank; NaN where a rater is constant."""
    first, second, n = _margins(tables)
    one, other = (_mean_ranks(margin) - (n[:, None] + 1) / 2 for margin in (first, second))
    together = np.einsum("bij,bi,bj->b", tables, one, other)
    spread = np.sqrt((first * one**2).sum(axis=1) * (second * other**2).sum(axis=1))
    return _where_both_vary(_over(together, spread), first, second)


def kendall(tables: Floats, ours: Floats, theirs: Floats) -> Floats:
    """Return Kendall's tau-b, [b], corrected for ties; NaN where a rater is constant."""
    first, second, n = _margins(tables)
    above = _sums_above(tables)
    above_left = _sums_above(tables[:, :, ::-1])[:, :, ::-1]
    excess = (tables * (above - above_left)).sum(axis=(1, 2))
    pairs = n * (n - 1) / 2
    untied = [pairs - (margin * (margin - 1)).sum(axis=1) / 2 for margin in (first, second)]
    return _where_both_vary(_over(excess, np.sqrt(untied[0] * untied[1])), first, second)


PAIR: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "kappa": kappa,
    "spearman": spearman,
    "kendall": kendall,
}


def of_two(ours: Floats, theirs: Floats, times: Floats) -> dict[str, Floats]:
    """Return each statistic of two raters' scores, [n] each, for every row of ``times`` [b, n]: name -> [b]."""
    levels, places = zip(*(np.unique(scores, return_inverse=True) for scores in (ours, theirs)), strict=True)
    if max(map(len, levels)) > MOST_LEVELS:
        raise ValueError(f"more than {MOST_LEVELS} distinct scores: rank them by another way")
    cells = np.zeros((len(ours), len(levels[0]) * len(levels[1])))
    cells[np.arange(len(ours)), places[0] * len(levels[1]) + places[1]] = 1.0
    tables = (times @ cells).reshape(len(times), len(levels[0]), len(levels[1]))
    return {name: statistic(tables, *levels) for name, statistic in PAIR.items()}


def _margins(tables: Floats) -> tuple[Floats, Floats, Floats]:
    return tables.sum(axis=2), tables.sum(axis=1), tables.sum(axis=(1, 2))


def _mean_ranks(margin: Floats) -> Floats:
    """Return the rank of each level, [b, i]: the mean of the ranks that its scores share."""
    return np.cumsum(margin, axis=1) - (margin - 1) / 2


def _sums_above(tables: Floats) -> Floats:
    """Return the sum of all cells whose both levels are greater, [b, i, j]."""
    whole = np.cumsum(np.cumsum(tables[:, ::-1, ::-1], axis=1), axis=2)[:, ::-1, ::-1]
    found = np.zeros_like(tables)
    found[:, :-1, :-1] = whole[:, 1:, 1:]
    return found


def _over(part: Floats, whole: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(part / np.where(whole > 0, whole, np.nan))


def _where_both_vary(values: Floats, first: Floats, second: Floats) -> Floats:
    vary = ((first > 0).sum(axis=1) > 1) & ((second > 0).sum(axis=1) > 1)
    return np.where(vary, values, np.nan)
