"""The bootstrap of patients: every interval of the report draws subjects with replacement, once for all splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.evaluate.metrics import Unscored

Floats = NDArray[np.float64]

RESAMPLES = 1000
_BLOCK = 200  # resamples drawn at once: bounds the memory of [resamples, rows]
_ENOUGH = 0.9  # share of resamples that must hold both classes for an interval to be given


def concordance(labels: NDArray[np.int64], scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the weight of concordant pairs (ties one half) and of all pairs, [b] each, for [b, n] weights of n rows.

    A pair is a positive and a negative; its weight is the product of theirs; it is concordant where the positive has
    the higher score.
    """
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels != 1)
    negative = negative[np.argsort(scores[negative], kind="stable")]
    below = np.zeros((len(weights), negative.size + 1))  # weight of the negatives before each place
    np.cumsum(weights[:, negative], axis=1, out=below[:, 1:])
    first, last = (np.searchsorted(scores[negative], scores[positive], side) for side in ("left", "right"))
    mine = weights[:, positive]
    concordant = 0.5 * np.einsum("bp,bp->b", mine, below[:, first] + below[:, last])
    return concordant, mine.sum(axis=1) * below[:, -1]


def rank_auc(labels: NDArray[np.int64], scores: Floats, weights: Floats) -> Floats:
    """Return the weighted AUC of [n] scores for each row of [b, n] weights, ties one half: [b]; NaN without a class.

    The probability that a positive drawn by weight outranks a negative drawn by weight (Mann and Whitney).
    """
    concordant, pairs = concordance(labels, scores, weights)
    with np.errstate(invalid="ignore"):
        return np.asarray(concordant / np.where(pairs > 0, pairs, np.nan))


def resampled(
    parts: Sequence[pl.DataFrame],
    value: Callable[[pl.DataFrame, Floats], Floats],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Floats:
    """Return ``value`` of each resample of subjects, the mean over the parts: [resamples, ...], NaN where one has none.

    ``value`` is given a part (a split's rows, with ``subject_id``) and how often each row was drawn, [b, n]; what it
    returns has b rows.
    """
    subjects = pl.concat([part.select("subject_id") for part in parts])["subject_id"].unique().sort().to_numpy()
    places = [np.searchsorted(subjects, part["subject_id"].to_numpy()) for part in parts]
    rng = np.random.default_rng(seed)
    blocks = []
    for start in range(0, resamples, _BLOCK):
        size = min(_BLOCK, resamples - start)
        times = rng.multinomial(subjects.size, np.full(subjects.size, 1 / subjects.size), size=size).astype(float)
        each = [value(part, times[:, place]) for part, place in zip(parts, places, strict=True)]
        blocks.append(np.mean(each, axis=0))
    return np.concatenate(blocks) if blocks else np.empty(0)


def percentiles(drawn: Floats) -> tuple[float, float] | Unscored:
    """Return the 95 % interval of [b] resampled values, or why there is none."""
    usable = drawn[np.isfinite(drawn)]
    if drawn.size == 0 or usable.size < _ENOUGH * drawn.size:
        return Unscored(f"only {usable.size} of {drawn.size} resamples hold both classes")
    low, high = np.percentile(usable, [2.5, 97.5])
    return float(low), float(high)
