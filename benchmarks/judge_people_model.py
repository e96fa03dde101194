"""The two-stage judge of ``xhaim.judge`` on machine summaries: the conversation is what every sentence cites."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge_people_data import Summaries
from xhaim.config import LanguageModelSettings
from xhaim.judge.rubric import load_rubric
from xhaim.judge.shown import Case
from xhaim.judge.summary_read import read_note
from xhaim.judge.two_stage import judge
from xhaim.judge.verdicts import digest
from xhaim.llm.client import OpenAICompatible
from xhaim.ports import LanguageModel
from xhaim.records import DIMENSIONS, Explanation, Statement, Verdict

Floats = NDArray[np.float64]


def two_stage_scores(given: Summaries, url: str, model: str) -> dict[str, Floats]:
    """Return dimension -> [n] scores of the model at ``url``; NaN where it gave none."""
    by: LanguageModel = OpenAICompatible(LanguageModelSettings(url=url, model=model))
    rubric = load_rubric()
    return scores_of(given, lambda source, summary: judge(case(source, summary), rubric, by))


def scores_of(given: Summaries, judged: Callable[[str, str], Verdict]) -> dict[str, Floats]:
    """Return dimension -> [n] scores of whoever judges (source, summary); NaN for none."""
    verdicts = [judged(source, summary) for source, summary in zip(given.dialogues, given.summaries, strict=True)]
    return {
        name: np.array([np.nan if (score := one.scores.get(name)) is None else float(score) for one in verdicts])
        for name in DIMENSIONS
    }


def case(source: str, summary: str) -> Case:
    """Return a summary as a judge is shown it: each sentence cites the whole conversation."""
    statements = tuple(Statement(sentence, "observed", (1,)) for sentence in read_note(summary).sentences)
    explanation = Explanation(
        sample_id=digest(f"{source}\n{summary}".encode())[:16],
        task_id="summary",
        question="What does the conversation say of the patient?",
        report_policy="admissible",
        risk=None,
        low=None,
        high=None,
        base_rate=None,
        threshold=None,
        abstains=False,
        statements=statements,
        citations=(),
        contributions={},
        dropped=(),
        writer="a machine",
        simulated=False,
        unscored="a summary has no risk",
    )
    return Case(explanation, digest(summary.encode()), {1: source})
