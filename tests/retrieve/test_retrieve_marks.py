"""Marks of retrieval, worked out by hand."""

from datetime import datetime, timedelta

import pytest
from benchmarks.retrieval_marks import Fact, best_choice, facts_of, held, mark, mean

T = datetime(2150, 1, 1)
SAID = [
    (T, "effusion", "affirmed", "Small left\neffusion."),
    (T + timedelta(days=1), "effusion", "affirmed", "SMALL left effusion."),
    (T, "effusion", "affirmed", "Effusion is new."),
    (T, "effusion", "negated", "No effusion."),
]


def test_a_copy_is_the_same_fact_and_the_last_of_each_kind_is_must_have():
    facts, must = facts_of(SAID)
    assert facts == [
        Fact("effusion", "affirmed", "effusion is new."),
        Fact("effusion", "affirmed", "small left effusion."),
        Fact("effusion", "negated", "no effusion."),
    ]
    assert must == {1, 2}
    assert held(facts, "Again SMALL  left effusion. No\neffusion.") == {1, 2}


def test_marks_by_hand():
    facts, must = facts_of(SAID)
    every = [frozenset({0}), frozenset({1}), frozenset({1, 2}), frozenset()]
    found = mark([every[1], every[3]], every, facts, must, 2)
    assert (found.precision, found.recall, found.must_have, found.nothing) == (0.5, 1 / 3, 0.5, False)
    assert found.attainable == pytest.approx(1 / 3), "two chunks could hold all three"
    assert mark([every[3]], every, facts, must, 1).nothing
    none = mark([], every, facts, must, 1)
    assert (none.precision, none.recall, none.nothing) == (None, 0.0, True)
    assert none.crowded is None, "one denial is no crowd"


def test_what_no_chunk_holds_whole_lowers_recall_but_not_what_is_attainable():
    facts, must = facts_of(SAID)
    found = mark([frozenset({0})], [frozenset({0})], facts, must, 5)
    assert (found.recall, found.attainable) == (1 / 3, 1.0)


def test_affirmations_among_a_crowd_of_denials():
    said = [(T, "c", "affirmed", "Yes."), *((T, "c", "negated", f"No {at}.") for at in range(3))]
    facts, must = facts_of(said)
    every = [held(facts, text) for _, _, _, text in said]
    assert mark(every[:1], every, facts, must, 1).crowded == 1
    assert mark(every[1:], every, facts, must, 3).crowded == 0


def test_the_best_choice_takes_what_is_new():
    assert best_choice([frozenset("ab"), frozenset("ab"), frozenset("c")], 2) == frozenset("abc")


def test_without_facts_there_is_no_mark():
    with pytest.raises(ValueError, match="without facts"):
        mark([], [], [], [], 10)
    assert mean([None, None]) is None
    assert mean([None, 0.5, 1.0]) == 0.75
