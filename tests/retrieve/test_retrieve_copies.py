import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.retrieve.copies import copies

LONG = (
    "The patient was seen on the ward. Vital signs were stable overnight. Lungs with fine crackles at both bases. "
    "{} No fever was recorded. The diet was advanced and the patient walked with help. The plan is to go on as before."
)
OTHER_FACTS = [
    ("Small left pleural effusion.", "Small right pleural effusion."),
    ("Small left pleural effusion.", "Small pleural effusion."),
    ("Effusion on the left, atelectasis on the right.", "Atelectasis on the left, effusion on the right."),
    ("The nodule measures 3 mm.", "The nodule measures 8 mm."),
    ("The nodule measures 3.5 mm.", "The nodule measures 3-5 mm."),
    ("Lactate was 3.5 today.", "Lactate was 35 today."),
    ("Troponin <0.01 on admission.", "Troponin >0.01 on admission."),
    ("Blood cultures -ve.", "Blood cultures +ve."),
    ("Seen on 2150-01-03.", "Seen on 2150-01-04."),
    ("The effusion has increased.", "The effusion has decreased."),
    ("The effusion is new.", "The effusion is old."),
    ("Pneumothorax.", "No pneumothorax."),
    ("There is an effusion.", "There is not an effusion."),
    ("Effusion.", "Effusion?"),
    ("No pneumonia is seen.", "No edema is seen."),
    ("Possible effusion.", "Effusion."),
    ("He had an effusion.", "He has an effusion."),
    ("The BNP is \u2191.", "The BNP is \u2193."),
    ("Give metoprolol 25 mg.", "Hold metoprolol 25 mg."),
    ("Mother with heart failure.", "Patient with heart failure."),
    ("Hepatitis A is noted.", "Hepatitis is noted."),
    ("IS encouraged.", "Encouraged."),
]


@pytest.mark.parametrize("context", ["{}", LONG])
@pytest.mark.parametrize(("one", "other"), OTHER_FACTS)
def test_another_fact_is_never_hidden_however_alike_the_texts(one: str, other: str, context: str) -> None:
    for pair in ((one, other), (other, one)):
        assert copies([context.format(each) for each in pair], [None, None]) == {0: [], 1: []}


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("Small left effusion.", "Small left effusion."),
        ("Small left effusion.", "SMALL LEFT EFFUSION"),
        ("Small left effusion; no pneumothorax.", "Small  left\neffusion, no pneumothorax"),
        ("Lungs are clear. No effusion. Heart is large.", "No effusion.  Heart is large."),
        ("IMPRESSION: Small effusion. Large heart.", "IMPRESSION: Small effusion."),
    ],
)
def test_what_says_nothing_more_is_a_copy_of_the_newer(newer: str, older: str) -> None:
    assert copies([newer, older], ["as one", "as one"]) == {0: [1]}
    assert copies([newer, older], ["affirmed", "negated"]) == {0: [], 1: []}


def test_what_says_more_than_the_newer_is_shown_too() -> None:
    assert copies(["Lungs are clear.", "Lungs are clear. Heart is large."], [None, None]) == {0: [], 1: []}


def test_the_same_sentences_after_others_are_no_copy() -> None:
    newer = "Left effusion. Right effusion. It has decreased."
    assert copies([newer, "Left effusion. It has decreased."], [None, None]) == {0: [], 1: []}
    assert copies([newer, "Right effusion. Left effusion. It has decreased."], [None, None]) == {0: [], 1: []}


def test_a_copy_goes_to_the_newest_that_holds_all_of_it_and_two_halves_hold_nothing() -> None:
    texts = ["A one. B two.", "C three. A one.", "B two. C three.", "C three.", "A one.", "A one. B two.", "A one."]
    assert copies(texts, [None] * 7) == {0: [4, 5, 6], 1: [3], 2: []}


SENTENCES = st.lists(st.sampled_from(["No effusion.", "Left.", "Right.", "3 mm.", "8 mm."]), max_size=4).map(" ".join)


def parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(".") if part]


@given(st.lists(st.tuples(SENTENCES, st.sampled_from(["affirmed", "negated"])), max_size=12))
def test_every_row_is_in_one_place_and_no_sentence_is_lost(rows: list[tuple[str, str]]) -> None:
    texts, said = [text for text, _ in rows], [reading for _, reading in rows]
    found = copies(texts, said)
    assert sorted([*found, *(row for older in found.values() for row in older)]) == list(range(len(rows)))
    assert list(found) == sorted(found)
    for shown, older in found.items():
        assert all(one < other for one, other in pairwise([shown, *older]))
        for row in older:
            assert said[row] == said[shown]
            assert f"|{'|'.join(parts(texts[row]))}|" in f"|{'|'.join(parts(texts[shown]))}|"


def test_ten_thousand_chunks_of_one_patient_take_seconds_at_most() -> None:
    draw = random.Random(0)
    phrases = [f"Finding number {n} is as before." for n in range(300)]
    texts = ["No acute distress. " + " ".join(draw.sample(phrases, 6)) for _ in range(5000)]
    texts += ["No acute distress."] * 5000
    begun = time.process_time()
    found = copies(texts, [None] * len(texts))
    assert time.process_time() - begun < 10
    assert found[0][-1] == 9999
