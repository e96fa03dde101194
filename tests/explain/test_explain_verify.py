"""Each kind of fault, injected into a sound explanation, is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from explain_cases import NOW, TASK, explained, full_case

from xhaim.explain.verify import verify
from xhaim.records import Statement


@pytest.fixture(scope="module")
def sound():
    chart, chunks, model = full_case()
    return explained(chart, chunks, model), chart


def kinds(explanation, chart, **options):
    return {fault.kind for fault in verify(explanation, chart, task=TASK, **options)}


def with_citation(explanation, place, **changes):
    cited = tuple(replace(one, **changes) if one.marker == place else one for one in explanation.citations)
    return replace(explanation, citations=cited)


def with_text(explanation, old, new):
    """Change the words of the sentences that hold ``old``; there must be one."""
    assert any(old in one.text for one in explanation.statements)
    changed = tuple(replace(one, text=one.text.replace(old, new)) for one in explanation.statements)
    return replace(explanation, statements=changed)


def with_statement(explanation, text, markers, role="for"):
    return replace(explanation, statements=(*explanation.statements, Statement(text, role, markers)))


def test_a_sound_explanation_has_no_fault(sound):
    assert verify(*sound) == []
    assert verify(*sound, task=TASK) == []


@pytest.mark.parametrize(
    ("marker", "changes", "kind"),
    [
        (1, {"source_id": "e9"}, "source"),
        (1, {"kind": "image"}, "source"),
        (4, {"source_id": "albumin@20000101T000000"}, "source"),
        (1, {"start": 22}, "quote"),
        (1, {"end": 66}, "quote"),
        (1, {"start": -5}, "span"),
        (1, {"end": 10_000}, "span"),
        (1, {"start": None}, "span"),
        (6, {"start": 0, "end": 1}, "span"),
        (1, {"quote": "A moderate right pleural effusion is present."}, "quote"),
        (1, {"label": "Radiology: CHEST"}, "label"),
        (4, {"label": "Creatinine"}, "label"),
        (4, {"quote": "2.5 g/dL"}, "value"),
        (4, {"quote": "2.4 mg/dL"}, "value"),
        (4, {"time": NOW - timedelta(hours=4)}, "time"),
        (1, {"known_at": NOW - timedelta(hours=99)}, "time"),
        (1, {"polarity": "negated"}, "negation"),
        (3, {"polarity": "affirmed"}, "negation"),
        (3, {"start": 13, "quote": "pleural effusion or pneumothorax."}, "negation"),
        (1, {"effect": None}, "effect"),
        (1, {"effect": float("nan")}, "effect"),
        (1, {"marker": 0}, "marker"),
        (1, {"marker": -1}, "marker"),
        (1, {"marker": 2}, "marker"),
        (1, {"marker": 99}, "marker"),
    ],
)
def test_faults_of_a_citation(sound, marker, changes, kind):
    explanation, chart = sound
    assert kind in kinds(with_citation(explanation, marker, **changes), chart)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("49 % (-22", "48 % (-22", "number"),
        ("-22 points", "+22 points", None),  # the effect itself, said the other way round
        ("(-22 points)", "(-23 points)", "number"),
        ("is 71 %", "is 60 %", "number"),
        ("2.4 g/dL", "2.9 g/dL", "number"),
        ("2.4 g/dL", "2.4 mg/dL", "unit"),
        ("2.4 g/dL", "2.4 mmol/dL", "unit"),
        ("2.4 g/dL", "2.4 %", "unit"),
        ("13 h before", "12 h before", "number"),
        ("13 h before", "13 days before", "unit"),
        ("25 Jul 15:10", "24 Jul 15:10", "date"),
        ("25 Jul 23:10", "25 Jul 22:10", "date"),
        ("25 Jul 15:10", "2180-07-25 15:10", None),
        ("3.5 to 5.2", "3.4 to 5.2", "number"),
        ('"A moderate left', '"A moderate right', "laterality"),
        ('"A moderate left', '"No moderate left', "negation"),
        ("pleural effusion is present.", "pleural effusion is bleeding.", "quote"),
        ('"No pleural effusion or pneumothorax."', '"pleural effusion or pneumothorax."', "negation"),
        ('"No pleural effusion or pneumothorax."', '"pneumothorax"', "negation"),
        ('"No pleural effusion or pneumothorax."', '"No pleural effusion"', None),
        ('"No pleural effusion or pneumothorax."', '""', "quote"),
        ("pneumothorax.\"", "pneumothorax.", "quote"),
        ("Albumin was", "Creatinine was", "label"),
        ("Albumin was", "Left albumin was", "laterality"),
        ("points).", "points) [9].", "marker"),
    ],
)  # fmt: skip
def test_faults_of_a_sentence(sound, old, new, kind):
    explanation, chart = sound
    found = kinds(with_text(explanation, old, new), chart)
    assert found == set() if kind is None else kind in found


@pytest.mark.parametrize("marker", [0, -1, 9, 1000])
def test_a_marker_out_of_range(sound, marker):
    explanation, chart = sound
    assert kinds(with_statement(explanation, "Something.", (marker,)), chart) >= {"marker"}


def test_evidence_without_a_citation(sound):
    explanation, chart = sound
    assert kinds(with_statement(explanation, "There is fluid.", ()), chart) == {"uncited"}


def test_prose_that_says_otherwise_than_its_source(sound):
    explanation, chart = sound
    affirmed = with_statement(explanation, "The patient has a pleural effusion.", (3,), "against")
    assert kinds(affirmed, chart) == {"negation"}
    assert kinds(with_statement(explanation, "The report saw no pleural effusion.", (3,), "against"), chart) == set()
    assert kinds(with_statement(explanation, "A right pleural effusion is present.", (1,)), chart) == {"laterality"}
    assert kinds(with_statement(explanation, "A left pleural effusion is present.", (1,)), chart) == set()


def test_a_citation_that_nothing_uses(sound):
    explanation, chart = sound
    extra = replace(explanation.citations[0], marker=9)
    unused = replace(explanation, citations=(*explanation.citations, extra))
    assert [(fault.kind, fault.marker) for fault in verify(unused, chart)] == [("unused", 9)]


def test_a_source_that_was_known_too_late(sound):
    explanation, chart = sound
    late = tuple(replace(one, known_at=NOW) if one.doc_id == "e1" else one for one in chart.documents)
    leaked = with_citation(explanation, 1, known_at=NOW)
    assert kinds(leaked, replace(chart, documents=late)) == {"leak"}


def test_only_the_index_image_may_be_of_the_prediction_time(sound):
    explanation, chart = sound
    other = replace(chart, sample=replace(chart.sample, index_image_id="another"))
    assert kinds(explanation, other) == {"leak"}


def test_an_explanation_of_another_sample_or_task(sound):
    explanation, chart = sound
    assert kinds(replace(explanation, sample_id="8-1"), chart) == {"sample"}
    assert kinds(replace(explanation, task_id="mortality_48h"), chart) == {"sample"}


def test_joint_figures_are_checked_when_they_are_given(sound):
    explanation, chart = sound
    given = ["35 % (-36 points)", "30 % (-41 points)", "320 stays", "83 validation stays", "90 %"]
    wrong = with_text(explanation, "35 % (-36", "27 % (-36")
    assert kinds(explanation, chart, figures=given) == set()
    assert kinds(wrong, chart, figures=given) == {"number"}
    assert kinds(wrong, chart) == set()


def test_faults_hold_no_words_of_the_record(sound):
    explanation, chart = sound
    broken = with_text(explanation, "pleural effusion is present.", "pleural effusion is bleeding.")
    for citation in explanation.citations:
        broken = with_citation(broken, citation.marker, quote="moderate bleeding", label="x")
    details = " ".join(fault.detail for fault in verify(broken, chart, task=TASK))
    assert details
    assert not {"moderate", "bleeding", "effusion", "Albumin"} & set(details.split())


def test_a_statement_with_a_fault_is_dropped_and_counted():
    chart, chunks, model = full_case()
    # The passage cuts a sentence so that its denial, which stands before the cut, is lost.
    cut = chunks[1].chunk
    start = cut.text.index("pleural")
    trimmed = replace(cut, start=start, text=cut.text[start:], chunk_id="r1:cut")
    explanation = explained(chart, [chunks[0], replace(chunks[1], chunk=trimmed, polarity="affirmed")], model)
    assert ("r1", start) not in {(one.source_id, one.start) for one in explanation.citations}
    assert any("negation" in reason for reason in explanation.dropped)
    assert [one.marker for one in explanation.citations] == list(range(1, len(explanation.citations) + 1))
    assert verify(explanation, chart, task=TASK) == []
