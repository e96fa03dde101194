"""A sentence against what it cites: golden verdicts, copies, disguises, other opinions, hostile text."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.ports import Inference, Reply
from xhaim.verify.check import WEIGHTS, check, met, rules_alone, stands_in
from xhaim.verify.compare import MEASURES
from xhaim.verify.detector import FEATURES, features, kept, restore, shipped

NOTE = [
    "The heart is mildly enlarged. There is a small left pleural effusion, unchanged since 3/14/2020. No pneumothorax. "
    "He takes Lasix 20 mg twice a day for heart failure. Potassium was 4.2 mEq/L."
]


def told(sentence, evidence=NOTE):
    return [(one.verdict, one.fault) for one in rules_alone(sentence, evidence)]


@pytest.mark.parametrize(
    "sentence",
    [
        "There is mild cardiomegaly.",
        "A small amount of fluid in the pleural space on the left is stable.",
        "Furosemide 20 milligrams b.i.d. for CHF.",
        "Pneumothorax is absent.",
        "The left effusion has not changed since March 14, 2020.",
        "K was 4.2.",
    ],
)
def test_rewordings_hold(sentence):
    assert told(sentence) == [("supported", None)]
    assert [one.verdict for one in check(sentence, NOTE)] == ["supported"]


@pytest.mark.parametrize(
    ("sentence", "verdict", "fault"),
    [
        ("There is a small right pleural effusion.", "contradicted", "side"),
        ("There is a large left pleural effusion.", "contradicted", "severity"),
        ("The left effusion has grown.", "contradicted", "trend"),
        ("There is a pneumothorax.", "contradicted", "negation"),
        ("The heart is not enlarged.", "contradicted", "negation"),
        ("Furosemide 40 mg twice a day.", "contradicted", "number"),
        ("Furosemide 20 g twice a day.", "contradicted", "unit"),
        ("Furosemide 20 mg three times a day.", "contradicted", "number"),
        ("The effusion is unchanged since 4/14/2020.", "contradicted", "time"),
        ("He takes digoxin for heart failure.", "not found", "medication"),
        ("There is mild cardiomegaly with pneumonia.", "not found", "condition"),
        ("A bronchoscopy was done.", "not found", "procedure"),
    ],
)
def test_faults_are_found_and_named(sentence, verdict, fault):
    assert told(sentence) == [(verdict, fault)]
    (one,) = check(sentence, NOTE)
    assert (one.verdict, one.fault, one.weight, one.by) == (verdict, fault, WEIGHTS[fault], "rules")


def test_each_claim_of_a_sentence_has_its_own_verdict():
    assert told("There is mild cardiomegaly, no pneumothorax; furosemide 80 mg is taken.") == [
        ("supported", None), ("supported", None), ("contradicted", "number")
    ]  # fmt: skip


def test_a_copy_is_supported_by_its_own_words_and_a_cut_one_is_not():
    (one,) = check("There is a small left pleural effusion", NOTE)
    assert (one.verdict, one.by, one.score) == ("supported", "copy", 0.0)
    assert stands_in("No pneumothorax.", NOTE)
    assert not stands_in("pneumothorax", NOTE)
    assert not stands_in("Medications of late.", ["No medications of late."])
    assert not stands_in("small left pleural effusions", NOTE)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(NOTE[0].split(". ")), min_size=1, max_size=3), st.integers(0, 4))
def test_the_order_of_the_evidence_does_not_matter_to_copies(chosen, turn):
    evidence = [*chosen[turn:], *chosen[:turn]]
    assert all(one.verdict == "supported" for text in chosen for one in check(text, evidence))


def test_disguised_letters_are_read_and_told():
    (one,) = check("Са\u200brdiomegaly is mild", NOTE)  # noqa: RUF001
    assert (one.verdict, one.disguised) == ("supported", True)
    (other,) = check("furosemide ４0 mg", NOTE)  # noqa: RUF001
    assert (other.verdict, other.fault) == ("contradicted", "number")
    assert not check("Furosemide 20 mg", NOTE)[0].disguised


@pytest.mark.parametrize("evidence", [[], [""], ["   \n"]])
def test_nothing_cited_supports_nothing(evidence):
    assert check("There is a pneumothorax.", evidence)[0].verdict == "not found"


class Inferring:
    name = "nli"

    def __init__(self, entailment, contradiction):
        self._said = Inference(entailment, 1 - entailment - contradiction, contradiction)

    def infer(self, premise, hypothesis):
        return self._said


class Answering:
    name = "llm"

    def __init__(self, text):
        self._text, self.asked = text, []

    def ask(self, system, user, schema=None, images=()):
        self.asked.append(user)
        return Reply(self._text, self.name, "stop", None, None, 0.0)


def test_further_opinions_are_asked_of_what_passed():
    (one,) = check("There is mild cardiomegaly.", NOTE, entailment=Inferring(0.1, 0.8))
    assert (one.verdict, one.by, one.score) == ("contradicted", "nli", 0.9)
    said = Answering(json.dumps({"verdict": "not found"}))
    (one,) = check("There is mild cardiomegaly.", NOTE, model=said)
    assert (one.verdict, one.by, one.score) == ("not found", "llm", None)
    assert one.reason
    (one,) = check("There is a pneumothorax.", NOTE, entailment=Inferring(0.99, 0.0), model=said)
    assert (one.verdict, one.by) == ("contradicted", "rules")
    assert len(said.asked) == 1


@pytest.mark.parametrize("reply", ["It is well supported.", "[]", '{"verdict": "true"}', "{", ""])
def test_prose_in_place_of_a_verdict_is_no_opinion(reply):
    (one,) = check("There is mild cardiomegaly.", NOTE, model=Answering(reply))
    assert one.verdict == "supported"
    assert one.by != "llm"


@pytest.mark.parametrize(
    "text",
    [
        "word pleural " * 400_000,
        "9" * 2_000_000,
        "3/14/20 " * 200_000,
        "no, " * 500_000,
        "(" * 1_000_000,
        "mg\n" * 500_000,
    ],
)
def test_millions_of_characters_do_not_hang(text):
    start = time.monotonic()
    assert check("There is a small left effusion of 12 mm.", [text])
    assert check(text, NOTE)[0].verdict == "not found"
    assert time.monotonic() - start < 20


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_gets_verdicts_with_exact_offsets(sentence, evidence):
    for one in check(sentence, [evidence]):
        assert sentence[one.start : one.end] == one.text
        assert (one.fault is None) == (one.verdict == "supported")


def test_the_shipped_detector_is_restored_to_the_last_bit_and_refuses_other_columns():
    detector = shipped()
    rows = features(*met("There is a large right effusion.", NOTE))[None]
    assert rows.shape == (1, len(FEATURES))
    assert restore(kept(detector)).score(rows) == detector.score(rows)
    state = json.loads(kept(detector))
    with pytest.raises(ValueError, match="features"):
        restore(json.dumps(state | {"features": state["features"][1:]}))


def test_every_measure_has_a_column():
    assert set(MEASURES) <= set(FEATURES)
    assert len(set(FEATURES)) == len(FEATURES)
