import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.text.polarity import mentions
from xhaim.text.sections import sections
from xhaim.text.sentences import sentences

REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PORTABLE AP)

 INDICATION:  ___ year old woman with CHF  // eval for effusion, seen by Dr. Smith on
 ___ at 5 p.m.

 FINDINGS:

 AP portable upright view of the chest.  Overlying EKG leads are present.  There
 is a small left pleural effusion, measuring 2.5 cm. No pneumothorax.The heart is
 mildly enlarged.
 LUNGS: Clear.

IMPRESSION: 1. No change.  2. Small effusion.
"""

NOTE = """Chief Complaint: dyspnea
Past Medical History:
1. Hepatitis C. Treated in 2001.
2. CHF, EF 30%
Medications on Admission:
- Aspirin 81 mg. daily
- Lasix 40 mg. Hold if SBP < 90
Transitional Issues:
follow up with Dr. J. Smith, approx. 2 weeks
no effusion on exam. heart is regular. b.i.d. dosing goes on
"""


def pieces(text: str) -> list[str]:
    return [" ".join(text[start:end].split()) for start, end in sentences(text)]


def test_a_wrapped_report_is_cut_at_its_sentences_headings_and_list_items() -> None:
    assert pieces(REPORT) == [
        "FINAL REPORT",
        "EXAMINATION:",
        "CHEST (PORTABLE AP)",
        "INDICATION:",
        "___ year old woman with CHF // eval for effusion, seen by Dr. Smith on ___ at 5 p.m.",
        "FINDINGS:",
        "AP portable upright view of the chest.",
        "Overlying EKG leads are present.",
        "There is a small left pleural effusion, measuring 2.5 cm.",
        "No pneumothorax.",
        "The heart is mildly enlarged.",
        "LUNGS: Clear.",
        "IMPRESSION:",
        "1. No change.",
        "2. Small effusion.",
    ]


def test_lists_doses_names_and_lower_case_sentences() -> None:
    assert pieces(NOTE) == [
        "Chief Complaint:",
        "dyspnea",
        "Past Medical History:",
        "1. Hepatitis C. Treated in 2001.",
        "2. CHF, EF 30%",
        "Medications on Admission:",
        "- Aspirin 81 mg. daily",
        "- Lasix 40 mg.",
        "Hold if SBP < 90",
        "Transitional Issues:",
        "follow up with Dr. J. Smith, approx. 2 weeks no effusion on exam.",
        "heart is regular.",
        "b.i.d. dosing goes on",
    ]


def test_sections_take_their_names_from_headings() -> None:
    assert [(one.name, REPORT[one.start : one.end].strip()[:12]) for one in sections(REPORT)] == [
        ("", "FINAL REPORT"),
        ("EXAMINATION", "EXAMINATION:"),
        ("INDICATION", "INDICATION: "),
        ("FINDINGS", "FINDINGS:\n\n "),
        ("IMPRESSION", "IMPRESSION: "),
    ]
    assert [one.name for one in sections(NOTE)] == [
        "CHIEF COMPLAINT",
        "PAST MEDICAL HISTORY",
        "MEDICATIONS ON ADMISSION",
        "TRANSITIONAL ISSUES",
    ]


@pytest.mark.parametrize(
    "unit", [".", "!)", " ", "\n", "A", "FINDINGS ", "1. ", "- ", "pleural ", "pleural left ", "no ", "<", "a.B"]
)
def test_hostile_repetition_takes_linear_time(unit: str) -> None:
    text = unit * 40_000 + "x"
    begun = time.process_time()
    spans = sentences(text)
    sections(text)
    mentions(text, ["pleural effusion"])
    assert spans
    assert time.process_time() - begun < 10  # quadratic: minutes


def test_headings_in_capitals_count_in_the_middle_of_a_line_and_vital_signs_do_not() -> None:
    text = "INDICATION: Cough. FINDINGS: Lungs clear. BP: 120/80 IMPRESSION: Normal."
    assert [one.name for one in sections(text)] == ["INDICATION", "FINDINGS", "IMPRESSION"]
    assert [one.name for one in sections("BP: 120/80\nHR: 80\nHEENT: normal")] == [""]


PIECES = [
    *(
        "FINDINGS:",
        "IMPRESSION: ",
        "Past Medical History:",
        "No effusion. ",
        "Dr. ",
        "2.5 ",
        "mg. ",
        "- ",
        "1. ",
        "___ ",
    ),
    *("a", " ", "\t", "?", "...", "e.g. ", "İ", "ß", "\nÄrzte. ", "\r\n", "\x0b", "(", ")", '"', ":", "\n\n"),
]
CLINICAL = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(CLINICAL | st.text(max_size=200))
def test_sentences_and_sections_lose_nothing_and_never_overlap(text: str) -> None:
    spans = sentences(text)
    assert all(start < end for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    covered = {at for start, end in spans for at in range(start, end)}
    assert all(text[at].isspace() or at in covered for at in range(len(text)))
    assert "".join(text[one.start : one.end] for one in sections(text)) == text
