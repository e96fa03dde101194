"""Sensitivity at a specificity, Youden's threshold, net benefit: by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.evaluate.compare import Estimate
from xhaim.evaluate.decisions import decision_curve, net_benefit, operating, sensitivity_at, treat_all, youden
from xhaim.evaluate.metrics import Unscored

LABELS = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
SCORES = [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.9, 0.3, 0.6, 0.7, 0.8, 0.95]

scored = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=12, max_size=60).filter(
    lambda found: 5 <= sum(y for y, _ in found) <= len(found) - 5
)


def test_sensitivity_by_hand():
    assert sensitivity_at(LABELS, SCORES, 0.90) == pytest.approx(4 / 5)  # from 0.6 on: one of ten negatives above
    assert sensitivity_at(LABELS, SCORES, 0.95) == pytest.approx(1 / 5)  # above 0.9 alone
    assert sensitivity_at(LABELS, SCORES, 0.50) == pytest.approx(4 / 5)
    assert sensitivity_at(LABELS, SCORES, 0.40) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(scored, st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_sensitivity_is_that_of_the_best_allowed_threshold(found, specificity):
    y, s = (np.array(column) for column in zip(*found, strict=True))
    best = 0.0
    for threshold in [*s, s.max() + 1]:
        if np.mean(s[y == 0] < threshold) >= specificity - 1e-12:
            best = max(best, float(np.mean(s[y == 1] >= threshold)))
    assert sensitivity_at(y, s, specificity) == pytest.approx(best)


@settings(max_examples=30, deadline=None)
@given(scored)
def test_youdens_threshold_is_the_highest_of_the_best(found):
    y, s = (np.array(column) for column in zip(*found, strict=True))
    worth = {t: np.mean(s[y == 1] >= t) - np.mean(s[y == 0] >= t) for t in set(s.tolist())}
    best = max(worth.values())
    chosen = youden(y, s)
    if best <= 1e-12:
        assert chosen == Unscored("no threshold is better than chance")
    else:
        assert chosen == max(t for t, value in worth.items() if value > best - 1e-12)


def test_a_class_too_small_has_a_reason_and_no_number():
    reason = Unscored("1 positive of 11")
    y, s = [1] + 10 * [0], np.linspace(0, 1, 11)
    assert sensitivity_at(y, s, 0.9) == youden(y, s) == net_benefit(y, s, 0.2) == reason


def test_net_benefit_by_hand():
    # 15 rows; at 0.25 five positives and six negatives are treated
    assert net_benefit(LABELS, SCORES, 0.25) == pytest.approx((5 - 6 / 3) / 15)
    assert treat_all(LABELS, 0.25) == pytest.approx((5 - 10 / 3) / 15)
    assert net_benefit(LABELS, SCORES, 0.99) == 0


@settings(max_examples=30, deadline=None)
@given(scored, st.floats(0.01, 0.99))
def test_nobody_is_better_off_than_by_knowing_and_a_risk_of_one_treats_all(found, threshold):
    y = np.array([label for label, _ in found])
    known = net_benefit(y, y.astype(float), threshold)
    assert known == pytest.approx(y.mean())
    assert treat_all(y, threshold) <= known
    assert net_benefit(y, np.zeros(y.size), threshold) == 0


def rows_of(part, labels, raw, split=0):
    return pl.DataFrame({"split": split, "part": part, "label": labels, "raw": raw, "risk": raw})


def test_the_threshold_is_chosen_on_validation_and_kept_for_test():
    validation = rows_of("validation", LABELS, SCORES)
    test = rows_of("test", LABELS, [0.59] * 10 + [0.61, 0.61, 0.2, 0.2, 0.2])
    found = operating(validation, test)
    assert found.threshold == Estimate(0.6, None, 1, 1)
    assert (found.sensitivity.mean, found.specificity.mean) == (0.4, 1.0)  # of the test rows a lower one would be best


def test_a_split_without_validation_is_not_scored():
    test = rows_of("test", LABELS, SCORES)
    found = operating(rows_of("validation", LABELS, SCORES, split=9), test)
    assert found.threshold == found.sensitivity == found.specificity == Unscored("0 positives of 0")


def test_a_decision_curve_is_the_mean_over_the_splits():
    two = pl.concat([rows_of("test", LABELS, SCORES), rows_of("test", LABELS, SCORES[::-1], split=1)])
    (point,) = decision_curve(two, [0.25])
    each = [net_benefit(LABELS, scores, 0.25) for scores in (SCORES, SCORES[::-1])]
    assert point.model.mean == pytest.approx(np.mean(each))
    assert point.everybody.mean == pytest.approx(treat_all(LABELS, 0.25))
