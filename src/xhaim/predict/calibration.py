"""From the booster's mean probability to a calibrated risk, its interval, an operating point and a conformal set.

All of it is fitted on the validation part of train, and on nothing else (DESIGN section 5, Fusion).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

Floats = NDArray[np.float64]

REFITS = 200
"""Of the calibration, on resampled validation subjects, for the interval."""
INTERVAL = (5.0, 95.0)
"""Percentiles of the refits: a 90 % interval."""
INTERVAL_FROM = 20
"""Validation rows below which no interval is given."""
SLOPE_FROM = 0.01
"""Smallest slope on the logit of raw."""
_LOGIT_BOUND = 8.0
_RISK_BOUND = 30.0
"""Of the logit of a risk, beyond which it would round to 0 or 1."""
_KNOTS = np.linspace(-_LOGIT_BOUND, _LOGIT_BOUND, 161)


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A map from raw to risk that never reverses an order, with its interval."""

    kind: Literal["platt", "isotonic"]
    x: tuple[float, ...]
    """Platt: (slope, intercept) on the logit of raw. Isotonic: raw at the corners."""
    y: tuple[float, ...]
    """Isotonic: risk at the corners; empty for Platt."""
    low: tuple[float, ...] = ()
    """5th percentile of the refits at 161 logits of raw from -8 to 8; empty: no interval."""
    high: tuple[float, ...] = ()

    def risk(self, raw: Floats) -> Floats:
        """Return the calibrated risk, [n] in (0, 1), of raw probabilities, [n]."""
        if self.kind == "platt":
            logit = np.clip(self.x[0] * _logit(raw) + self.x[1], -_RISK_BOUND, _RISK_BOUND)
            return np.asarray(expit(logit), dtype=np.float64)
        return np.interp(raw, self.x, self.y)

    def interval(self, raw: Floats) -> tuple[Floats, Floats]:
        """Return the 90 % interval of the risk, [n] and [n]; NaN where validation was too small to give one.

        It says how well the calibration is known, not how different patients with one risk are.
        """
        if not self.low:
            nothing = np.full(len(raw), np.nan)
            return nothing, nothing
        risk, logits = self.risk(raw), _logit(raw)
        low, high = np.interp(logits, _KNOTS, self.low), np.interp(logits, _KNOTS, self.high)
        return np.minimum(low, risk), np.maximum(high, risk)


