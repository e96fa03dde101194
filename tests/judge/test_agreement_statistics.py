"""Agreement against libraries, worked examples of the papers, and plain references on repeated rows."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import cohen_kappa_score

from xhaim.judge.agreement import agreement, draws, interval
from xhaim.judge.agreement_many import alphas, intraclass
from xhaim.judge.agreement_pairs import of_two
from xhaim.judge.sample_size import items_for_icc, items_for_mean, items_for_width

NONE = np.nan
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
).T
SCORES = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 3)), min_size=4, max_size=30)


def test_intraclass_correlations_of_shrout_and_fleiss() -> None:
    one, of_four = intraclass(SHROUT_FLEISS, np.ones((1, 6)))
    assert (round(one[0], 2), round(of_four[0], 2)) == (0.29, 0.62)


def test_alphas_of_krippendorffs_worked_example() -> None:
    ordinal, interval = alphas(KRIPPENDORFF, np.ones((1, 12)))
    assert (round(ordinal[0], 3), round(interval[0], 3)) == (0.815, 0.849)


@given(SCORES)
@settings(max_examples=150, deadline=None)
def test_statistics_of_a_pair_are_those_of_the_libraries_on_the_rows_that_were_drawn(rows) -> None:
    ours, theirs, times = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = of_two(ours, theirs, times[None])
    drawn, others = (np.repeat(x, times.astype(int)) for x in (ours, theirs))
    if len(np.unique(drawn)) < 2 or len(np.unique(others)) < 2:
        assert all(np.isnan(value[0]) for value in found.values())
        return
    expected = {
        "kappa": cohen_kappa_score(drawn, others, labels=[1, 2, 3, 4, 5], weights="quadratic"),
        "spearman": spearmanr(drawn, others)[0],
        "kendall": kendalltau(drawn, others)[0],
    }
    assert {name: value[0] for name, value in found.items()} == pytest.approx(expected, abs=1e-9)


def test_kappa_of_scores_between_the_levels_is_lins_concordance() -> None:
    ours, theirs = np.array([1, 2, 2, 4, 5.0]), np.array([1.5, 2, 3.5, 3.5, 4.5])
    lin = 2 * np.cov(ours, theirs, bias=True)[0, 1] / (ours.var() + theirs.var() + (ours.mean() - theirs.mean()) ** 2)
    assert of_two(ours, theirs, np.ones((1, 5)))["kappa"][0] == pytest.approx(lin)


def plain_alpha(scores: np.ndarray, *, ordinal: bool) -> float:
    """Krippendorff's definition, value by value."""
    units = [row[np.isfinite(row)] for row in scores]
    units = [unit for unit in units if len(unit) > 1]
    every = np.concatenate(units)

    def apart(one: float, other: float) -> float:
        if not ordinal:
            return (one - other) ** 2
        low, high = min(one, other), max(one, other)
        between = sum(low <= x <= high for x in every)
        return (between - (sum(every == low) + sum(every == high)) / 2) ** 2

    observed = sum(sum(apart(a, b) for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(every)
    expected = sum(apart(a, b) for a, b in permutations(every, 2)) / (len(every) * (len(every) - 1))
    return 1 - observed / expected


def plain_icc(scores: np.ndarray) -> tuple[float, float]:
    n, k = scores.shape
    items = k * scores.mean(axis=1).var(ddof=1)
    raters = n * scores.mean(axis=0).var(ddof=1)
    left = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    rest = (left**2).sum() / ((n - 1) * (k - 1))
    one = (items - rest) / (items + (k - 1) * rest + k * (raters - rest) / n)
    return one, (items - rest) / (items + (raters - rest) / n)


@pytest.mark.parametrize("seed", range(5))
def test_statistics_of_many_are_the_plain_ones_on_the_rows_that_were_drawn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(1, 6, (12, 3)).astype(float)
    times = rng.multinomial(12, np.full(12, 1 / 12), size=4)
    one, of_three = intraclass(scores, times.astype(float))
    holed = np.where(rng.random((12, 3)) < 0.2, np.nan, scores)
    ordinal, interval = alphas(holed, times.astype(float))
    for place, row in enumerate(times):
        assert (one[place], of_three[place]) == pytest.approx(plain_icc(np.repeat(scores, row, axis=0)))
        drawn = np.repeat(holed, row, axis=0)
        assert ordinal[place] == pytest.approx(plain_alpha(drawn, ordinal=True))
        assert interval[place] == pytest.approx(plain_alpha(drawn, ordinal=False))


def test_a_constant_rater_has_no_agreement_and_a_reason() -> None:
    varied, constant = np.tile([2.0, 3, 4, 5], 10), np.full(40, 4.0)
    for raters in ({"ann": varied, "bob": constant}, {"ann": constant, "bob": constant}):
        for one in agreement(raters, draws(range(40), 100)).values():
            assert (one.value, one.low, one.high) == (None, None, None)
            assert "every item a score of 4" in str(one.reason)


def test_too_few_items_and_nobody_in_common_are_reasons() -> None:
    few = agreement({"ann": np.array([1.0, 2]), "bob": np.array([2.0, 1])}, draws(range(2), 100))
    assert {one.reason for one in few.values()} == {"2 items with scores of both"}
    half = np.array([1.0, 2, 3, 4, 5] * 2)
    first, second = np.where(np.arange(10) < 5, half, np.nan), np.where(np.arange(10) < 5, np.nan, half)
    apart = agreement({"ann": first, "bob": second}, draws(range(10), 100))
    assert all(one.value is None and one.items == 0 for one in apart.values())


def test_the_interval_holds_the_value_and_narrows_with_items() -> None:
    rng = np.random.default_rng(0)

    def found(n: int):
        quality = rng.normal(size=n)
        raters = {name: np.clip(np.round(3 + quality + rng.normal(size=n)), 1, 5) for name in ("ann", "bob")}
        return agreement(raters, draws(range(n), 300))

    small, large = found(60), found(1500)
    for name, one in large.items():
        assert one.low < one.value < one.high
        assert one.high - one.low < (small[name].high - small[name].low) / 2


def test_items_of_one_subject_are_drawn_together_and_the_first_row_is_all_of_them_once() -> None:
    times = draws(["a", "a", "b", "c", "c", "c"], 200, seed=3)
    assert (times[0] == 1).all()
    assert (times[:, 0] == times[:, 1]).all()
    assert (times[:, 3] == times[:, 5]).all()
    assert {row[0] + row[2] + row[3] for row in times[1:]} == {3}
    assert (times[1:, 0] != times[1:, 2]).any()
    assert (times == draws(["a", "a", "b", "c", "c", "c"], 200, seed=3)).all()


def test_sample_sizes_by_hand() -> None:
    assert items_for_mean(0.7, 0.2) == 189  # (2 * 1.96 * 0.7 / 0.2)^2 = 188.2
    assert items_for_icc(0.8, 2, 0.2) == 51  # 8 * 3.8415 * 0.2^2 * 1.8^2 / (2 * 0.2^2) + 1 = 50.8
    assert items_for_width(0.4, 50, 0.2) == 200
    with pytest.raises(ValueError, match="above 0"):
        items_for_mean(0.7, 0)
    with pytest.raises(ValueError, match="two raters"):
        items_for_icc(0.8, 1, 0.2)


def test_the_interval_is_of_ninety_five_in_a_hundred_draws() -> None:
    found = interval(np.r_[50.0, np.arange(101.0)], 7)
    assert (found.value, found.low, found.high, found.items) == (50, 2.5, 97.5, 7)


def test_an_intraclass_correlation_without_a_variance_is_none() -> None:
    one, of_two_ = intraclass(np.array([[1, 2], [1, 2], [1, 2], [1, 2], [3, 1.0]]), np.ones((1, 5)))
    assert np.isnan(of_two_[0])  # its denominator is 0 but for rounding
    assert one[0] < 0
