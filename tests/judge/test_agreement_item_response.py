"""The two-parameter model finds what made the answers, and says where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import expit

from xhaim.judge.item_response import _loss, item_response

TRUE = {
    ("ann", "citation"): (1.5, -1.0),
    ("ann", "quality"): (1.0, 0.0),
    ("bob", "citation"): (0.0, 0.5),
    ("bob", "quality"): (2.0, -0.5),
    ("eve", "quality"): (-1.0, 0.0),
}


def answers(n: int) -> dict[tuple[str, str], np.ndarray]:
    rng = np.random.default_rng(0)
    quality = rng.normal(size=n)
    return {key: np.where(rng.random(n) < expit(a * (quality - b)), 4.0, 3.0) for key, (a, b) in TRUE.items()}


def test_discrimination_and_difficulty_are_found_again() -> None:
    found = {(one.rater, one.dimension): one for one in item_response(answers(4000))}
    for key, (a, b) in TRUE.items():
        one = found[key]
        assert one.low - 0.1 <= a <= one.high + 0.1
        assert one.discrimination == pytest.approx(a, abs=0.3)
        assert one.discriminates is (a > 0)
        if abs(a) > 0.5:
            assert one.difficulty == pytest.approx(b, abs=0.2)


def test_one_who_always_answers_alike_has_no_discrimination_and_changes_nobody_elses() -> None:
    given = answers(300)
    without = item_response(given)
    *others, last = item_response({**given, ("zoe", "quality"): np.full(300, 5.0)})
    assert others == without
    assert (last.discrimination, last.discriminates, last.reason) == (None, None, "all answers are the same")
    assert last.met == 1.0


@pytest.mark.parametrize(("items", "questions", "reason"), [(29, 5, "29 items"), (100, 2, "2 of the raters")])
def test_too_little_to_fit_is_said(items: int, questions: int, reason: str) -> None:
    given = dict(list(answers(items).items())[:questions])
    assert all(one.discrimination is None and str(one.reason).startswith(reason) for one in item_response(given))


def test_scores_that_are_missing_are_left_out() -> None:
    given = answers(400)
    given["ann", "citation"][:200] = np.nan
    first = item_response(given)[0]
    assert first.items == 200
    assert first.discriminates


def test_nobody_who_scored_is_no_crash() -> None:
    assert [one.reason for one in item_response({("ann", "quality"): np.full(40, np.nan)})] == ["no scores"]


def test_the_gradient_is_that_of_the_loss() -> None:
    yes = np.stack([given == 4 for given in answers(50).values()], axis=1)
    known = np.random.default_rng(1).random(yes.shape) < 0.8
    at = np.linspace(-1, 1.5, 10)
    assert check_grad(lambda x: _loss(x, known, yes)[0], lambda x: _loss(x, known, yes)[1], at) < 1e-3
