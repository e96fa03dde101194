import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from xhaim.retrieve.choose import choose
from xhaim.retrieve.reading import Reading


def says(side: str | None, *statements: str) -> Reading:
    return Reading((side,), side, side, frozenset((side, one) for one in statements))


def test_half_of_the_places_affirm_and_the_rest_deny_or_doubt() -> None:
    readings = [says("negated", f"n{at}") for at in range(6)] + [says("affirmed", f"a{at}") for at in range(6)]
    readings += [says("uncertain", "u")]
    found = choose(range(13), readings, 4)
    assert [readings[row].side for row in found] == ["negated", "affirmed", "affirmed", "uncertain"]
    assert found == [0, 6, 7, 12], "in the order of the ranking"


def test_a_place_goes_to_what_is_not_yet_said() -> None:
    readings = [says("affirmed", "a"), says("affirmed", "a"), says("affirmed", "b"), says(None)]
    assert choose(range(4), readings, 2) == [0, 2]
    assert choose(range(4), readings, 3) == [0, 2, 3], "then to what is not read, before what only repeats"
    assert choose(range(4), readings, 9) == [0, 1, 2, 3]
    more = [says("affirmed", "a"), says("affirmed", "a", "b", "c")]
    assert choose(range(2), more, 1) == [1], "to the one that says most"


def test_places_that_nobody_needs_go_to_the_best_that_is_left() -> None:
    readings = [says(None), says("negated", "n"), says(None)]
    assert choose([2, 1, 0], readings, 2) == [2, 1]
    denials = [says("negated", "a"), says("negated", "b"), says("negated", "c"), says(None)]
    assert choose(range(4), denials, 2) == [0, 1]
    assert choose([3, 0, 1, 2], denials, 2) == [3, 0], "a denial that is new takes no place but its own"
    repeats = [says("affirmed", "a"), says("affirmed", "a"), says("affirmed", "a"), says(None)]
    assert choose(range(4), repeats, 3) == [0, 1, 3], "what is not read goes before what only repeats"
    assert choose(range(3), readings, 9) == [0, 1, 2]
    assert choose([], [], 3) == []


SIDES = st.sampled_from(["affirmed", "negated", "uncertain", None])


@given(st.lists(st.tuples(SIDES, st.frozensets(st.sampled_from("abcd"), max_size=3)), max_size=15), st.integers(1, 12))
def test_the_choice_keeps_the_ranking_and_fills_the_places(rows: list, k: int) -> None:
    readings = [says(side, *statements) for side, statements in rows]
    order = list(range(len(rows)))
    random.Random(0).shuffle(order)
    found = choose(order, readings, k)
    assert len(found) == len(set(found)) == min(k, len(rows))
    assert all(order.index(one) < order.index(other) for one, other in pairwise(found))
    best = max((len(one.statements) for one in readings if one.side == "affirmed"), default=0)
    assert best == 0 or any(len(readings[row].statements) == best for row in found if readings[row].side == "affirmed")
