"""eICU's menus as sentences: what a reader, and the rules of negation, take from them."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.source.eicu.words import name, number, place, same_words, says_nothing, sentence
from xhaim.text.polarity import mentions
from xhaim.text.sections import headings
from xhaim.text.sentences import sentences

EXAM = "notes/Progress Notes/Physical Exam/Physical Exam"
HISTORY = "notes/Progress Notes/Past History/Organ Systems"


@pytest.mark.parametrize(
    ("path", "chosen", "mark", "where"),
    [
        (f"{EXAM}/Pulmonary/Auscultation/Rales/no rales", "no rales", "/", "Pulmonary, Auscultation"),
        (f"{EXAM}/Cardiovascular/Pulses/Radial/R/reduced", "reduced", "/", "Cardiovascular, Pulses, Radial, R"),
        (f"{EXAM}/Constitutional/Weight and I&O/I&&O (ml)/Urine", "Urine", "/", "Constitutional, I&O (ml)"),
        (f"{EXAM}/Head and Neck/Eyes/Pupils/(symmetry)/equal", "equal", "/", "Head and Neck, Eyes, Pupils, symmetry"),
        (f"{EXAM}/Pulmonary/Print \"within normal limits\"/within normal limits", "within normal limits", "/",
         "Pulmonary"),
        (f"{HISTORY}/Cardiovascular (R)/Valve disease/AS", "AS", "/", "Cardiovascular, Valve disease"),
        ("notes/Progress Notes/Social History / Family History/Family History/Family History Obtain Options/Unknown",
         "Unknown", "/", "Family History"),
        # a category of alternatives is no finding: nobody said hypotension
        ("cardiovascular|shock / hypotension|sepsis", "sepsis", "|", "cardiovascular"),
        ("admission diagnosis|Was the patient admitted from the O.R.?|No", "No", "|",
         "Was the patient admitted from the O.R"),
        ("alone", "alone", "/", ""),
    ],
)  # fmt: skip
def test_where_an_entry_stands(path, chosen, mark, where):
    assert place(path, chosen, mark) == where


@pytest.mark.parametrize(
    ("where", "said", "line"),
    [
        ("pulmonary", "acute respiratory failure", "Pulmonary: acute respiratory failure."),
        ("", "Allergy to  PENICILLIN.", "Allergy to PENICILLIN."),
        ("Skin", "two\nlines", "Skin: two lines."),
        ("Allergies", "No", "Allergies - No."),  # not a heading of a section
        ("Bowel", "C. difficile", "Bowel: C difficile."),
        ("Pulses", "3+", "Pulses: 3+."),
        ("Pulses", " - . ", None),
    ],
)
def test_a_sentence_is_one_line_with_a_full_stop(where, said, line):
    assert sentence(where, said) == line


@pytest.mark.parametrize(
    ("path", "nothing"),
    [
        ("notes/Shared/View and Save/Save Options/Print/Copies/Copies", True),
        ("notes/Progress Notes/Admission Page One/Skip Screen Options 1/Include Review of Systems", True),
        ("notes/Progress Notes/Physical Exam/Physical Exam Obtain Options/Performed - Structured", True),
        ("notes/Progress Notes/Review Of Systems/Review of System Obtain Options/Not Performed", True),
        (f"{EXAM}/Neurologic/GCS/Score/scored", True),
        ("notes/Progress Notes/Interventions/Minor/Other/Other", True),
        (f"{EXAM}/Neurologic/GCS/Score/unable to score due to meds", False),
        ("notes/Progress Notes/Past History/Past History Obtain Options/No Health Problems", False),
        ("notes/Progress Notes/Allergies / Preadmission Medications/Allergies/No", False),
    ],
)
def test_entries_that_only_steer_the_software(path, nothing):
    assert says_nothing(path) is nothing


@pytest.mark.parametrize(
    ("path", "chosen", "term", "polarity"),
    [
        (f"{EXAM}/Pulmonary/Auscultation/Rales/no rales", "no rales", "rales", "negated"),
        (f"{EXAM}/Head and Neck/Neck/JVD/JVD absent", "JVD absent", "JVD", "negated"),
        (f"{EXAM}/Cardiovascular/Auscultation/Pericardial rub/absent", "absent", "rub", "negated"),
        (f"{EXAM}/Extremities/Edema/Severity/3+", "3+", "edema", "affirmed"),
        (f"{EXAM}/Head and Neck/Neck/JVD/JVD present", "JVD present", "JVD", "affirmed"),
    ],
)
def test_negation_is_read_from_the_sentence(path, chosen, term, polarity):
    line = sentence(place(path, chosen), chosen)
    found = mentions(line, [term])
    assert found
    assert {mention.polarity for mention in found} == {polarity}


def test_past_history_is_of_the_past():
    line = sentence("Past medical history, Cardiovascular", "CHF")
    assert [(m.historical, m.polarity) for m in mentions(line, ["CHF"])] == [(True, "affirmed")]


def test_lines_are_sentences_of_their_own():
    lines = [sentence("Cardiovascular, Edema", "generalized"), sentence("Scores, Moisture", "3. occasionally moist")]
    text = "\n".join([*lines, sentence("Plan", "as before"), sentence("Neck", "JVD absent")])
    assert [text[start:end] for start, end in sentences(text)] == text.split("\n")


@given(st.text(max_size=60), st.text(max_size=30), st.sampled_from("/|"))
def test_any_words_give_one_line_that_opens_no_section(path, chosen, mark):
    where = place(path, chosen, mark)
    line = sentence(where, chosen)
    if line is not None:
        assert line.endswith(".")
        assert len(line.splitlines()) == 1
        assert not headings(line) or not where


def test_same_words_are_told_from_typed_ones():
    assert same_words("System View", "SystemView")
    assert same_words("COPD  - severe", "copd-severe")
    assert not same_words("HR Current", "107")


def test_numbers_and_names():
    words = ["98.6", " 80 %", "-3", ".5", "1e5", "nan", "inf", "12/5", "OFF", "", None, "9" * 13]
    assert pl.Series(words).to_frame("x").select(number(pl.col("x")))["x"].to_list() == [
        *(98.6, 80.0, -3.0, 0.5),
        *(None,) * 8,
    ]
    names = pl.Series(["&#176;C", "a//b///c", " two  words ", "Fe/TIBC"]).to_frame("x").select(name(pl.col("x")))
    assert names["x"].to_list() == ["°C", "a/b/c", "two words", "Fe/TIBC"]
