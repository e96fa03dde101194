"""The map from a judge to people never falls, and is reported on what it did not see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.judge.calibration import calibrate, fit_map, in_first_half


def raters(n: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    people = rng.integers(1, 6, n).astype(float)
    judge = np.clip(people + 1 + (rng.random(n) < 0.3), 1, 5)  # a judge who is too kind
    return judge, people, [f"g{place // 2}" for place in range(n)]


def test_a_kind_judge_is_brought_to_people_on_the_other_half() -> None:
    found = calibrate(*raters(400), resamples=200)
    assert found.before["bias"].value > 0.7
    assert abs(found.after["bias"].value) < 0.25
    assert found.after["error"].high < found.before["error"].low
    assert found.fit_items == found.report_items == 200
    report = ~in_first_half(raters(400)[2])
    judge, people, _ = raters(400)
    assert found.before["error"].value == pytest.approx(np.abs(judge - people)[report].mean())
    assert found.after["error"].value == pytest.approx(np.abs(found.fitted(judge) - people)[report].mean())


def test_what_is_reported_does_not_move_the_map() -> None:
    judge, people, groups = raters(400)
    report = ~in_first_half(groups)
    other = np.where(report, 6 - people, people)
    assert calibrate(judge, other, groups, resamples=20).fitted == calibrate(judge, people, groups, resamples=20).fitted


def test_halves_are_equal_whole_groups_and_the_same_for_any_order() -> None:
    groups = [f"g{place // 3}" for place in range(60)]
    first = in_first_half(groups)
    assert first.sum() == 30
    assert len({(group, half) for group, half in zip(groups, first, strict=True)}) == 20
    assert (in_first_half(groups[::-1])[::-1] == first).all()
    assert (in_first_half(groups, seed=1) != first).any()


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=40))
@settings(deadline=None)
def test_the_map_never_falls_and_stays_within_what_people_gave(pairs) -> None:
    judge, people = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    mapped = fit_map(judge, people)(np.linspace(0, 6, 61))
    assert (np.diff(mapped) >= -1e-12).all()
    assert people.min() - 1e-9 <= mapped.min() <= mapped.max() <= people.max() + 1e-9


def test_without_enough_or_with_a_constant_judge_there_is_no_map_and_a_reason() -> None:
    judge, people, groups = raters(30)
    few = calibrate(judge[:15], people[:15], groups[:15])
    assert few.fitted is None
    assert "at least 10 each" in str(few.reason)
    constant = calibrate(np.full(30, 3.0), people, groups)
    assert constant.fitted is None
    assert constant.reason == "the judge gives every item the same score"


def test_items_without_both_scores_are_left_out() -> None:
    judge, people, groups = raters(100)
    judge[::4] = np.nan
    found = calibrate(judge, people, groups, resamples=20)
    assert (found.fit_items, found.report_items) == (37, 38) or (found.fit_items, found.report_items) == (38, 37)
    kept = np.isfinite(judge)
    same = calibrate(judge[kept], people[kept], [g for g, here in zip(groups, kept, strict=True) if here], resamples=20)
    assert found == same
