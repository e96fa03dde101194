"""Folds that keep a subject whole: what is fitted on one part never met the subjects of the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def grouped_folds(labels: NDArray[np.integer], subjects: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each row, [n] in [0, k): grouped by subject, both outcomes (1, and not 1) spread evenly.

    ``k`` is the largest number up to ``folds`` that gives every fold both outcomes; 1 where not even two folds can.
    A subject's fold depends on the labels by subject and on ``seed``, not on the order of rows.
    """
    unique, group = np.unique(subjects, return_inverse=True)
    positives = np.bincount(group[labels == 1], minlength=len(unique))
    negatives = np.bincount(group[labels != 1], minlength=len(unique))
    tie_break = np.random.default_rng(seed).permutation(len(unique))
    order = np.lexsort((tie_break, -negatives, -positives))
    most = min(folds, int(np.sum(positives > 0)), int(np.sum(negatives > 0)))
    for k in range(most, 1, -1):
        fold_of_group, totals = _deal(order, positives, negatives, k)
        if totals.min() > 0:
            result: NDArray[np.int64] = fold_of_group[group]
            return result
    return np.zeros(len(labels), dtype=np.int64)


def _deal(
    order: NDArray[np.int64], positives: NDArray[np.int64], negatives: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Deal groups with positives to the fold with the fewest, then the others to the fold with fewest negatives."""
    fold_of_group = np.zeros(len(order), dtype=np.int64)
    totals = np.zeros((2, k), dtype=np.int64)  # negatives and positives dealt so far
    for index in order:
        first, second = (1, 0) if positives[index] else (0, 1)
        fold = int(np.lexsort((totals[second], totals[first]))[0])  # equal: the lowest fold
        fold_of_group[index] = fold
        totals[:, fold] += negatives[index], positives[index]
    return fold_of_group, totals
