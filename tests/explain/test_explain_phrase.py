"""A language model may change the words of an explanation and nothing else."""

from __future__ import annotations

import json

import pytest
from explain_cases import TASK, explained, full_case

from xhaim.errors import BackendError
from xhaim.explain.phrase import ROLES, phrase
from xhaim.explain.verify import verify
from xhaim.llm.scripted import ScriptedModel
from xhaim.ports import Inference


def case():
    chart, _, _ = full_case()
    found = explained(*full_case())
    place = next(i for i, one in enumerate(found.statements) if one.role == "for" and '"' in one.text)
    return chart, found, place


def answered(change):
    chart, found, place = case()
    text = change(found.statements[place].text)
    model = ScriptedModel([json.dumps({"sentences": [{"n": place, "text": text}]})])
    return chart, found, place, phrase(found, chart, TASK, model), model


def test_other_words_for_the_same_facts_are_taken():
    chart, found, place, new, model = answered(lambda text: text.replace("says", "reads"))
    assert "reads" in new.statements[place].text
    assert new.statements[place].markers == found.statements[place].markers
    assert new.writer == "composed, phrased by scripted; entailment not checked: no model"
    assert verify(new, chart, task=TASK) == []
    asked = json.loads(model.asked[0][1])
    assert {one["n"] for one in asked} == {i for i, one in enumerate(found.statements) if one.role in ROLES}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("%", " percent", 1).replace("would be ", "would be 9", 1),
        lambda text: text.split(";")[0] + ".",
        lambda text: text.replace('"', '"no ', 1),
        lambda text: text + " This is because of heart failure.",
        lambda text: text + " The risk is 99 %.",
        lambda text: text.replace('"', "'"),
    ],
)
def test_a_changed_fact_leaves_the_composed_sentence(change):
    _, found, _, new, _ = answered(change)
    assert new == found


def test_a_fact_in_words_that_no_figure_or_quotation_holds_is_caught_too():
    """Each keeps every figure and quotation; what is added stands in no cited source."""
    for added in (" The patient is on vancomycin.", " There is a fracture of the femur.", " It is severe."):
        _, found, _, new, _ = answered(lambda text, added=added: text + added)
        assert new == found, added


def test_other_sentences_and_other_replies():
    chart, found, _ = case()
    stray = ScriptedModel([json.dumps({"sentences": [{"n": 999, "text": "All is well."}, {"n": -1, "text": "x"}]})])
    assert phrase(found, chart, TASK, stray) == found
    for reply in (
        "Certainly! Here it is.",
        "{}",
        '{"sentences": [{"n": "0", "text": "x"}]}',
        '{"sentences": [], "a": 1}',
    ):
        with pytest.raises(BackendError):
            phrase(found, chart, TASK, ScriptedModel([reply]))


class _Doubts:
    """Says of every pair that the second text does not follow from the first."""

    name = "doubts@1"

    def __init__(self):
        self.asked = []

    def infer(self, premise, hypothesis):
        self.asked.append((premise, hypothesis))
        return Inference(0.4, 0.6, 0.0)


def test_words_that_do_not_follow_from_the_composed_sentence_are_not_taken():
    chart, found, place = case()
    text = found.statements[place].text
    reply = json.dumps({"sentences": [{"n": place, "text": text.replace("says", "reads")}]})
    doubts = _Doubts()
    assert phrase(found, chart, TASK, ScriptedModel([reply]), doubts) == found
    assert doubts.asked == [(text, text.replace("says", "reads"))]
    taken = phrase(found, chart, TASK, ScriptedModel([reply]), doubts, 0.4)
    assert taken.writer == "composed, phrased by scripted; entailment by doubts@1"
