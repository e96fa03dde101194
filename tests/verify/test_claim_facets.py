"""What a sentence states: terms and their wordings, polarity, qualifiers, figures; letters that look alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.verify.atoms import LONGEST, atoms, pieces
from xhaim.verify.facets import facets
from xhaim.verify.fold import disguised, fold
from xhaim.verify.lexicon import entries, stem
from xhaim.verify.quantities import moments, quantities, same_moment, same_number


def concepts(sentence):
    return {(one.name, one.polarity) for one in facets(sentence).concepts if one.kind != "word"}


def qualifiers(sentence):
    return {(one.kind, one.value) for one in facets(sentence).qualifiers}


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("The heart is mildly enlarged.", {("cardiomegaly", "affirmed")}),
        ("The heart is not enlarged.", {("cardiomegaly", "negated")}),
        ("Heart size is normal.", {("cardiomegaly", "negated")}),
        ("She is short of breath and afebrile.", {("dyspnea", "affirmed"), ("fever", "negated")}),
        ("No SOB.", {("dyspnea", "negated")}),
        ("Possible PNA.", {("pneumonia", "uncertain")}),
        ("Lasix was given.", {("furosemide", "affirmed")}),
        ("Fluid in the pleural space.", {("pleural effusion", "affirmed")}),
        ("Several nodules.", {("nodule", "affirmed")}),
    ],
)
def test_wordings_of_one_thing_have_one_name(sentence, said):
    assert concepts(sentence) == said


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Small left-sided effusion", {("severity", "small"), ("side", "left")}),
        ("Effusions on both sides", {("side", "both")}),
        ("Bilateral effusions", {("side", "both")}),
        ("He left the hospital right away", {("sex", "male")}),
        ("It has worsened", {("trend", "worsened")}),
        ("No interval change", {("trend", "unchanged")}),
        ("Several days", {("period", "day")}),
        ("States that it was put down", set()),
    ],
)
def test_qualifiers(sentence, said):
    assert qualifiers(sentence) == said


def test_a_qualifier_belongs_to_the_concept_beside_it():
    found = {one.value: one.heads[0] for one in facets("Large right effusion, small left pneumothorax.").qualifiers}
    assert found == {
        "large": "pleural effusion", "right": "pleural effusion", "small": "pneumothorax", "left": "pneumothorax"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("20 mm", "2 cm", True),
        ("20 mm", "20 cm", False),
        ("500 mcg", "0.5 mg", True),
        ("twice a day", "b.i.d.", True),
        ("three times daily", "b.i.d.", False),
        ("every 6 hours", "q6h", True),
        ("twenty-eight years", "28 y/o", True),
        ("two weeks", "14 days", True),
        ("38 C", "100.4 F", True),
        ("38 C", "104 F", False),
        ("1,200 ml", "1.2 liters", True),
        ("4.2 mEq/L", "4.2 mg/dL", False),
        ("20", "20 mg", True),
    ],
)
def test_quantities_are_compared_in_one_unit(one, other, same):
    (ours,), (theirs,) = quantities(one), quantities(other)
    assert same_number(ours, theirs) is same


@given(st.integers(1, 10_000))
def test_any_length_is_the_same_in_both_units(number):
    (ours,), (theirs,) = quantities(f"{number} cm"), quantities(f"{10 * number} mm")
    assert same_number(ours, theirs)
    (more,) = quantities(f"{10 * number + 1} mm")
    assert not same_number(ours, more)


def test_days_in_any_form():
    (ours,), (theirs,) = moments("on March 14, 2020"), moments("3/14/2020")
    assert same_moment(ours, theirs)
    assert not same_moment(moments("3/15/2020")[0], theirs)
    assert moments("at 2:30 pm")[0].clock == "14:30"
    assert quantities("3/14/2020 at 14:30", moments("3/14/2020 at 14:30")) == []


def test_look_alikes_are_folded_and_known_for_what_they_are():
    forged = "Са\u200brdiomegaly １２ −5"  # noqa: RUF001
    assert fold(forged).text == "Cardiomegaly 12 -5"
    assert [disguised(word) for word in forged.split()] == [True, True, False]
    assert not any(disguised(word) for word in "naïve 5µg 20–30 °C don’t".split())  # noqa: RUF001, SIM905
    folded = fold("x\u200b½ y")
    assert folded.text == "x1/2 y"
    assert "x\u200b½ y"[folded.origin(folded.text.index("y"))] == "y"


@given(st.text(max_size=300))
def test_atoms_are_pieces_of_the_sentence_and_lose_no_figure(sentence):
    found = atoms(sentence)
    assert all(sentence[one.start : one.end] == one.text for one in found)
    assert [one.start for one in found] == sorted(one.start for one in found)
    assert sum(sign.isdigit() for one in found for sign in one.text) == sum(sign.isdigit() for sign in sentence)


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("Small effusion, no pneumothorax.", ["Small effusion", "no pneumothorax."]),
        ("Heart is normal but lungs are congested", ["Heart is normal", "lungs are congested"]),
        ("He has fever, cough and chills.", ["He has fever, cough and chills."]),
        ("Seen by Dr. Smith; went home early", ["Seen by Dr. Smith", "went home early"]),
    ],
)
def test_sentences_are_cut_where_a_new_statement_begins(sentence, parts):
    assert [one.text for one in atoms(sentence)] == parts


def test_no_piece_is_longer_than_is_read():
    text = "pleural effusion " * 500 + "x" * 5000
    assert all(end - start <= LONGEST for start, end in pieces(text))
    assert "".join(text[start:end] for start, end in pieces(text)).replace(" ", "") == text.replace(" ", "")
    with pytest.raises(ValueError, match="characters"):
        facets("a " * 6000)


def test_different_words_do_not_share_a_stem():
    pairs = [
        ("several", "severe"),
        ("series", "serious"),
        ("mass", "massive"),
        ("states", "stable"),
        ("radial", "radiation"),
    ]
    assert all(stem(one) != stem(other) for one, other in pairs)


def test_no_wording_stands_for_two_things():
    names: dict[tuple[str, ...], set[str]] = {}
    for name, _, wording in entries():
        words = wording.removeprefix("-").replace("-", " ").split()
        names.setdefault(tuple(map(stem, words)), set()).add(name)
    assert [both for both in names.values() if len(both) > 1] == []
