"""Scores of risks against labels. A score that cannot honestly be given is ``Unscored`` with its reason, never 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

MIN_CLASS = 5
"""Members that each class must have before a ranking is scored: with fewer, one row moves the AUC by 0.2 or more."""

_NEAREST = 1e-6  # risks of exactly 0 or 1 have no log-odds


@dataclass(frozen=True, slots=True)
class Unscored:
    """A score that was not computed."""

    reason: str
    """As in ``1 positive of 27``."""

    def __str__(self) -> str:
        return f"not computed: {self.reason}"


Score = float | Unscored


@dataclass(frozen=True, slots=True)
class Bin:
    """One point of a reliability curve."""

    mean_risk: float
    observed: float
    """Share of positives."""
    n: int


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What happens when everybody at or above an operating point is flagged."""

    sensitivity: Score
    specificity: Score
    precision: Score
    """Positive predictive value."""
    negative_predictive_value: Score
    flagged: int
    n: int


def auc(labels: ArrayLike, scores: ArrayLike) -> Score:
    """Return the area under the ROC curve of [n] scores for [n] labels 0/1; ties count one half."""
    y, s = _arrays(labels, scores)
    return too_few(y) or float(roc_auc_score(y, s))


def average_precision(labels: ArrayLike, scores: ArrayLike) -> Score:
    """Return the area under the precision-recall curve as average precision (AUPRC)."""
    y, s = _arrays(labels, scores)
    return too_few(y) or float(average_precision_score(y, s))


def brier(labels: ArrayLike, risks: ArrayLike) -> Score:
    """Return the mean squared difference of [n] risks in [0, 1] and [n] labels; lower is better."""
    y, p = _risks(labels, risks)
    return float(brier_score_loss(y, p)) if y.size else Unscored("no rows")


def calibration_curve(labels: ArrayLike, risks: ArrayLike, bins: int = 10) -> tuple[Bin, ...]:
    """Return the reliability curve over equal-width bins of risk; empty bins are left out."""
    y, p = _risks(labels, risks)
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    inside = [place == index for index in range(bins)]
    return tuple(Bin(float(p[rows].mean()), float(y[rows].mean()), int(rows.sum())) for rows in inside if rows.any())


def ece(labels: ArrayLike, risks: ArrayLike, bins: int = 10) -> Score:
    """Return the expected calibration error: |mean risk - observed| of each bin, weighted by its rows."""
    curve = calibration_curve(labels, risks, bins)
    total = sum(point.n for point in curve)
    if not total:
        return Unscored("no rows")
    return sum(abs(point.mean_risk - point.observed) * point.n for point in curve) / total


def calibration_slope_intercept(labels: ArrayLike, risks: ArrayLike) -> tuple[Score, Score]:
    """Return the calibration slope and the calibration-in-the-large (Cox; ideal 1 and 0).

    Slope: the b of logit P(y) = a + b logit(risk), unpenalised. Intercept: the a with b held at 1, so that it speaks
    of the mean alone.
    """
    y, p = _risks(labels, risks)
    few = too_few(y)
    if few:
        return few, few
    logits = np.log(np.clip(p, _NEAREST, 1 - _NEAREST)) - np.log1p(-np.clip(p, _NEAREST, 1 - _NEAREST))
    intercept = float(_logistic(np.ones((y.size, 1)), y, logits)[0])
    positive, negative = logits[y == 1], logits[y == 0]
    if np.ptp(logits) == 0:
        return Unscored("all risks are equal"), intercept
    if negative.max() <= positive.min() or positive.max() <= negative.min():
        return Unscored("the risks separate the classes"), intercept
    spread = logits.std()  # of risks that are nearly equal the slope is far from 1: it is looked for on their own scale
    design = np.column_stack([np.ones(y.size), (logits - logits.mean()) / spread])
    return float(_logistic(design, y, np.zeros(y.size))[1] / spread), intercept


def at_threshold(labels: ArrayLike, risks: ArrayLike, threshold: float) -> AtThreshold:
    """Return the threshold metrics where ``risk >= threshold`` is flagged."""
    y, p = _risks(labels, risks)
    flagged = p >= threshold
    positive = y == 1

    def share(part: NDArray[np.bool_], whole: NDArray[np.bool_], what: str) -> Score:
        return float((part & whole).sum() / whole.sum()) if whole.any() else Unscored(f"no {what} of {y.size}")

    return AtThreshold(
        sensitivity=share(flagged, positive, "positive"),
        specificity=share(~flagged, ~positive, "negative"),
        precision=share(positive, flagged, "row flagged"),
        negative_predictive_value=share(~positive, ~flagged, "row unflagged"),
        flagged=int(flagged.sum()),
        n=int(y.size),
    )


def _arrays(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    y, s = np.asarray(labels, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1:
        raise ValueError(f"labels {y.shape} and scores {s.shape} must be two vectors of one length")
    if not np.isin(y, (0, 1)).all() or not np.isfinite(s).all():
        raise ValueError("labels must be 0 or 1 and scores finite")
    return y, s


def _risks(labels: ArrayLike, risks: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    y, p = _arrays(labels, risks)
    if p.size and (p.min() < 0 or p.max() > 1):
        raise ValueError("risks must lie in [0, 1]")
    return y, p


def too_few(labels: ArrayLike) -> Unscored | None:
    """Return which class of [n] labels 0/1 has too few members for rows to be ranked; ``None``: neither."""
    y = np.asarray(labels)
    positives = int(y.sum(dtype=np.int64))
    negatives = y.size - positives
    if min(positives, negatives) >= MIN_CLASS:
        return None
    fewer, word = (positives, "positive") if positives <= negatives else (negatives, "negative")
    return Unscored(f"{fewer} {word}{'' if fewer == 1 else 's'} of {y.size}")


def _logistic(design: NDArray[np.float64], y: NDArray[np.int64], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit an unpenalised logistic regression by Newton's steps: exact, and no solver's tolerance to choose."""
    weights = np.zeros(design.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(offset + design @ weights, -35, 35)))
        curvature = design.T @ (design * np.maximum(p * (1 - p), 1e-12)[:, None])
        step = np.linalg.solve(curvature, design.T @ (y - p))
        weights = weights + np.clip(step, -2, 2)  # a bounded step cannot overshoot into the flat ends
        if np.abs(step).max() < 1e-10:
            break
    return weights
