"""What a report says now beside what the one before it said: more, less, otherwise, or nothing that can be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from explain_cases import Additive, document, explained, record, scored, texts

from xhaim.evaluate.parts import Mark, evidence_lines
from xhaim.explain.verify import verify
from xhaim.task import load_task

TASK = load_task("pleural_effusion")


def told(now: str, *before: tuple[str, str]):
    """The explanation of a film read 5 h before, after texts of some kinds of an earlier admission, 20 h apart."""
    film = document("now", "cxr", now, 5)
    older = [
        replace(document(f"then{at}", kind, text, 25 + 20 * at), hadm_id=4) for at, (kind, text) in enumerate(before)
    ]
    chunk = scored(film, "cxr", "affirmed")
    chart = record([film, *older])
    return explained(chart, [chunk], Additive({chunk.chunk.chunk_id: 0.2})), chart


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        ("Large left pleural effusion.", "Small left pleural effusion.", "more than"),
        ("Small left pleural effusion.", "Moderate left pleural effusion.", "less than"),
        ("Small pleural effusion.", "No pleural effusion.", "unlike"),
        ("Small left pleural effusion.", "Small left pleural effusion.", None),
        ("Large left pleural effusion.", "Small right pleural effusion.", None),
        ("Large pleural effusion.", "Pleural effusion.", None),
        ("Large pleural effusion.", "Possible small pleural effusion.", None),
        ("Large pleural effusion.", "Small to moderate pleural effusion.", None),
        ("Large pleural effusion.", "Mild heart failure.", None),
    ],
)
def test_a_report_is_compared_with_the_one_before_it(now, before, words):
    explanation, chart = told(now, ("cxr", before))
    [said] = texts(explanation, "for")
    ends = f', {words} the one before it, of 25 Jul 03:10, which says "{before}"; without this passage'
    assert ends in said if words else "the one before it" not in said
    assert verify(explanation, chart, task=TASK) == []
    [statement] = [one for one in explanation.statements if one.role == "for"]
    assert statement.compared == ((2,) if words else ())


def test_the_newest_of_its_kind_that_speaks_of_the_finding_is_the_one_before():
    explanation, _ = told(
        "Large pleural effusion.",
        ("nursing", "No pleural effusion."),
        ("cxr", "Lines in place."),
        ("cxr", "Small pleural effusion."),
        ("cxr", "No pleural effusion."),
    )
    [said] = texts(explanation, "for")
    assert ', more than the one before it, of 23 Jul 11:10, which says "Small pleural effusion."' in said


def test_what_is_cited_for_comparison_is_on_no_side():
    explanation, _ = told("Small pleural effusion.", ("cxr", "No pleural effusion."))
    marks = {one.marker: Mark(str(one.marker), "", "") for one in explanation.citations}
    lines = {group.side: [line.quote for line in group.lines] for group in evidence_lines(explanation, marks)}
    assert lines["for"] == ["Small pleural effusion."]
    assert lines["other"] == ["No pleural effusion."]
    assert explanation.citations[1].effect is None
    assert explanation.citations[1].effect_reason == "cited for comparison alone"
