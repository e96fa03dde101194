"""Whether raters agree, with intervals: the bootstrap draws items, or whole subjects where one has several.

Own short formulas over scipy and scikit-learn: a bootstrap of every statistic in one product of matrices is what no
library of agreement gives, and the tests hold each formula to a library or to its paper's worked example.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xhaim.judge.agreement_many import alphas, intraclass
from xhaim.judge.agreement_pairs import PAIR, of_two

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 1000
FEWEST = 5
"""Items without which no agreement is given: fewer, and one item decides."""
STATISTICS: Mapping[str, str] = {
    "kappa": "quadratic-weighted kappa",
    "spearman": "Spearman's rho",
    "kendall": "Kendall's tau-b",
    "icc_single": "ICC(2,1)",
    "icc_mean": "ICC(2,k)",
    "alpha_ordinal": "Krippendorff's alpha, ordinal",
    "alpha_interval": "Krippendorff's alpha, interval",
}
"""Name -> what a reader is told."""
_ENOUGH = 0.9  # share of resamples in which a statistic must be defined for an interval to be given


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its 95 % interval; ``None`` with its reason where there is none."""

    value: float | None
    low: float | None
    high: float | None
    items: int
    """On which it rests."""
    reason: str | None = None
    """Why there is no value, or a value and no interval."""


def agreement(scores: Mapping[str, Floats], times: Floats) -> dict[str, Estimate]:
    """Return each statistic of ``STATISTICS`` that two raters have, or of several: without the three of a pair.

    ``scores``: rater -> [n], NaN where that rater gave none; ``times`` [1 + b, n]: what ``draws`` gives. Alpha
    rests on every item with two scores, all else on items that all raters scored. Undefined, with its reason, where a
    rater gives all items the same score: chance and agreement cannot be told apart then.
    """
    whole = np.stack(list(scores.values()), axis=1)
    names = [name for name in STATISTICS if len(scores) == 2 or name not in PAIR]
    complete: Flags = np.asarray(np.isfinite(whole).all(axis=1))
    marked: Flags = np.asarray(np.isfinite(whole).sum(axis=1) >= 2)
    kept = {name: marked if name.startswith("alpha") else complete for name in names}
    reasons = {name: _undefined(scores, kept[name]) for name in names}
    if all(reasons.values()):
        return {name: Estimate(None, None, None, int(kept[name].sum()), reasons[name]) for name in names}
    values = _values(whole, times, complete, marked)
    return {
        name: Estimate(None, None, None, int(kept[name].sum()), reasons[name])
        if reasons[name]
        else interval(values[name], int(kept[name].sum()))
        for name in names
    }


def draws(groups: Sequence[Hashable], resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """Return ones, then how often each item is drawn when whole groups are drawn with replacement, [1 + b, n].

    ``groups`` [n]: whose items are drawn together, as the subject. The order of the items decides the draws, so give
    them sorted.
    """
    names = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    place = np.array([names[name] for name in groups], dtype=np.int64)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return np.concatenate([np.ones((1, len(place))), drawn[:, place]])


def interval(values: Floats, items: int) -> Estimate:
    """Return the first of [1 + b] values with the 95 % percentiles of the others; NaN = undefined there."""
    first, drawn = values[0], values[1:]
    if not np.isfinite(first):
        return Estimate(None, None, None, items, "the scores vary too little, or only between raters")
    usable = drawn[np.isfinite(drawn)]
    if usable.size == 0 or usable.size < _ENOUGH * drawn.size:
        return Estimate(
            float(first), None, None, items, f"no interval: defined in {usable.size} of {drawn.size} resamples"
        )
    low, high = np.percentile(usable, [2.5, 97.5])
    return Estimate(float(first), float(low), float(high), items)


def _undefined(scores: Mapping[str, Floats], kept: Flags) -> str | None:
    """Say why there is no agreement to speak of."""
    if kept.sum() < FEWEST:
        return f"{int(kept.sum())} items with scores of both" if len(scores) == 2 else f"{int(kept.sum())} items"
    for rater, given in scores.items():
        found = given[kept & np.isfinite(given)]
        if found.size == 0:
            return f"{rater} scored none of these items"
        if np.all(found == found[0]):
            return f"{rater} gives every item a score of {found[0]:g}: agreement is undefined"
    return None


def _values(whole: Floats, times: Floats, complete: Flags, marked: Flags) -> dict[str, Floats]:
    """Return each statistic of every row of ``times``; where no item is complete, only alpha."""
    found: dict[str, Floats] = {}
    if complete.any():
        scored, drawn = whole[complete], times[:, complete]
        if whole.shape[1] == 2:
            found |= of_two(scored[:, 0], scored[:, 1], drawn)
        found["icc_single"], found["icc_mean"] = intraclass(
            scored, np.where(drawn.sum(axis=1, keepdims=True), drawn, np.nan)
        )
    found["alpha_ordinal"], found["alpha_interval"] = alphas(whole[marked], times[:, marked])
    return found
