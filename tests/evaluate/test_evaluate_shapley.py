"""Shapley values of modalities: the axioms, the mean over all orders of arrival, and what cannot be told."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.errors import DataError
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.shapley import by_modality, every_combination, shapley

PLAYERS = ("tabular", "text", "images", "time series")


def games(count):
    every = every_combination(PLAYERS[:count])
    return st.tuples(*[st.floats(0, 1)] * len(every)).map(lambda values: dict(zip(every, values, strict=True)))


def worth(scores, some):
    return scores[frozenset(some)] if some else 0.5


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4).flatmap(games))
def test_each_value_is_the_mean_gain_over_all_orders_of_arrival(scores):
    players = [name for name in PLAYERS if frozenset([name]) in scores]
    found = shapley(scores, players)
    orders = list(permutations(players))
    for player in players:
        gains = [
            worth(scores, order[: order.index(player) + 1]) - worth(scores, order[: order.index(player)])
            for order in orders
        ]
        assert found[player] == pytest.approx(sum(gains) / len(orders), abs=1e-12)
    assert sum(found.values()) == pytest.approx(scores[frozenset(players)] - 0.5, abs=1e-12)


def test_two_modalities_by_hand():
    scores = {frozenset("a"): 0.7, frozenset("b"): 0.6, frozenset("ab"): 0.9}
    assert shapley(scores, "ab") == pytest.approx({"a": (0.2 + 0.3) / 2, "b": (0.1 + 0.2) / 2})
    assert shapley({frozenset("a"): 0.4}, "a") == pytest.approx({"a": -0.1})


def test_who_adds_nothing_is_worth_nothing_and_who_adds_the_same_is_worth_the_same():
    size = {1: 0.6, 2: 0.8}
    scores = {some: size.get(len(some - {"d"}), 0.5) for some in every_combination("abd")}
    found = shapley(scores, "abd")
    assert found["d"] == pytest.approx(0)
    assert found["a"] == pytest.approx(found["b"])
    assert found["a"] == pytest.approx(0.15)


def test_every_combination_is_there_once():
    every = every_combination(PLAYERS)
    assert len(every) == len(set(every)) == 15
    assert every[0] == {"tabular"}
    assert every[-1] == set(PLAYERS)


def test_one_unscored_combination_leaves_no_value_and_says_why():
    scores = dict.fromkeys(every_combination("ab"), 0.7) | {frozenset("b"): Unscored("1 positive of 27")}
    found = shapley(scores, "ab")
    assert str(found["a"]) == str(found["b"]) == "not computed: b: 1 positive of 27"


def test_a_missing_combination_or_a_modality_twice_is_refused():
    with pytest.raises(DataError, match="every combination") as caught:
        shapley({frozenset("a"): 0.7, frozenset("b"): 0.6}, "ab")
    assert "1 of 3 missing" in str(caught.value)
    with pytest.raises(DataError, match="different"):
        shapley({frozenset("a"): 0.7}, "aa")


def test_sources_become_modalities_by_the_mean_of_all_combinations_of_exactly_them():
    modality = {"chart": "series", "lab": "series", "age": "table"}
    scores = {some: 0.0 for size in (1, 2, 3) for some in map(frozenset, combinations(modality, size))}
    scores |= {frozenset(["chart"]): 0.6, frozenset(["lab"]): 0.7, frozenset(["chart", "lab"]): 0.8}
    scores |= {frozenset(["age"]): 0.55, frozenset(["chart", "age"]): 0.9}
    found = by_modality(scores, modality)
    assert found[frozenset(["series"])] == pytest.approx(0.7)
    assert found[frozenset(["table"])] == pytest.approx(0.55)
    assert found[frozenset(["series", "table"])] == pytest.approx(0.3)
    few = by_modality(scores | {frozenset(["lab"]): Unscored("no rows")}, modality)
    assert few[frozenset(["series"])] == Unscored("no rows")
    assert few[frozenset(["table"])] == pytest.approx(0.55)
