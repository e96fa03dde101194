"""Scores against scikit-learn and plain definitions, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from xhaim.evaluate.metrics import (
    Unscored,
    at_threshold,
    auc,
    average_precision,
    brier,
    calibration_curve,
    calibration_slope_intercept,
    ece,
)


def drawn(n=400, seed=0, decimals=2):
    """Risks with ties, and labels drawn from them: calibrated by construction."""
    rng = np.random.default_rng(seed)
    risks = np.clip(rng.beta(2, 3, n), 0.02, 0.98).round(decimals)
    return (rng.random(n) < risks).astype(int), risks


def test_scores_are_those_of_scikit_learn():
    y, p = drawn()
    assert auc(y, p) == pytest.approx(roc_auc_score(y, p))
    assert average_precision(y, p) == pytest.approx(average_precision_score(y, p))
    assert brier(y, p) == pytest.approx(brier_score_loss(y, p))


def test_auc_is_the_share_of_pairs_ranked_right_with_ties_one_half():
    y, p = drawn(60, decimals=1)
    pairs = [(a > b) + 0.5 * (a == b) for a in p[y == 1] for b in p[y == 0]]
    assert auc(y, p) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize(
    ("positives", "negatives", "reason"),
    [
        (1, 26, "1 positive of 27"),
        (0, 20, "0 positives of 20"),
        (30, 4, "4 negatives of 34"),
        (0, 0, "0 positives of 0"),
    ],
)
def test_too_few_of_a_class_is_said_and_not_scored(positives, negatives, reason):
    y = np.r_[np.ones(positives, int), np.zeros(negatives, int)]
    p = np.linspace(0.1, 0.9, y.size)
    slope, intercept = calibration_slope_intercept(y, p)
    for score in (auc(y, p), average_precision(y, p), slope, intercept):
        assert score == Unscored(reason)
        assert str(score) == f"not computed: {reason}"


def test_five_of_each_class_are_enough():
    y = np.r_[np.ones(5, int), np.zeros(5, int)]
    assert auc(y, np.arange(10)) == 0.0
    assert auc(1 - y, np.arange(10)) == 1.0


def test_scores_of_no_rows_are_refused():
    assert brier([], []) == Unscored("no rows")
    assert ece([], []) == Unscored("no rows")


@pytest.mark.parametrize(("labels", "risks"), [([0, 2], [0.1, 0.2]), ([0, 1], [0.1, np.nan]), ([0, 1], [0.1])])
def test_what_is_no_label_or_no_score_is_a_fault_of_the_caller(labels, risks):
    with pytest.raises(ValueError, match="labels"):
        auc(labels, risks)


def test_a_risk_outside_0_to_1_is_a_fault_of_the_caller():
    with pytest.raises(ValueError, match="risks"):
        brier([0, 1], [0.2, 1.2])


def test_calibration_slope_and_intercept_are_those_of_an_unpenalised_logistic_regression():
    y, p = drawn(600, seed=3)
    p = np.clip(p**1.7, 0.01, 0.99)  # no longer calibrated
    logits = np.log(p / (1 - p))
    oracle = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(logits[:, None], y)
    slope, intercept = calibration_slope_intercept(y, p)
    assert slope == pytest.approx(oracle.coef_[0, 0], rel=1e-4)
    shifted = 1 / (1 + np.exp(-(logits + intercept)))
    assert shifted.mean() == pytest.approx(y.mean(), abs=1e-8)  # what calibration in the large means


def test_slope_is_refused_where_it_has_no_finite_value():
    y = np.r_[np.zeros(10, int), np.ones(10, int)]
    assert calibration_slope_intercept(y, np.linspace(0.1, 0.9, 20))[0] == Unscored("the risks separate the classes")
    assert calibration_slope_intercept(y, np.full(20, 0.3))[0] == Unscored("all risks are equal")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 20))
def test_the_reliability_curve_holds_every_row_once(rows, bins):
    y, p = (np.array(column) for column in zip(*rows, strict=True))
    curve = calibration_curve(y, p, bins)
    assert sum(point.n for point in curve) == len(rows)
    assert sum(point.n * point.observed for point in curve) == pytest.approx(y.sum())
    assert sum(point.n * point.mean_risk for point in curve) == pytest.approx(p.sum())
    assert 0 <= ece(y, p, bins) <= 1


def test_ece_of_a_plain_case():
    assert ece([1, 1, 0, 0], [0.9, 0.9, 0.9, 0.1]) == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.1)


def test_threshold_metrics_count_the_threshold_itself_as_flagged():
    found = at_threshold([1, 1, 0, 0, 0], [0.4, 0.3, 0.4, 0.1, 0.2], 0.4)
    assert (found.sensitivity, found.specificity, found.flagged, found.n) == (0.5, pytest.approx(2 / 3), 2, 5)
    assert (found.precision, found.negative_predictive_value) == (0.5, pytest.approx(2 / 3))


def test_threshold_metrics_without_a_denominator_are_refused():
    found = at_threshold([0, 0], [0.1, 0.2], 0.5)
    assert found.sensitivity == Unscored("no positive of 2")
    assert found.precision == Unscored("no row flagged of 2")
