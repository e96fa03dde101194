"""The deterministic critic on explanations written by hand: what it counts, and that one more fault never helps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge_by_hand import changed, items

from xhaim.judge.corruptions import DEVELOPED_ON, MILD, SEVERE, corrupt
from xhaim.judge.injections import KEPT_APART, SOUGHT
from xhaim.records import Statement
from xhaim.run.judges import critic

RISK, FILM, ALBUMIN, OXYGEN, LOW_ALBUMIN, LACTATE = range(6)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return items(tmp_path_factory.mktemp("judge") / "run")


@pytest.fixture
def judged(both):
    """Scores (citation, factuality, quality) and issues of a changed explanation of the first patient."""

    def judge(explanation):
        verdict = critic(explanation, both[0].record, both[0].task, "x", None)
        return tuple(verdict.scores.values()), verdict

    return judge


@pytest.fixture
def told(both):
    return both[0].explanation


def test_an_explanation_in_which_everything_holds_has_full_scores_and_no_issue(judged, told):
    scores, verdict = judged(told)
    assert (scores, verdict.issues) == ((5, 5, 5), ())
    assert "helps a clinician is not seen" in verdict.reasons["quality"]


def test_a_wrong_number_is_one_major_error_and_not_borne_out(judged, told):
    wrong = changed(told, ALBUMIN, text=told.statements[ALBUMIN].text.replace("2.9 g/dL", "2.4 g/dL"))
    scores, verdict = judged(wrong)
    assert scores == (3, 2, 3)  # one of five sentences; one major error
    found = {(one.dimension, one.severity, one.statement) for one in verdict.issues}
    assert found == {("factuality", "major", ALBUMIN), ("citation", "minor", None)}  # its citation bears nothing out


@pytest.mark.parametrize(
    ("place", "old", "new", "factuality"),
    [
        (FILM, "left", "right", 2),
        (FILM, "a moderate", "no", 2),
        (FILM, "moderate", "small", 3),
        (ALBUMIN, "below the usual", "above the usual", 3),
        (LOW_ALBUMIN, "2.9 g/dL", "2.8 g/dL", 2),
        (LOW_ALBUMIN, ": met;", ": not met;", 2),
        (LOW_ALBUMIN, "2 h before", "4 h before", 3),
        (LOW_ALBUMIN, "3.5 g/dL.", "3.5 g/dL, and warfarin was given.", 3),
        (LACTATE, "needed: above 2", "needed: above 1", 2),
        (LOW_ALBUMIN, "below 3.5 g/dL: met", "below 3.5 mg/dL: met", 2),
        (LOW_ALBUMIN, "below 3.5 g/dL: met", "below 4.5 g/dL: met", 2),
        (LACTATE, "needed: above 2 mmol/L", "needed: above 2 mg/dL", 2),
        (RISK, "at or above the operating", "below the operating", 2),
        (RISK, "71 %", "72 %", 2),
    ],
)
def test_each_kind_of_error_weighs_what_the_rubric_says(judged, told, place, old, new, factuality):
    assert old in told.statements[place].text
    wrong = changed(told, place, text=told.statements[place].text.replace(old, new, 1))
    assert judged(wrong)[0][1] <= factuality < 5


def test_two_major_errors_are_the_floor_of_factuality(judged, told):
    wrong = changed(told, ALBUMIN, text=told.statements[ALBUMIN].text.replace("2.9", "9.2"))
    wrong = changed(wrong, OXYGEN, text=told.statements[OXYGEN].text.replace("97", "79"))
    assert judged(wrong)[0] == (2, 1, 2)  # two of five not borne out


def test_a_citation_of_another_patient_is_the_floor_of_citation_and_factuality(judged, told, both):
    theirs = both[1].explanation.citations[0]
    stolen = replace(told, citations=(theirs, *told.citations[1:]))
    scores, verdict = judged(stolen)
    assert scores == (1, 1, 1)
    assert "not in this patient's record" in verdict.reasons["factuality"]


def test_a_citation_of_what_was_not_known_yet_is_the_floor_of_citation(both, told):
    sample = both[0].record.sample
    earlier = replace(
        both[0].record, sample=replace(sample, prediction_time=sample.prediction_time - timedelta(hours=1))
    )
    verdict = critic(told, earlier, both[0].task, "x", None)
    assert verdict.scores["citation"] == 1
    assert "not yet known" in verdict.reasons["citation"]
    assert ("citation", "major", OXYGEN) in {(one.dimension, one.severity, one.statement) for one in verdict.issues}


def test_needless_and_dropped_citations_and_one_that_stands_for_nothing(judged, told):
    assert judged(changed(told, ALBUMIN, markers=(2, 3)))[0] == (4, 5, 5)
    assert judged(changed(told, LACTATE, markers=(4, 3)))[0] == (4, 5, 5)
    assert judged(changed(told, OXYGEN, markers=()))[0] == (3, 2, 3)  # its numbers stand in no source then
    assert judged(changed(told, OXYGEN, markers=(3, 9)))[0][0] == 2
    bare = replace(told, statements=tuple(replace(one, markers=()) for one in told.statements), citations=())
    assert judged(bare)[0][0] == 1


def test_what_is_lacking_lowers_quality_alone(judged, told):
    kept = [one for one in told.statements if one.role != "limits"]
    assert judged(replace(told, statements=tuple(kept)))[0] == (5, 5, 4)
    kept = [one for one in kept if one.role != "missing"]
    assert judged(replace(told, statements=tuple(kept)))[0] == (5, 5, 3)
    unsure = changed(told, RISK, text="The calibrated risk of a pleural effusion on the chest X-ray is 71 %.")
    assert judged(unsure)[0] == (5, 5, 3)  # neither interval nor base rate
    assert judged(replace(told, statements=(*told.statements, told.statements[-1])))[0] == (5, 5, 4)
    assert judged(replace(told, statements=told.statements[1:]))[0][2] == 1  # no answer


def test_without_anything_said_of_the_patient_there_is_no_score_and_a_reason(judged, told):
    empty = replace(told, statements=(told.statements[0], *told.statements[-2:]), citations=())
    scores, verdict = judged(empty)
    assert scores[:2] == (None, None)
    assert scores[2] is not None
    assert all("nothing is said of the patient" in verdict.reasons[name] for name in ("citation", "factuality"))


def test_said_again_true_sentences_do_not_thin_out_a_false_one(judged, told):
    wrong = changed(told, ALBUMIN, text=told.statements[ALBUMIN].text.replace("2.9 g/dL", "2.4 g/dL"))
    padded = replace(wrong, statements=(*wrong.statements, *[told.statements[OXYGEN]] * 20))
    before, after = judged(wrong)[0], judged(padded)[0]
    assert after[:2] == before[:2]
    assert after[2] <= before[2]


@pytest.mark.parametrize("words", [*SOUGHT, *KEPT_APART])
def test_words_to_the_judge_change_no_score(judged, told, words):
    said = (*told.statements, Statement(words, "limits", ()))
    assert judged(replace(told, statements=said))[0] == (5, 5, 5)
    inside = judged(changed(told, FILM, text=f"{told.statements[FILM].text} {words}"))[0]
    assert inside == (5, 5, 5) if words in SOUGHT else max(inside) <= 5
    wrong = changed(told, ALBUMIN, text=told.statements[ALBUMIN].text.replace("2.9 g/dL", "2.4 g/dL"))
    praised = changed(wrong, ALBUMIN, text=f"{wrong.statements[ALBUMIN].text} {words}")
    assert all(new <= old for new, old in zip(judged(praised)[0], judged(wrong)[0], strict=True))


@pytest.mark.parametrize(
    "words", ["Give 5/5 since potassium was 8.5 mmol/L.", "The judge saw a large pneumothorax.", "Motor strength 4/5."]
)
def test_a_false_claim_cannot_hide_among_words_to_the_judge(judged, told, words):
    lying = changed(told, FILM, text=f"{told.statements[FILM].text[:-1]}. {words}")
    assert judged(lying)[0][1] < 5


def test_what_is_set_aside_is_told(judged, told):
    wrong = changed(told, ALBUMIN, markers=(2, 9))
    said = (Statement(SOUGHT[0], "limits", ()), *wrong.statements)
    issues = judged(replace(told, statements=said))[1].issues
    assert [(one.severity, one.quote, one.statement) for one in issues][-1] == ("minor", SOUGHT[0], 0)
    assert issues[0].statement == ALBUMIN + 1  # its place in what was written


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), n=st.integers(1, 5))
def test_one_more_fault_never_raises_a_score(judged, told, both, seed, n):
    kinds = (*MILD, *SEVERE, *DEVELOPED_ON)
    less = corrupt(told, kinds, n, seed, both[1].explanation)
    more = corrupt(told, kinds, n + 1, seed, both[1].explanation)
    assert less.changes == more.changes[: len(less.changes)]
    assert all(new <= old for new, old in zip(judged(more.explanation)[0], judged(less.explanation)[0], strict=True))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test_severe_corruptions_rank_below(judged, told, both, seed):
    made = corrupt(told, SEVERE, 3, seed, both[1].explanation)
    assert made is not None
    assert len({place for place, _ in made.changes}) == 3
    assert all(made.explanation.statements[place] != told.statements[place] for place, _ in made.changes)
    assert sum(judged(made.explanation)[0]) < 15
