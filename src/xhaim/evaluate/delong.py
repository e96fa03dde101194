"""DeLong's variance of an AUC and test of two AUCs, with the rows of one patient taken as one cluster.

An AUC is the mean of what each row adds to it (its placement among the rows of the other class), so its variance
follows from theirs (DeLong, DeLong and Clarke-Pearson 1988), by midranks in n log n (Sun and Xu 2014). Rows of one
patient are added up before they are squared (Obuchowski 1997); so are the rows of one patient in the test parts of
several splits, which makes the mean over overlapping splits no surer than it is. With one split and one row of each
patient it is DeLong's own. Like the bootstrap of patients, it is given the fitted models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from xhaim.evaluate.compare import Paired
from xhaim.evaluate.metrics import Unscored

_NOTHING = 1e-12  # a standard error that is rounding alone

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Error:
    """A mean over the splits and how sure it is."""

    mean: float
    se: float
    interval: tuple[float, float]
    """95 %, normal."""
    p: float | Unscored
    """Two-sided, of a mean of 0; ``Unscored`` where nothing varies."""


def placements(labels: NDArray[np.int64], scores: Floats) -> Floats:
    """Return [n]: of each row, the share of rows of the other class that lie on the right side of it, ties one half.

    Their mean over the positives is the AUC, and over the negatives too.
    """
    positive = labels == 1
    m, n = int(positive.sum()), int((~positive).sum())
    among_all = rankdata(scores)
    found = np.empty(len(scores))
    found[positive] = (among_all[positive] - rankdata(scores[positive])) / n
    found[~positive] = 1 - (among_all[~positive] - rankdata(scores[~positive])) / m
    return found


def auc_error(parts: Sequence[pl.DataFrame], column: str = "raw") -> Error | Unscored:
    """Return the AUC, averaged over the parts (test rows of each split, both classes in each), with its error."""
    return _error([(part, _added(part, column)) for part in parts], 0.5)


def delong(paired: Paired) -> Error | Unscored:
    """Return the AUC of ``raw`` less that of ``other`` on the same rows, averaged over the splits, with its error."""
    return _error([(part, _added(part, "raw") - _added(part, "other")) for part in paired.parts], 0.0)


def _added(part: pl.DataFrame, column: str) -> Floats:
    return placements(part["label"].to_numpy().astype(np.int64), part[column].to_numpy().astype(float))


def _error(parts: Sequence[tuple[pl.DataFrame, Floats]], expected: float) -> Error | Unscored:
    """Return the mean of the parts' means of ``added``; p is of the mean being ``expected``."""
    subjects = pl.concat([part.select("subject_id") for part, _ in parts])["subject_id"].unique().sort().to_numpy()
    sums = np.zeros((2, subjects.size))  # what each subject's negatives, and positives, move the mean by
    seen = np.zeros((2, subjects.size), bool)
    means = []
    for part, added in parts:
        place = np.searchsorted(subjects, part["subject_id"].to_numpy())
        labels = part["label"].to_numpy().astype(np.int64)
        means.append(added[labels == 1].mean())
        for outcome in (0, 1):
            mine = labels == outcome
            moves = (added[mine] - means[-1]) / mine.sum() / len(parts)
            sums[outcome] += np.bincount(place[mine], moves, subjects.size)
            seen[outcome, place[mine]] = True
    members = seen.sum(axis=1)
    if members.min() < 2:
        return Unscored(f"all {'negatives' if members[0] < 2 else 'positives'} are of one subject")
    alone = sum(_unbiased(int(members[outcome])) * float(sums[outcome] @ sums[outcome]) for outcome in (0, 1))
    variance = alone + 2 * _unbiased(subjects.size) * float(sums[0] @ sums[1])
    mean, se = float(np.mean(means)), float(np.sqrt(max(variance, 0.0)))
    p: float | Unscored
    if se > _NOTHING:
        p = float(2 * norm.sf(abs(mean - expected) / se))
    else:
        alike = abs(mean - expected) <= _NOTHING
        p = Unscored("both rank every pair alike" if alike else "no variation between patients")
    reach = float(norm.ppf(0.975)) * se
    return Error(mean, se, (mean - reach, mean + reach), p)


def _unbiased(n: int) -> float:
    return n / (n - 1)


def holm(values: Sequence[float | Unscored]) -> list[float | Unscored]:
    """Return the p values corrected for how many are looked at (Holm 1979); those that are none stay what they are."""
    order = sorted((p, place) for place, p in enumerate(values) if not isinstance(p, Unscored))
    corrected: list[float | Unscored] = list(values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[place] = largest
    return corrected
