"""Where there is an NLI model, what a language model writes must follow from what it cites; where not, it says so."""

import pytest
from test_summarize_generative import GOOD, TASK, TEXTS, answer, evidence, words

from xhaim.config import SummarizeSettings
from xhaim.llm.scripted import ScriptedModel
from xhaim.ports import Inference
from xhaim.records import Summary
from xhaim.summarize.generative import generative

OTHER = ("The pleural effusion on the left measured 2.5 cm.", [1])


class Doubts:
    """Entails every sentence but those that hold a word."""

    name = "doubts@1"

    def __init__(self, word: str, contradiction: float) -> None:
        self.word, self.contradiction = word, contradiction
        self.asked: list[tuple[str, str]] = []

    def infer(self, premise: str, hypothesis: str) -> Inference:
        self.asked.append((premise, hypothesis))
        if self.word in hypothesis:
            return Inference(0.3, 0.7 - self.contradiction, self.contradiction)
        return Inference(0.9, 0.1, 0.0)


def run(model: ScriptedModel, nli: Doubts | None, at_least: float = 0.5) -> Summary:
    settings = SummarizeSettings(max_tokens=64)
    return generative(evidence(*TEXTS), TASK, model, words, settings, nli, at_least)


@pytest.mark.parametrize(("contradiction", "told"), [(0.1, "does not follow"), (0.7, "say the contrary")])
def test_what_does_not_follow_is_told_once_then_dropped_and_counted(contradiction: float, told: str) -> None:
    model = ScriptedModel([answer(GOOD, OTHER)] * 2)
    nli = Doubts("measured", contradiction)
    summary = run(model, nli)
    assert [(one.text, one.entailment) for one in summary.sentences] == [(GOOD[0], 0.9)]
    assert (summary.dropped, len(model.asked)) == (1, 2)
    assert told in model.asked[1][1]
    assert summary.entailment == "entailment by doubts@1, at least 0.5"
    assert (TEXTS[0], GOOD[0]) in nli.asked  # the cited chunk, and no other
    assert all(premise == TEXTS[0] for premise, _ in nli.asked)


def test_the_threshold_decides() -> None:
    summary = run(ScriptedModel([answer(GOOD, OTHER)]), Doubts("measured", 0.1), at_least=0.3)
    assert [one.entailment for one in summary.sentences] == [0.9, 0.3]


def test_without_a_model_the_rules_decide_and_the_record_says_so() -> None:
    summary = run(ScriptedModel([answer(GOOD, OTHER)]), None)
    assert [one.entailment for one in summary.sentences] == [None, None]
    assert summary.entailment == "entailment not checked: no model"
