import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from xhaim.predict.calibration import fit_calibrator, fit_conformal, operating_point


def sample(n, seed=0, slope=0.5):
    generator = np.random.default_rng(seed)
    z = generator.normal(size=n) * 2
    labels = (generator.random(n) < expit(slope * z - 0.5)).astype(np.int8)
    return expit(z), labels, np.arange(n)


def plain_platt(raw, labels):
    positives, negatives = labels.sum(), (1 - labels).sum()
    target = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    z = logit(raw)

    def loss(beta):
        line = beta[0] * z + beta[1]
        return np.sum(np.logaddexp(0, line) - target * line)

    return minimize(loss, [0.0, 0.0], method="BFGS", options={"gtol": 1e-9}).x


@pytest.mark.parametrize("n", [12, 60, 400])
def test_platt_equals_a_plain_minimisation(n):
    raw, labels, subjects = sample(n, seed=n)
    found = fit_calibrator(raw, labels, subjects, isotonic_from=1000, seed=0)
    assert found.kind == "platt"
    assert found.x == pytest.approx(plain_platt(raw, labels), abs=1e-3)


def test_isotonic_equals_sklearn_inside_its_bounds():
    raw, labels, subjects = sample(300)
    found = fit_calibrator(raw, labels, subjects, isotonic_from=300, seed=0)
    assert found.kind == "isotonic"
    grid = np.linspace(0, 1, 101)
    bounded = IsotonicRegression(y_min=1 / 302, y_max=301 / 302, out_of_bounds="clip").fit(raw, labels)
    assert found.risk(grid) == pytest.approx(bounded.predict(grid), abs=1e-9)


def test_calibration_recovers_the_truth():
    raw, labels, subjects = sample(900, slope=0.5)
    found = fit_calibrator(raw, labels, subjects, isotonic_from=1000, seed=0)
    assert found.x == pytest.approx((0.5, -0.5), abs=0.2)
    low, high = found.interval(raw)
    truth = expit(0.5 * logit(raw) - 0.5)
    assert np.mean((low <= truth) & (truth <= high)) > 0.5
    assert np.mean(high - low) < 0.15


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=2, max_size=50).filter(
        lambda rows: len({label for _, label in rows}) == 2
    ),
    st.booleans(),
)
def test_any_calibration_keeps_order_and_stays_inside_its_interval(rows, isotonic):
    raw, labels = np.array([a for a, _ in rows]), np.array([b for _, b in rows], np.int8)
    found = fit_calibrator(raw, labels, np.arange(len(raw)), isotonic_from=2 if isotonic else 1000, seed=0)
    grid = np.linspace(0, 1, 57)
    risk = found.risk(grid)
    assert np.isfinite(risk).all()
    assert ((risk > 0) & (risk < 1)).all()
    assert (np.diff(risk) >= -1e-12).all()
    low, high = found.interval(grid)
    if len(raw) < 20:
        assert np.isnan(low).all()
        assert np.isnan(high).all()
    else:
        assert ((low <= risk) & (risk <= high)).all()


def test_constant_and_reversed_scores_become_the_base_rate():
    labels = np.array([0, 1] * 20, np.int8)
    flat = fit_calibrator(np.full(40, 0.9), labels, np.arange(40), 1000, 0)
    assert flat.risk(np.array([0.9])) == pytest.approx([0.5], abs=0.01)
    reversed_ = fit_calibrator(np.where(labels == 1, 0.1, 0.9), labels, np.arange(40), 1000, 0)
    low, high = reversed_.risk(np.array([0.1, 0.9]))
    assert 0.48 < low < high < 0.52


def test_more_rows_give_narrower_intervals_and_one_subject_counts_once():
    raw, labels, _ = sample(800)
    widths = []
    for n, subjects in ((100, np.arange(100)), (800, np.arange(800)), (800, np.arange(800) // 40)):
        low, high = fit_calibrator(raw[:n], labels[:n], subjects, 1000, 0).interval(np.array([0.3, 0.7]))
        widths.append(np.mean(high - low))
    assert widths[1] < widths[0]
    assert widths[1] != widths[2]


def test_the_interval_is_seeded():
    raw, labels, subjects = sample(60)
    first, again = (fit_calibrator(raw, labels, subjects, 1000, 3) for _ in range(2))
    assert first == again
    assert first.low != fit_calibrator(raw, labels, subjects, 1000, 4).low


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1)), min_size=2, max_size=60).filter(
        lambda rows: len({label for _, label in rows}) == 2
    ),
    st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95]),
)
def test_the_operating_point_is_the_largest_threshold_that_reaches_its_target(rows, target):
    risk, labels = np.array([a / 20 for a, _ in rows]), np.array([b for _, b in rows], np.int8)
    point = operating_point(risk, labels, target)
    reached = {t: np.mean(risk[labels == 1] >= t) for t in np.unique(risk)}
    assert point.threshold == max(t for t, sensitivity in reached.items() if sensitivity >= target - 1e-12)
    assert point.sensitivity == reached[point.threshold]
    assert point.specificity == np.mean(risk[labels == 0] < point.threshold)


@pytest.mark.parametrize("error", [0.05, 0.1, 0.3])
def test_conformal_sets_cover_each_outcome(error):
    missed = {0: [], 1: []}
    for seed in range(40):
        raw, labels, _ = sample(400, seed=seed)
        found = fit_conformal(raw[:200], labels[:200], error).outcomes(raw[200:])
        for outcome in (0, 1):
            missed[outcome].append(np.mean(~found[labels[200:] == outcome, outcome]))
    for outcome in (0, 1):
        assert error - 0.05 < np.mean(missed[outcome]) <= error + 0.012


def test_tiny_validation_abstains_and_sets_are_never_empty():
    few = fit_conformal(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1], np.int8), 0.1)
    assert few.outcomes(np.array([0.0, 0.5, 1.0])).all()
    raw = np.concatenate([np.linspace(0, 0.2, 40), np.linspace(0.8, 1, 40)])
    apart = fit_conformal(raw, np.repeat([0, 1], 40).astype(np.int8), 0.1)
    assert apart.outcomes(np.array([0.05, 0.5, 0.95])).tolist() == [[True, False], [True, True], [False, True]]
