"""Questions in other words than the chart's: concepts, kinds, other names of signals; and what is no answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.serve.clinic.asked_words import content, named, share_held

CHART = [
    "Acute kidney injury on admission.",
    "Started on vancomycin and cefepime.",
    "Moderate cardiomegaly persists.",
    "He was seen by the dietitian.",
    "Furosemide 40 mg given.",
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("AKI?", 0),
        ("Any kidney injury?", 0),
        ("Is she on antibiotics?", 1),
        ("Is the heart enlarged?", 2),
        ("Was he diuresed?", 4),
        ("Which water pill?", 4),
        ("A dietitian?", 3),
    ],
)
def test_a_question_in_other_words_is_answered_by_what_means_it(question, answer):
    held = share_held(content(question), CHART)
    assert [row for row, share in enumerate(held) if share >= 0.6] == [answer]


@pytest.mark.parametrize("question", ["Any steroids?", "Is there a pneumothorax?", "On a statin?", "Liver disease?"])
def test_what_no_sentence_means_is_not_answered(question):
    assert share_held(content(question), CHART).max() == 0


def test_a_kind_is_answered_by_its_members_and_a_member_not_by_its_kind():
    assert share_held(content("antibiotics?"), ["Vancomycin given."])[0] == 1
    assert share_held(content("vancomycin?"), ["Antibiotics given."])[0] == 0


@pytest.mark.parametrize(
    ("question", "signal", "label", "found"),
    [
        ("What is the BP?", "sbp_noninvasive", "Systolic blood pressure ", True),
        ("blood pressure", "dbp_noninvasive", "Diastolic blood pressure ", True),
        ("latest K", "potassium", "Potassium", True),
        ("WBC?", "white_blood_cells", "White blood cell count", True),
        ("white blood cell count", "white_blood_cells", "White blood cell count", True),
        ("red blood cell count", "white_blood_cells", "White blood cell count", False),
        ("Is there kinking?", "potassium", "Potassium", False),
        ("lactate", "ph", "Arterial pH", False),
        ("", "ph", "Arterial pH", False),
    ],
)
def test_a_signal_is_named_by_its_label_or_another_name(question, signal, label, found):
    assert named(question, {signal: label}) == ([signal] if found else [])


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60), st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_shares_are_shares_of_any_text(question, texts):
    wanted = content(question)
    if wanted:
        assert ((share_held(wanted, texts) >= 0) & (share_held(wanted, texts) <= 1)).all()
