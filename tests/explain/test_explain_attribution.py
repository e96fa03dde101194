"""Which evidence is measured, in how many calls, and what the joint removals say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from explain_cases import (
    FACTS,
    SETTINGS,
    TASK,
    Additive,
    changes,
    document,
    evidence_of,
    explained,
    full_case,
    record,
    scored,
    texts,
    value,
)

from xhaim.config import ExplainSettings
from xhaim.errors import DataError
from xhaim.explain.attribution import attribute
from xhaim.explain.candidates import candidates
from xhaim.explain.facts import Removal
from xhaim.explain.words import DRAWS


def pieces_of(chart, chunks, most=12):
    evidence, summaries = evidence_of(chunks)
    return candidates(chart, TASK, evidence, summaries, most)[0]


def test_everything_is_measured_in_one_batch_the_joint_removals_in_a_second_and_the_whole_in_a_third():
    chart, chunks, model = full_case()
    explained(chart, chunks, model)
    assert len(model.batches) == 3
    singles, joint, whole = model.batches
    assert singles[0] == whole[0] == Removal()
    assert len(singles) == len(set(singles)) == 1 + 3 + 3 + 1
    assert joint[0] | joint[1] in joint
    assert 4 <= len(whole) == len(set(whole)) <= 3 + DRAWS


def test_the_smallest_set_that_crosses_the_operating_point_is_found_though_its_pieces_are_not_the_greatest():
    """Two reports that say the same hide each other: alone neither changes anything, together they cross."""
    first, second = document("a", "cxr", "A pleural effusion.", 5), document("b", "cxr", "Effusion seen.", 6)
    third = document("c", "nursing", "Thoracentesis done.", 7)
    chunks = [scored(one, "cxr", "affirmed", n) for n, one in enumerate((first, second, third), 1)]
    names = [one.chunk.chunk_id for one in chunks]

    def twins(removals):
        gone = [set(names[:2]) <= one.chunk_ids for one in removals]
        return [0.5 - 0.4 * both - 0.05 * (names[2] in one.chunk_ids) for both, one in zip(gone, removals, strict=True)]

    evidence, summaries = evidence_of(chunks)
    pieces = candidates(record([first, second, third]), TASK, evidence, summaries, 0)[0]
    found = attribute(pieces, replace(FACTS, risk=0.5), twins, SETTINGS)
    assert found.flip is not None
    assert sorted(one.piece.source.document.doc_id for one in found.flip.pieces) == ["a", "b"]
    assert found.flip.risk == pytest.approx(0.1)


def test_copies_are_taken_out_together_and_the_newest_is_shown():
    same = "There is a small pleural effusion."
    new, old = document("new", "cxr", same, 5), document("old", "cxr", f"{same} Unchanged lines.", 50)
    chunks = [scored(old, "cxr", "affirmed", 1), scored(new, "cxr", "affirmed", 2, also_in=("older:3-9",))]
    model = Additive({chunks[0].chunk.chunk_id: 0.1, chunks[1].chunk.chunk_id: 0.1, "older:3-9": 0.1})
    explanation = explained(record([new, old]), chunks, model)
    assert [(one.source_id, one.effect) for one in explanation.citations] == [("new", pytest.approx(0.3))]
    assert "without this passage and its copies the risk would be 41 % (-30 points)" in texts(explanation, "for")[0]


def test_a_chunk_that_no_summary_uses_is_not_measured():
    used, unused = document("a", "cxr", "Pleural effusion.", 5), document("b", "cxr", "Hydrothorax.", 6)
    chunks = [scored(used), scored(unused)]
    evidence, summaries = evidence_of(chunks)
    summaries["cxr"] = replace(summaries["cxr"], sentences=summaries["cxr"].sentences[:1])
    pieces, reasons = candidates(record([used, unused]), TASK, evidence, summaries, 0)
    assert [piece.removal.chunk_ids for piece in pieces if not piece.unread] == [frozenset({chunks[0].chunk.chunk_id})]
    assert [piece.source.quote.text for piece in pieces if piece.unread] == ["Hydrothorax."]
    assert reasons == []


def test_a_chunk_whose_concepts_are_counted_is_measured_without_a_summary():
    used, counted = document("a", "cxr", "Pleural effusion.", 5), document("b", "cxr", "No hydrothorax.", 6)
    chunks = [scored(used), scored(counted, "cxr", "negated")]
    evidence, summaries = evidence_of(chunks)
    summaries["cxr"] = replace(summaries["cxr"], sentences=summaries["cxr"].sentences[:1])
    pieces, _ = candidates(record([used, counted]), TASK, evidence, summaries, 0)
    assert [piece.removal.chunk_ids for piece in pieces] == [frozenset({one.chunk.chunk_id}) for one in chunks]


def test_the_latest_and_the_most_abnormal_value_of_a_signal_are_measured():
    values = [value("creatinine", "Creatinine", number, "mg/dL", hours) for number, hours in
              [(1.1, 40), (4.0, 30), (2.0, 20), (1.0, 2)]]  # fmt: skip
    other = value("albumin", "Albumin", 3.4, "g/dL", 3)
    pieces = pieces_of(record([], [*values, other]), [])
    assert [piece.source.value for piece in pieces] == [4.0, 3.4, 1.0]
    assert [piece.source.value for piece in pieces_of(record([], [*values, other]), [], 2)] == [4.0, 3.4]
    assert pieces_of(record([], values), [], 0) == []


def test_contradiction_keeps_a_place_though_others_have_greater_effects():
    deny = document("deny", "cxr", "No pleural effusion.", 9)
    others = [document(f"o{n}", "nursing", f"Text number {n}.", n + 10) for n in range(4)]
    chunks = [scored(deny, "cxr", "negated"), *(scored(one, "notes", None, n) for n, one in enumerate(others))]
    model = Additive({one.chunk.chunk_id: -0.05 - 0.01 * n for n, one in enumerate(chunks[1:])})
    explanation = explained(record([deny, *others]), chunks, model)
    against = texts(explanation, "against")
    assert len(against) == SETTINGS.max_against
    assert "No pleural effusion." in against[-1]
    assert "no measurable effect" in against[-1]
    assert "(+8 points)" in against[0]


def test_redundant_evidence_changes_nothing_alone_and_all_together():
    left, right = document("a", "cxr", "Large pleural effusion.", 5), document("b", "echo", "Hydrothorax seen.", 6)
    chunks = [scored(left, "cxr", "affirmed"), scored(right, "notes", "affirmed")]

    def either(removals):
        return [0.71 - 0.5 * (len(removal.chunk_ids) == 2) for removal in removals]

    attribution = attribute(pieces_of(record([left, right]), chunks), FACTS, either, SETTINGS)
    assert [one.effect for one in attribution.supporting] == [0.0, 0.0]
    assert attribution.flip.risk == pytest.approx(0.21)
    assert len(attribution.flip.pieces) == 2


def test_the_first_set_that_crosses_is_the_smallest_of_the_greedy_ones():
    chart, chunks, model = full_case()
    attribution = attribute(pieces_of(chart, chunks), FACTS, model, SETTINGS)
    assert [one.effect for one in attribution.flip.pieces] == pytest.approx([0.22, 0.14])
    assert attribution.without_supporting.risk == pytest.approx(0.30)


def test_nothing_crosses_and_that_is_said():
    chart, chunks, model = full_case()
    facts = replace(FACTS, threshold=0.1)
    assert changes(explained(chart, chunks, model, facts)) == [
        "Without all the evidence for shown here the risk would be 30 % (-41 points), still at or above the operating "
        "point of 10 %."
    ]


def test_a_model_that_does_not_reproduce_itself_is_not_believed():
    chart, chunks, model = full_case()
    drifted = replace(FACTS, risk=0.64)
    attribution = attribute(pieces_of(chart, chunks), drifted, model, SETTINGS)
    assert {one.effect for one in attribution.measured} == {None}
    assert (attribution.flip, attribution.without_supporting, attribution.all_toward) == (None, None, None)
    assert len(model.batches) == 1
    assert attribution.supporting  # by their words


def test_a_risk_that_is_no_number_gives_no_effect_but_a_reason():
    chart, chunks, _ = full_case()

    def broken(removals):
        return [0.71 if not removal.chunk_ids else float("nan") for removal in removals]

    attribution = attribute(pieces_of(chart, chunks), FACTS, broken, SETTINGS)
    by_kind = {bool(one.piece.removal.chunk_ids): one for one in attribution.measured}
    assert (by_kind[True].effect, by_kind[True].reason) == (None, "the model gave no risk without it")
    assert by_kind[False].effect == 0.0
    assert attribution.flip is None


def test_too_few_answers_are_an_error():
    chart, chunks, _ = full_case()
    with pytest.raises(DataError, match="did not answer every removal"):
        attribute(pieces_of(chart, chunks), FACTS, lambda removals: [0.71], SETTINGS)


def test_settings_bound_what_is_shown():
    chart, chunks, model = full_case()
    attribution = attribute(pieces_of(chart, chunks), FACTS, model, ExplainSettings(max_for=1, max_against=1))
    assert [one.effect for one in attribution.supporting] == pytest.approx([0.22])
    assert [one.piece.speaks for one in attribution.opposing] == ["against"]
