"""A slip in the word that denies does not make a denial a finding."""

import pytest

from xhaim.text.misspelt import misspelt
from xhaim.text.polarity import mentions


@pytest.mark.parametrize(
    ("sentence", "reading"),
    [
        ("The left effusion seen on 3 May is no lnoger present.", "negated"),
        ("There is no evidnce of effusion.", "negated"),
        ("Wihtout effusion.", "negated"),
        ("Patient dneies effusion.", "negated"),
        ("Posssible effusion.", "uncertain"),
        ("The effusion is no larger.", "affirmed"),
        ("Nuclear study: effusion.", "affirmed"),
        ("The patent duct and an effusion.", "affirmed"),
    ],
)
def test_slips_in_triggers_are_undone_and_other_words_are_left(sentence, reading):
    assert [one.polarity for one in mentions(sentence, ("effusion",))] == [reading]


def test_slips_are_exchanged_dropped_or_doubled_inner_letters_of_longer_words():
    found = misspelt(["denies", "no", "not", "cause", "w/o"])
    assert {"dneies", "deniies", "denes"} <= found.keys()
    assert not {"enies", "denie", "on", "ont", "case", "w/o", "denies"} & found.keys()
    assert set(found.values()) == {"denies", "cause"}


def test_a_word_that_is_another_trigger_or_a_word_is_no_slip():
    assert "causes" not in misspelt(["causes", "cause"])
    assert "cases" not in misspelt(["causes"])
