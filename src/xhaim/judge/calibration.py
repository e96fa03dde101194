"""From a judge's scores to people's: a map that never reverses an order, fitted on one half, reported on the other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from xhaim.judge.agreement import RESAMPLES, Estimate, draws, interval
from xhaim.judge.agreement_pairs import MOST_LEVELS, of_two

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FEWEST = 10
"""Items that each half must have."""


@dataclass(frozen=True, slots=True)
class JudgeMap:
    """Judge's score -> what people give, by straight lines between corners, level beyond them; it never falls."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, scores: Floats) -> Floats:
        """Return people's scores, [n]; NaN for NaN."""
        return np.asarray(np.interp(scores, self.x, self.y), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A map, and what it changes on items that it was not fitted to: ``before`` and ``after`` have the same keys.

    ``error``: mean absolute distance to people; ``bias``: mean of judge less people; ``kappa`` (quadratic-weighted)
    and ``spearman``, which a monotone map changes by ties alone.
    """

    fitted: JudgeMap | None
    """``None`` where ``reason`` says why."""
    before: Mapping[str, Estimate]
    after: Mapping[str, Estimate]
    fit_items: int
    report_items: int
    reason: str | None = None


def calibrate(
    judge: Floats, people: Floats, groups: Sequence[Hashable], *, resamples: int = RESAMPLES, seed: int = 0
) -> Calibrated:
    """Fit an isotonic map from ``judge`` to ``people``, [n] each (NaN = none), and report what it changes elsewhere.

    Fitted on the half of the ``groups`` with both scores that a hash of their names draws, reported with intervals
    on the other half. No map, and the reason, where a half has fewer than 10 such items, or the judge is constant.
    """
    both = np.isfinite(judge) & np.isfinite(people)
    groups = [group for group, kept in zip(groups, both, strict=True) if kept]
    judge, people = judge[both], people[both]
    fit = in_first_half(groups, seed)
    report = ~fit
    sizes = int(fit.sum()), int(report.sum())
    if min(sizes) < FEWEST:
        reason = f"{sizes[0]} items to fit to and {sizes[1]} to report on: at least {FEWEST} each are needed"
        return Calibrated(None, {}, {}, *sizes, reason)
    if np.ptp(judge[fit]) == 0:
        return Calibrated(None, {}, {}, *sizes, "the judge gives every item the same score")
    fitted = fit_map(judge[fit], people[fit])
    times = draws([group for group, kept in zip(groups, report, strict=True) if kept], resamples, seed)
    mapped = fitted(judge[report])
    before, after = (distances(one, people[report], times) for one in (judge[report], mapped))
    return Calibrated(fitted, before, after, *sizes)


def fit_map(judge: Floats, people: Floats) -> JudgeMap:
    """Fit the map to [n] pairs by isotonic regression (least squares among maps that never fall)."""
    fitted = IsotonicRegression(out_of_bounds="clip").fit(judge, people)
    return JudgeMap(tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))


def in_first_half(groups: Sequence[Hashable], seed: int = 0) -> Flags:
    """Return which items are of the calibration half, [n]: half of the groups, by a hash of their names.

    No group is in both; with an odd number of groups the calibration half has one more.
    """
    names = sorted(set(groups), key=lambda group: (sha256(f"{seed} {group}".encode()).digest(), str(group)))
    first = set(names[: (len(names) + 1) // 2])
    return np.array([group in first for group in groups], dtype=bool)


def distances(judge: Floats, people: Floats, times: Floats) -> dict[str, Estimate]:
    """Return error, bias, and where neither has many distinct values kappa and Spearman, of [n] pairs."""
    n = len(judge)
    drawn = times.sum(axis=1)
    apart = judge - people
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {"error": times @ np.abs(apart) / drawn, "bias": times @ apart / drawn}
    if max(len(np.unique(judge)), len(np.unique(people))) <= MOST_LEVELS:
        both = of_two(judge, people, times)
        found |= {name: both[name] for name in ("kappa", "spearman")}
    return {name: interval(values, n) for name, values in found.items()}
