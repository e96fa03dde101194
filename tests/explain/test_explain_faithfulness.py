"""All cited evidence at once beside chance; shares that sum to the risk."""

from __future__ import annotations

from dataclasses import replace

import pytest
from explain_cases import (
    FACTS,
    SETTINGS,
    TASK,
    Additive,
    document,
    evidence_of,
    explained,
    full_case,
    record,
    scored,
    texts,
    value,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.explain.compose import explain
from xhaim.explain.facts import Removal
from xhaim.explain.verify import verify


def crowded(effects):
    """A chart with one telling report, and others of the same length that the model reads too."""
    told = document("told", "cxr", "There is a large pleural effusion now.", 5)
    idle = [document(f"idle{n}", "nursing", f"Patient slept well on night {n}.", 10 + n) for n in range(8)]
    chunks = [scored(told, "cxr", "affirmed"), *(scored(one, "notes", None, n) for n, one in enumerate(idle, 1))]
    chart = record([told, *idle], [value("albumin", "Albumin", 3.9, "g/dL", 3 + n) for n in range(4)])
    return chart, chunks, Additive({f"{name}:0-{length}": effect for (name, length), effect in effects.items()})


def test_cited_evidence_is_compared_with_as_much_at_random():
    chart, chunks, model = crowded({("told", 38): 0.3})
    found = explained(chart, chunks, model).faithfulness
    assert found is not None
    assert found.without_cited == pytest.approx(0.41)
    assert found.cited_alone == pytest.approx(0.71)
    assert found.at_random == pytest.approx((0.71,) * len(found.at_random))
    assert found.drawn == 1


def test_a_draw_takes_as_many_words_and_values_and_never_what_is_cited():
    chart, chunks, model = crowded({("told", 38): 0.3})
    explanation = explained(chart, chunks, model)
    words = {one.chunk.chunk_id: len(one.chunk.text.split()) for one in chunks}
    _, cited, alone, *draws = model.batches[-1]
    assert not cited.image
    assert alone.image
    assert not alone.chunk_ids & cited.chunk_ids
    assert alone.chunk_ids | cited.chunk_ids == set(words)
    for draw in draws:
        assert not draw.chunk_ids & cited.chunk_ids
        assert not draw.measurement_ids & cited.measurement_ids
        assert sum(words[one] for one in draw.chunk_ids) >= sum(words[one] for one in cited.chunk_ids)
        assert len(draw.measurement_ids) == min(
            len(cited.measurement_ids), len(chart.measurements) - len(cited.measurement_ids)
        )
    assert len(set(draws)) > 1
    again = Additive(model.effects)
    assert explained(chart, chunks, again) == explanation
    assert again.batches[-1] == model.batches[-1]


def test_the_sentence_says_what_was_measured_and_passes_its_own_checks():
    chart, chunks, model = crowded({("told", 38): 0.3})
    explanation = explained(chart, chunks, model)
    said = next(one for one in texts(explanation, "change") if "at random" in one)
    assert "at once, the risk would be 41 % (-30 points)" in said
    assert "taken out at random change it by under 0.5 points on average, in 8 draws" in said
    assert "With the cited evidence alone it would be 71 %." in said
    assert "no more than chance" not in said
    assert not verify(explanation, chart, task=TASK)


def test_evidence_that_moves_no_more_than_chance_is_said_to_explain_nothing():
    everything = {("told", 38): 0.02} | {(f"idle{n}", 30): 0.06 for n in range(8)}
    chart, chunks, model = crowded(everything)
    evidence, summaries = evidence_of(chunks[:1])
    evidence["notes"] = evidence_of(chunks)[0]["notes"]  # read, but no summary rests on them: never cited
    facts = replace(FACTS, risk=model.risk)
    explanation = explain(chart, TASK, evidence, summaries, facts, model, SETTINGS, simulated=True)
    said = next(one for one in texts(explanation, "change") if "at random" in one)
    assert "That is no more than chance: the cited evidence is not what the risk rests on." in said


def test_evidence_for_and_against_that_cancels_out_is_not_said_to_explain_nothing():
    effects = {("told", 38): 0.2, ("idle0", 30): -0.2} | {(f"idle{n}", 30): 0.03 for n in range(1, 8)}
    chart, chunks, model = crowded(effects)
    evidence, summaries = evidence_of(chunks[:2])
    evidence["notes"] = evidence_of(chunks)[0]["notes"]
    facts = replace(FACTS, risk=model.risk)
    explanation = explain(chart, TASK, evidence, summaries, facts, model, SETTINGS, simulated=True)
    said = next(one for one in texts(explanation, "change") if "at random" in one)
    assert "What is cited for and against cancels out." in said
    assert "no more than chance" not in said


def test_without_citations_there_is_nothing_to_be_faithful_to():
    chart, chunks, _ = full_case()
    nothing = explained(record(), [], Additive({}))
    assert nothing.faithfulness is None
    drifted = Additive({})
    drifted.risk = 0.2
    evidence, summaries = evidence_of(chunks)
    odd = explain(chart, TASK, evidence, summaries, FACTS, drifted, SETTINGS, simulated=True)
    assert odd.citations
    assert odd.faithfulness is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-0.04, 0.04), min_size=3, max_size=3), st.floats(-0.1, 0.1), st.integers(1, 9), st.booleans())
def test_shares_sum_to_the_risk_less_the_base_rate(effects, together, orders, image):
    chart, chunks, plain = full_case()
    names = [one.chunk.chunk_id for one in chunks]
    shares = dict(zip(names, effects, strict=True)) | ({"image": 0.02} if image else {})

    def model(removals):
        joint = [together * (set(names[:2]) <= one.chunk_ids) for one in removals]
        return [a - b for a, b in zip(Additive(shares)(removals), joint, strict=True)]

    model.risk = plain.risk
    evidence, summaries = evidence_of(chunks)
    asked = SETTINGS.model_copy(update={"additive": orders})
    found = explain(chart, TASK, evidence, summaries, FACTS, model, asked, simulated=True)
    assert sum(found.additive.values()) == pytest.approx(FACTS.risk - FACTS.base_rate)
    marks = {f"[{one.marker}]" for one in found.citations}
    assert {name for name in found.additive if name.startswith("[")} <= marks


def test_shares_of_twins_are_equal_where_single_removals_see_nothing():
    first, second = document("a", "cxr", "A pleural effusion.", 5), document("b", "cxr", "Effusion seen here.", 6)
    chunks = [scored(one, "cxr", "affirmed", n) for n, one in enumerate((first, second), 1)]
    names = {one.chunk.chunk_id for one in chunks}

    def model(removals):
        return [0.71 - 0.2 * (names <= one.chunk_ids) for one in removals]

    evidence, summaries = evidence_of(chunks)
    asked = SETTINGS.model_copy(update={"additive": 6})
    found = explain(record([first, second]), TASK, evidence, summaries, FACTS, model, asked, simulated=True)
    assert [one.effect for one in found.citations] == [0, 0]
    assert {name: found.additive[name] for name in ("[1]", "[2]")} == pytest.approx({"[1]": 0.1, "[2]": 0.1})
    assert found.additive["what cannot be taken out"] == pytest.approx(0.51 - FACTS.base_rate)


def test_without_orders_nothing_is_taken_apart():
    chart, chunks, model = full_case()
    assert explained(chart, chunks, model).additive == {}
    assert len(model.batches) == 3
    assert Removal() in model.batches[0]