def fit_calibrator(
    raw: Floats, labels: NDArray[np.int8], subjects: NDArray[np.int64], isotonic_from: int, seed: int
) -> Calibrator:
    """Fit Platt's sigmoid on the logit of raw, or isotonic regression from ``isotonic_from`` rows, [n] each.

    Platt with his own smoothed targets, (n+ + 1)/(n+ + 2) and 1/(n- + 2), which keep tiny and separable sets finite
    (Platt 1999). The interval is the 5th to 95th percentile of 200 refits on subjects drawn with replacement; none
    where there are fewer than 20 rows or one outcome only. A slope below 0.01 is held there:
    validation that speaks against the model makes its risks all but equal, and never reverses them.
    """
    kind: Literal["platt", "isotonic"] = "isotonic" if len(raw) >= isotonic_from else "platt"
    x: tuple[float, ...]
    y: tuple[float, ...]
    if kind == "platt":
        slope, intercept = _platt(raw, labels, np.ones((1, len(raw))))
        x, y = (float(slope[0]), float(intercept[0])), ()
    else:
        x, y = _isotonic(raw, labels, np.ones(len(raw)))
    if len(raw) < INTERVAL_FROM or labels.min() == labels.max():
        return Calibrator(kind, x, y)
    weights = _resampled(subjects, seed)
    if kind == "platt":
        slope, intercept = _platt(raw, labels, weights)
        curves = expit(np.clip(slope[:, None] * _KNOTS + intercept[:, None], -_RISK_BOUND, _RISK_BOUND))
    else:
        curves = np.array([np.interp(expit(_KNOTS), *_isotonic(raw, labels, row)) for row in weights])
    low, high = np.percentile(curves, INTERVAL, axis=0)
    return Calibrator(kind, x, y, tuple(low.tolist()), tuple(high.tolist()))


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The threshold at and above which a risk counts as positive, and what it reached on validation."""

    threshold: float
    target: float
    """Sensitivity that was asked for."""
    sensitivity: float
    """Reached on validation."""
    specificity: float
    """On validation."""


def operating_point(risk: Floats, labels: NDArray[np.int8], target: float) -> OperatingPoint:
    """Return the largest threshold whose sensitivity on these rows is at least ``target``; both outcomes needed."""
    positives, negatives = np.sort(risk[labels == 1]), risk[labels == 0]
    needed = ceil(target * len(positives) - 1e-9)  # 0.9 * 10 must not become 10 by float noise
    threshold = float(positives[len(positives) - needed])
    return OperatingPoint(
        threshold,
        target,
        sensitivity=float(np.mean(positives >= threshold)),
        specificity=float(np.mean(negatives < threshold)),
    )


@dataclass(frozen=True, slots=True)
class ConformalSet:
    """Which outcomes cannot be excluded at an error rate, each outcome judged by its own validation rows."""

    error: float
    positive_from: float | None
    """Raw from which the positive outcome stays; ``None``: always, as validation has too few positives to say."""
    negative_to: float | None
    """Raw up to which the negative outcome stays; ``None``: always."""

    def outcomes(self, raw: Floats) -> NDArray[np.bool_]:
        """Return [n, 2]: whether outcome 0 and outcome 1 stay; both: the model abstains.

        Where neither would stay (raw lies between two well-separated classes), both are kept: typical of neither is
        no reason to name one.
        """
        negative = np.ones(len(raw), bool) if self.negative_to is None else raw <= self.negative_to
        positive = np.ones(len(raw), bool) if self.positive_from is None else raw >= self.positive_from
        keeps = np.stack([negative, positive], axis=1)
        keeps[~keeps.any(axis=1)] = True
        return keeps


def fit_conformal(raw: Floats, labels: NDArray[np.int8], error: float) -> ConformalSet:
    """Fit a label-conditional split-conformal set (Vovk 2012) on raw, which saw none of these rows, [n] each.

    Of exchangeable rows of either outcome, at most ``error`` have a set without their outcome.
    """

    def at_rank(scores: Floats) -> float | None:
        rank = ceil((len(scores) + 1) * (1 - error) - 1e-9)
        return float(scores[rank - 1]) if rank <= len(scores) else None

    return ConformalSet(
        error,
        positive_from=at_rank(np.sort(raw[labels == 1])[::-1]),
        negative_to=at_rank(np.sort(raw[labels == 0])),
    )


# ---- fits ---------------------------------------------------------------------------------------------------


def _logit(raw: Floats) -> Floats:
    bound = expit(_LOGIT_BOUND)
    clipped = np.clip(raw, 1 - bound, bound)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), dtype=np.float64)


def _resampled(subjects: NDArray[np.int64], seed: int) -> Floats:
    """Return how often each row is drawn, [refits, n], when whole subjects are drawn with replacement."""
    unique, group = np.unique(subjects, return_inverse=True)
    share = np.full(len(unique), 1 / len(unique))
    drawn = np.random.default_rng(seed).multinomial(len(unique), share, size=REFITS)
    return drawn[:, group].astype(np.float64)


def _platt(raw: Floats, labels: NDArray[np.int8], weights: Floats) -> tuple[Floats, Floats]:
    """Fit slope and intercept for each row of weights, [r, n], by Newton steps halved until the loss falls."""
    logits = _logit(raw)
    centre, scale = logits.mean(), logits.std() or 1.0
    design = np.stack([(logits - centre) / scale, np.ones_like(logits)], axis=1)
    positive = weights @ labels
    negative = weights.sum(axis=1) - positive
    target = np.where(labels == 1, ((positive + 1) / (positive + 2))[:, None], (1 / (negative + 2))[:, None])
    ridge = np.array([1e-6, 0.0])  # where raw is constant, the slope is zero rather than undetermined
    mean = np.average(target, axis=1, weights=weights)
    beta = np.stack([np.zeros(len(weights)), np.log(mean / (1 - mean))], axis=1)

    def loss(at: Floats) -> Floats:
        z = at @ design.T
        return np.asarray((weights * (np.logaddexp(0, z) - target * z)).sum(axis=1) + 0.5 * at**2 @ ridge)

    for _ in range(30):
        p = expit(beta @ design.T)
        gradient = (weights * (p - target)) @ design + ridge * beta
        hessian = np.einsum("rn,ni,nj->rij", weights * p * (1 - p), design, design) + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        before = loss(beta)
        for _ in range(20):
            worse = loss(beta - step) > before + 1e-9
            step[worse] /= 2
        beta = beta - step
        if np.abs(step).max() < 1e-10:
            break
    held = beta[:, 0] < SLOPE_FROM * scale
    beta[held] = np.stack([np.full(len(weights), SLOPE_FROM * scale), np.log(mean / (1 - mean))], axis=1)[held]
    slope = beta[:, 0] / scale
    return slope, beta[:, 1] - slope * centre


def _isotonic(raw: Floats, labels: NDArray[np.int8], weights: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the corners; risks stay off 0 and 1 by what n rows can say, 1/(n + 2)."""
    drawn = weights > 0
    edge = 1 / (weights.sum() + 2)
    fit = IsotonicRegression(y_min=edge, y_max=1 - edge).fit(raw[drawn], labels[drawn], weights[drawn])
    return tuple(fit.X_thresholds_.tolist()), tuple(fit.y_thresholds_.tolist())
