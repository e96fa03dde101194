import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.text.polarity import Mention, mentions, polarity

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

CASES = [
    ("There is a small pleural effusion.", "affirmed"),
    ("No pleural effusion or pneumothorax.", "negated"),
    ("No pneumothorax, focal consolidation, or pleural effusion.", "negated"),
    ("No pneumothorax, small left pleural effusion.", "affirmed"),
    ("No pneumothorax, but there is a pleural effusion.", "affirmed"),
    ("Pleural effusion: none", "negated"),
    ("Pleural effusion is not seen.", "negated"),
    ("The pleural effusion has resolved.", "negated"),
    ("Interval resolution of the pleural effusion.", "negated"),
    ("A pleural effusion is unlikely.", "negated"),
    ("Without evidence of pleural effusion.", "negated"),
    ("No interval change in the pleural effusion.", "affirmed"),
    ("The pleural effusion has not resolved.", "affirmed"),
    ("Not only pneumonia but a pleural effusion.", "affirmed"),
    ("Possible pleural effusion.", "uncertain"),
    ("A small pleural effusion cannot be excluded.", "uncertain"),
    ("Cannot exclude a pleural effusion.", "uncertain"),
    ("Opacity may represent a pleural effusion.", "uncertain"),
    ("Please evaluate for pleural effusion.", "uncertain"),
    ("?pleural effusion", "uncertain"),
    ("History of pneumonia, now with pleural effusion.", "affirmed"),
    ("NO PLEURAL EFFUSION.", "negated"),
    ("1. No pneumothorax. 2. Pleural effusion.", "affirmed"),
]


@pytest.mark.parametrize(("sentence", "expected"), CASES)
def test_polarity_of_a_finding(sentence: str, expected: str) -> None:
    at = sentence.lower().index("pleural effusion")
    assert polarity(sentence, at, at + len("pleural effusion")) == expected
    assert [one.polarity for one in mentions(sentence, ["pleural effusion"])] == [expected]


def test_each_mention_is_read_for_itself() -> None:
    sentence = "No pneumothorax, but possible consolidation; pleural effusion is present."
    found = mentions(sentence, ["consolidation", "pneumothorax", "effusion", "pleural effusion"])
    assert [(one.term, one.polarity) for one in found] == [
        ("pneumothorax", "negated"),
        ("consolidation", "uncertain"),
        ("pleural effusion", "affirmed"),
    ]
    assert [sentence[one.start : one.end] for one in found] == ["pneumothorax", "consolidation", "pleural effusion"]


@pytest.mark.parametrize(
    ("sentence", "term"),
    [
        ("Bilateral pleural-effusions", "pleural effusion"),
        ("pleural\n effusion", "Pleural Effusion"),
        ("Blunting of the left costophrenic angles", "blunting of the costophrenic angle"),
        ("two cardiomyopathies", "cardiomyopathy"),
        ("multi organ failure", "multi-organ failure"),
    ],
)
def test_terms_give_way_to_plurals_hyphens_breaks_and_sides(sentence: str, term: str) -> None:
    assert [one.term for one in mentions(sentence, [term])] == [term]


def test_terms_are_whole_words_and_hostile_terms_are_literal() -> None:
    assert mentions("effusional chfx", ["effusion", "chf"]) == []
    assert mentions("no (a+)+$ here", ["(a+)+$", " - ", "]^"]) == [Mention("(a+)+$", 3, 9, "negated")]
    assert mentions("A [x] the", ["the", "[x]"]) == [Mention("[x]", 2, 5, "affirmed"), Mention("the", 6, 9, "affirmed")]
    assert mentions("anything", []) == []


def test_the_past_and_other_people_are_told_apart() -> None:
    (past,) = mentions("History of heart failure.", ["heart failure"])
    assert (past.historical, past.family) == (True, False)
    (other,) = mentions("Mother had heart failure.", ["heart failure"])
    assert (other.family, other.polarity) == (True, "uncertain")
    (informant,) = mentions("Mother reports heart failure in the patient.", ["heart failure"])
    assert (informant.family, informant.polarity) == (False, "affirmed")


@given(st.text(alphabet="İßno efusi,.;:?()\n1", max_size=60))
def test_offsets_hold_for_letters_that_grow_in_lower_case(noise: str) -> None:
    sentence = f"{noise} no effusion"
    last = mentions(sentence, ["effusion"])[-1]
    assert sentence[last.start : last.end] == "effusion"
    assert last.polarity == "negated"


@pytest.mark.real_data
@pytest.mark.skipif(not (DATA / "negex").is_dir(), reason="the open clinical data folder is absent")
def test_negation_on_real_sentences_reaches_f1_of_0960() -> None:
    rows = (DATA / "negex" / "rsAnnotations-1-120-random.txt").read_text(encoding="latin-1").splitlines()[1:]
    agree = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for row in rows:
        _, condition, sentence, label, *_ = row.split("\t")
        at = re.search(r"\s+".join(map(re.escape, condition.split())), sentence, re.IGNORECASE)
        start, end = at.span() if at else (0, len(sentence))
        agree[label == "Negated", polarity(sentence, start, end) == "negated"] += 1
    assert len(rows) == 2376
    hits, misses, false_alarms = agree[True, True], agree[True, False], agree[False, True]
    assert 2 * hits / (2 * hits + misses + false_alarms) >= 0.960


@pytest.mark.parametrize(
    ("text", "term", "polarity"),
    [
        ("Pressors were weaned off on day two.", "pressors", "negated"),
        ("Weaned off pressors, follow up.", "pressors", "negated"),
        ("Weaned from the ventilator today.", "ventilator", "negated"),
        ("Difficult to wean, on pressors.", "pressors", "affirmed"),
    ],
)
def test_what_was_weaned_is_no_longer_there(text, term, polarity):
    assert [one.polarity for one in mentions(text, (term,))] == [polarity]
