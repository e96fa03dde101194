"""The checklist: met, not met or unknown by values, changes, facts and words known before the prediction time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from knowledge_cases import NOW, judged, note, record, value

from xhaim.knowledge.cards import load_card
from xhaim.knowledge.checklist import checklist
from xhaim.knowledge.judged import by_value
from xhaim.knowledge.rules import ValueRule
from xhaim.task import load_task

LACTATE = {"kind": "value", "signal": "lactate", "above": 2, "unit": "mmol/L", "within_hours": 24}
CONFUSED = {"kind": "words", "terms": ["confused", "confusion"], "within_hours": 48}


# ---- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "at_threshold", "above_it", "below_it"),
    [
        ("above", "not met", "met", "not met"),
        ("at_least", "met", "met", "not met"),
        ("below", "not met", "not met", "met"),
        ("at_most", "met", "not met", "met"),
    ],
)
def test_the_threshold_itself_counts_only_where_it_is_said_to(tmp_path, side, at_threshold, above_it, below_it):
    rule = {"kind": "value", "signal": "lactate", side: 2, "unit": "mmol/L", "within_hours": 24}
    for number, status in ((2.0, at_threshold), (2.1, above_it), (1.9, below_it)):
        found = judged(tmp_path, record(value("lactate", number, 3)), rule)
        assert (found.status, len(found.measurement_ids)) == (status, 1), number


@settings(max_examples=60, deadline=None)
@given(st.floats(0.3, 12), st.sampled_from([-1, 0, 1]), st.sampled_from(["above", "at_least", "below", "at_most"]))
def test_a_value_stored_in_32_bits_is_on_the_side_that_its_digits_say(number, step, side):
    threshold = round(number, 1)
    digits = round(threshold + step * 0.1, 1)
    stored = float(np.float32(digits))
    rule = ValueRule.model_validate(
        {"kind": "value", "signal": "lactate", side: threshold, "unit": "mmol/L", "within_hours": 24}
    )
    truth = {"above": step > 0, "at_least": step >= 0, "below": step < 0, "at_most": step <= 0}[side]
    assert by_value(rule, record(value("lactate", stored, 1))).status == ("met" if truth else "not met")


TIMES = st.sampled_from([-2.0, 0.0, 0.001, 1.0, 5.0, 23.9, 24.0, 24.1, 90.0])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 2.1, 9.0]), TIMES, TIMES), max_size=6), st.booleans())
def test_a_plain_reading_of_the_rule_agrees(rows, anything):
    rule = ValueRule.model_validate(LACTATE | {"which": "any" if anything else "latest"})
    chart = record(*(value("lactate", number, hours, known=known) for number, hours, known in rows))
    seen = [(hours, number > 2) for number, hours, known in rows if known > 0 and 0 <= hours <= 24]
    latest = {high for hours, high in seen if hours == min(hours for hours, _ in seen)}
    if not seen or (not anything and len(latest) == 2):
        expected = "unknown"
    else:
        expected = "met" if (any(high for _, high in seen) and anything) or latest == {True} else "not met"
    assert by_value(rule, chart).status == expected


def test_a_value_known_only_at_or_after_the_prediction_time_leaves_it_unknown(tmp_path):
    for known in (0, -1, -48):
        found = judged(tmp_path, record(value("lactate", 9, 3, known=known)), LACTATE)
        assert (found.status, found.measurement_ids) == ("unknown", ())
        assert found.reason == "no value of Lactate in the 24 h before"
    just_before = replace(value("lactate", 9, 3), known_at=NOW - timedelta(microseconds=1))
    assert judged(tmp_path, record(just_before), LACTATE).status == "met"


def test_a_late_value_does_not_replace_the_latest_known_one(tmp_path):
    early, late = value("lactate", 1.5, 6), value("lactate", 9, 3, known=-1)
    found = judged(tmp_path, record(early, late), LACTATE)
    assert (found.status, found.measurement_ids) == ("not met", (early.measurement_id,))


def test_the_window_includes_its_limit_and_nothing_older(tmp_path):
    assert judged(tmp_path, record(value("lactate", 9, 24)), LACTATE).status == "met"
    older = replace(value("lactate", 9, 24), time=NOW - timedelta(hours=24, microseconds=1))
    assert judged(tmp_path, record(older), LACTATE).status == "unknown"
    ahead = replace(value("lactate", 9, 24), time=NOW + timedelta(hours=1))
    assert judged(tmp_path, record(ahead), LACTATE).status == "unknown"


def test_the_latest_value_decides_unless_any_is_asked_for(tmp_path):
    chart = record(value("lactate", 9, 6), value("lactate", 1.5, 3))
    found = judged(tmp_path, chart, LACTATE)
    assert (found.status, found.measurement_ids) == ("not met", (chart.measurements[1].measurement_id,))
    assert found.reason == "Lactate 1.5 mmol/L 3 h before, needed: above 2 mmol/L"
    found = judged(tmp_path, chart, LACTATE | {"which": "any"})
    assert (found.status, found.measurement_ids) == ("met", (chart.measurements[0].measurement_id,))
    twice = record(value("lactate", 8, 10), value("lactate", 9, 6), value("lactate", 1.5, 3))
    found = judged(tmp_path, twice, LACTATE | {"which": "any"})
    assert found.measurement_ids == (twice.measurements[1].measurement_id,), "the newest that is"
    low = record(value("lactate", 1, 6), value("lactate", 1.5, 3))
    found = judged(tmp_path, low, LACTATE | {"which": "any"})
    assert (found.status, found.measurement_ids) == ("not met", (low.measurements[1].measurement_id,))
    assert found.reason == "Lactate 1.5 mmol/L 3 h before, needed: above 2 mmol/L (any of 2 in the 24 h before)"


def test_values_of_one_time_that_disagree_leave_it_unknown(tmp_path):
    chart = record(value("lactate", 1.5, 3), value("lactate", 9, 3))
    found = judged(tmp_path, chart, LACTATE)
    assert found.status == "unknown"
    assert set(found.measurement_ids) == {one.measurement_id for one in chart.measurements}
    assert found.reason == "Lactate 1.5 mmol/L and 9 mmol/L at one time 3 h before, needed: above 2 mmol/L"


def test_units_of_the_card_and_of_the_value_are_those_of_the_signal(tmp_path):
    urea = {"kind": "value", "signal": "urea_nitrogen", "above": 7, "unit": "mmol/L", "within_hours": 24}
    assert judged(tmp_path, record(value("urea_nitrogen", 19.6, 3)), urea).status == "not met"  # 7 x 2.8011 = 19.6077
    assert judged(tmp_path, record(value("urea_nitrogen", 19.7, 3)), urea).status == "met"
    fever = {"kind": "value", "signal": "temperature", "at_least": 100.4, "unit": "°F", "within_hours": 24}
    assert judged(tmp_path, record(value("temperature", 38.0, 3)), fever).status == "met"
    assert judged(tmp_path, record(value("temperature", 37.9, 3)), fever).status == "not met"
    other = value("lactate", 45, 3, unit="mg/dL")  # 45 mg/dL are 5 mmol/L
    assert judged(tmp_path, record(other), LACTATE).status == "met"
    found = judged(tmp_path, record(value("lactate", 9, 3, unit="furlongs")), LACTATE)
    assert (found.status, found.measurement_ids) == ("unknown", ())
    assert "1 passed over that cannot be read" in found.reason


def test_a_number_that_is_none_is_no_value(tmp_path):
    for number in (float("nan"), float("inf")):
        assert judged(tmp_path, record(value("lactate", number, 3)), LACTATE).status == "unknown"


def test_a_verbal_response_of_one_may_be_a_tube_and_is_passed_over(tmp_path):
    rule = {"kind": "value", "signal": "gcs_verbal", "below": 5, "within_hours": 24, "readable_from": 2}
    assert judged(tmp_path, record(value("gcs_verbal", 1, 3)), rule).status == "unknown"
    assert judged(tmp_path, record(value("gcs_verbal", 4, 6), value("gcs_verbal", 1, 3)), rule).status == "met"
    assert judged(tmp_path, record(value("gcs_verbal", 2, 3)), rule).status == "met"
    assert judged(tmp_path, record(value("gcs_verbal", 5, 3)), rule).status == "not met"


# ---- changes and facts --------------------------------------------------------------------------------------


def test_a_rise_is_of_the_latest_value_over_the_lowest_earlier_one(tmp_path):
    rule = {"kind": "rise", "signal": "creatinine", "by_at_least": 0.3, "unit": "mg/dL", "within_hours": 48}
    chart = record(value("creatinine", 1.4, 40), value("creatinine", 1.0, 20), value("creatinine", 1.3, 2))
    found = judged(tmp_path, chart, rule)
    assert (found.status, found.measurement_ids) == (
        "met",
        (chart.measurements[1].measurement_id, chart.measurements[2].measurement_id),
    )
    both = record(value("creatinine", 1.0, 20), value("creatinine", 1.1, 2), value("creatinine", 1.9, 2))
    assert (judged(tmp_path, both, rule).status, len(judged(tmp_path, both, rule).measurement_ids)) == ("unknown", 3)
    falling = record(value("creatinine", 1.4, 40), value("creatinine", 1.0, 2))
    assert judged(tmp_path, falling, rule).status == "not met"
    assert (
        judged(tmp_path, record(value("creatinine", 1.0, 20), value("creatinine", 1.29, 2)), rule).status == "not met"
    )
    alone = judged(tmp_path, record(value("creatinine", 3, 2)), rule)
    assert (alone.status, len(alone.measurement_ids)) == ("unknown", 1)
    too_old = record(value("creatinine", 1.0, 49), value("creatinine", 3, 2))
    assert judged(tmp_path, too_old, rule).status == "unknown"
    known_late = record(value("creatinine", 1.0, 20), value("creatinine", 3, 2, known=0))
    assert judged(tmp_path, known_late, rule).status == "unknown"


def test_a_rise_by_a_factor(tmp_path):
    rule = {"kind": "rise", "signal": "creatinine", "factor_at_least": 1.5, "within_hours": 168}
    assert judged(tmp_path, record(value("creatinine", 1.0, 100), value("creatinine", 1.5, 2)), rule).status == "met"
    assert (
        judged(tmp_path, record(value("creatinine", 1.0, 100), value("creatinine", 1.4, 2)), rule).status == "not met"
    )


def test_an_admission_fact_is_met_at_its_threshold_and_unknown_where_it_is_not_recorded(tmp_path):
    rule = {"kind": "fact", "fact": "age, years", "at_least": 65}
    for age, status in ((65.0, "met"), (64.99, "not met"), (None, "unknown"), ("65", "unknown")):
        assert judged(tmp_path, record(static={"age, years": age}), rule).status == status
    assert judged(tmp_path, record(), rule).status == "unknown"
    assert judged(tmp_path, record(static={"age, years": 71.25}), rule).reason == (
        "age 71.25 years by the admission facts, needed: at least 65"
    )


# ---- words --------------------------------------------------------------------------------------------------


def test_words_are_met_or_not_met_by_what_the_newest_document_says(tmp_path):
    older = note("b", "Patient is confused. Slept well.", 20)
    newer = note("a", "Slept well. No confusion today.", 5, known=21)
    found = judged(tmp_path, record(notes=[older]), CONFUSED)
    assert found.status == "met"
    assert [(one.doc_id, older.text[one.start : one.end]) for one in found.spans] == [("b", "Patient is confused.")]
    found = judged(tmp_path, record(notes=[older, newer]), CONFUSED)
    assert (found.status, found.reason) == ("not met", "confused: denied by a document 5 h before")
    assert [(one.doc_id, newer.text[one.start : one.end]) for one in found.spans] == [("a", "No confusion today.")]
    found = judged(tmp_path, record(notes=[older, newer]), CONFUSED | {"which": "any"})
    assert (found.status, found.spans[0].doc_id) == ("met", "b")
    assert judged(tmp_path, record(notes=[older, newer]), CONFUSED | {"says": "negated"}).status == "met"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Slept well.", "confused: nothing found in the documents"),
        ("Possible confusion.", "confused: named in doubt only"),
        ("Mother was confused.", "confused: nothing found in the documents"),
        ("History of confusion.", "confused: nothing found in the documents"),
        ("Patient is confused. Later: no confusion.", "confused: affirmed and denied by one document 5 h before"),
    ],
)
def test_words_that_decide_nothing_leave_it_unknown(tmp_path, text, reason):
    found = judged(tmp_path, record(notes=[note("a", text, 5)]), CONFUSED)
    assert (found.status, found.reason) == ("unknown", reason)


def test_what_is_past_counts_where_the_rule_says_so(tmp_path):
    chart = record(notes=[note("a", "History of confusion.", 5)])
    assert judged(tmp_path, chart, CONFUSED | {"past": True}).status == "met"


def test_a_document_known_late_or_older_than_the_window_is_not_read(tmp_path):
    for late in (note("a", "Patient is confused.", 5, known=0), note("a", "Patient is confused.", 49)):
        found = judged(tmp_path, record(notes=[late]), CONFUSED)
        assert (found.status, found.spans) == ("unknown", ())
    assert judged(tmp_path, record(notes=[note("a", "Patient is confused.", 48)]), CONFUSED).status == "met"
    whole = {"kind": "words", "terms": ["confused"]}
    assert judged(tmp_path, record(notes=[note("a", "Patient is confused.", 4900)]), whole).status == "met"


def test_a_concept_is_looked_for_by_all_its_terms_and_not_where_it_means_something_else(tmp_path):
    rule = {"kind": "words", "concept": "pneumonia"}
    for text, status in (
        ("There is left lower lobe consolidation.", "met"),
        ("No pneumonia is seen.", "not met"),
        ("No infiltrate is seen.", "unknown"),
        ("Medication consolidation done.", "unknown"),
    ):
        assert judged(tmp_path, record(notes=[note("a", text, 5)]), rule).status == status, text


def test_who_is_denied_a_part_is_not_denied_the_whole(tmp_path):
    rule = {"kind": "words", "terms": ["heart failure", "chf"], "also": ["pulmonary edema"], "which": "any"}
    for text, status in (
        ("No pulmonary edema.", "unknown"),
        ("Pulmonary edema.", "met"),
        ("No CHF.", "not met"),
        ("CHF. No pulmonary edema.", "met"),
    ):
        assert judged(tmp_path, record(notes=[note("a", text, 5)]), rule).status == status, text


def test_a_limit_of_care_is_no_denial_of_what_is_given():
    for text, status in (("Care Limitation: No vasopressors.", "unknown"), ("No vasopressors needed.", "not met")):
        chart = record(notes=[note("a", text, 5)])
        found = {one.criterion_id: one for one in checklist(chart, load_task("los_48h"), load_card("los_48h"))}
        assert (found["vasopressors"].status, "unless" in found["vasopressors"].reason) == (status, False)


def test_a_value_that_is_asked_two_things_is_told_once(tmp_path):
    rates = [{"kind": "value", "signal": "respiratory_rate", side: number, "unit": "insp/min", "within_hours": 24}
             for side, number in (("at_most", 8), ("at_least", 25))]  # fmt: skip
    rule = {"kind": "any_of", "rules": rates}
    assert judged(tmp_path, record(value("respiratory_rate", 13, 2)), rule).reason == (
        "Respiratory rate 13 insp/min 2 h before, needed: at most 8 insp/min or at least 25 insp/min"
    )
    assert judged(tmp_path, record(), rule).reason == "no value of Respiratory rate in the 24 h before"
    other = {"kind": "all_of", "rules": [rates[0], LACTATE]}
    assert judged(tmp_path, record(value("respiratory_rate", 8, 2), value("lactate", 3, 2)), other).reason == (
        "Respiratory rate 8 insp/min 2 h before, needed: at most 8 insp/min; "
        "Lactate 3 mmol/L 2 h before, needed: above 2 mmol/L"
    )


def test_an_index_report_that_the_policy_keeps_out_is_not_missed(tmp_path):
    assert judged(tmp_path, record(), {"kind": "words", "concept": "pneumonia"}).status == "unknown"
