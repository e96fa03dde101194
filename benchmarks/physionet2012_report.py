"""What the test stays say of the sum of the members and of the simple model: printed as Markdown, computed once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.physionet2012_members import FOLDS, Margins, Said
from xhaim.evaluate.bootstrap import RESAMPLES, percentiles, rank_auc
from xhaim.evaluate.metrics import (
    Score,
    Unscored,
    at_threshold,
    auc,
    average_precision,
    calibration_curve,
    calibration_slope_intercept,
)
from xhaim.predict.calibration import fit_calibrator
from xhaim.predict.folds import grouped_folds
from xhaim.predict.fusion import stack

MEMBERS = ("fusion", "graded, lean", "graded, wide", "network")
"""What is stacked; ``simple`` is the peer."""
NEVER_ISOTONIC = 10**9
Labels = NDArray[np.int8]


def report(said: Mapping[str, Said], rows: NDArray[np.int64], y: Labels, y_test: Labels) -> None:
    """Weigh the members by rows out of fold, and print scores of the test ``rows`` whose outcome is known."""
    seen = np.stack([said[name].out_of_fold for name in MEMBERS], axis=1)
    unseen = np.stack([said[name].test[rows] for name in MEMBERS], axis=1)
    weights, intercept = stack(seen, y)
    both = {
        "simple": (said["simple"].out_of_fold, said["simple"].test[rows]),
        "all": (seen @ weights + intercept, unseen @ weights + intercept),
    }
    print("| | AUC, out of fold in train | AUC, test | AP, test |\n|---|---|---|---|")
    for name in ("simple", *MEMBERS):
        _row(name, auc(y, said[name].out_of_fold), y_test, said[name].test[rows])
    _row("**all, stacked**", auc(y, _crossfitted(seen, y)), y_test, both["all"][1])
    shares = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(MEMBERS, weights, strict=True))
    print(f"\nweights: {shares}\nfusion: {said['fusion'].words}")
    simple, stacked = both["simple"][1], both["all"][1]
    gain = _number(auc(y_test, stacked)) - _number(auc(y_test, simple))
    drawn = _resampled(y_test, simple, stacked)
    print(f"paired difference from simple: {gain:+.4f} {_interval(drawn[1] - drawn[0])}")
    for name, (inside, outside) in both.items():
        risk_test = _calibration(name, y, inside, y_test, outside)
    print("\n| mean risk | observed | stays |\n|---|---|---|")
    for point in calibration_curve(y_test, risk_test):
        print(f"| {point.mean_risk:.3f} | {point.observed:.3f} | {point.n} |")


def _row(name: str, inside: Score, y: Labels, score: Margins) -> None:
    area, precision = auc(y, score), average_precision(y, score)
    interval = _interval(_resampled(y, score)[0])
    print(f"| {name} | {_number(inside):.4f} | {_number(area):.4f} {interval} | {_number(precision):.3f} |")


def _calibration(name: str, y: Labels, inside: Margins, y_test: Labels, outside: Margins) -> Margins:
    """Fit Platt's sigmoid and the threshold on rows out of fold; print what they reach; return the test risks."""
    calibrator = fit_calibrator(expit(inside), y, np.arange(len(y)), NEVER_ISOTONIC, seed=0)
    risk, risk_test = calibrator.risk(expit(inside)), calibrator.risk(expit(outside))
    slope, offset = calibration_slope_intercept(y_test, risk_test)
    threshold = float(np.sort(risk)[-int(y.sum())])  # as many flagged as are positive: sensitivity is precision
    reached, hoped = _score_1(y_test, risk_test, threshold), _score_1(y, risk, threshold)
    print(
        f"{name}: calibration slope {_number(slope):.2f}, intercept {_number(offset):+.2f}; score 1 {reached:.3f} "
        f"(out of fold {hoped:.3f}; threshold {threshold:.3f}, from train)"
    )
    return risk_test


def _score_1(y: Labels, risk: Margins, threshold: float) -> float:
    """Return the Challenge's first score: the smaller of sensitivity and precision."""
    found = at_threshold(y, risk, threshold)
    return min(_number(found.sensitivity), _number(found.precision))


def _crossfitted(seen: Margins, y: Labels) -> Margins:
    """Return the sum of each fold by weights of the others."""
    folds = grouped_folds(y, np.arange(len(y)), FOLDS, 0)
    found = np.zeros(len(y))
    for fold in range(FOLDS):
        weights, intercept = stack(seen[folds != fold], y[folds != fold])
        found[folds == fold] = seen[folds == fold] @ weights + intercept
    return found


def _resampled(y: Labels, *scores: Margins) -> Margins:
    """Return the AUC of each score in each resample of the stays, [scores, resamples]."""
    drawn = np.random.default_rng(0).multinomial(len(y), np.full(len(y), 1 / len(y)), size=RESAMPLES).astype(float)
    return np.stack([rank_auc(y.astype(np.int64), one, drawn) for one in scores])


def _interval(drawn: Margins) -> str:
    found = percentiles(drawn)
    return f"({found})" if isinstance(found, Unscored) else f"[{found[0]:.4f}, {found[1]:.4f}]"


def _number(score: Score) -> float:
    """NaN where it was not computed: a set with one outcome only."""
    return float("nan") if isinstance(score, Unscored) else score
