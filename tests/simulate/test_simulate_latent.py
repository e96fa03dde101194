"""The latent course and the writer, each against what it promises."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.source.simulate.latent import ACUITY, DIMENSIONS, HORIZON_HOURS, RECOVERY, Course, course, outlook
from xhaim.source.simulate.layout import times_as_text
from xhaim.source.simulate.patients import admission, patient
from xhaim.source.simulate.schedule import SETS, SIGNALS, clock, root_of_correlation
from xhaim.source.simulate.studies import FLIPPED, draw_label, finding_risk
from xhaim.source.simulate.values import scores
from xhaim.source.simulate.writing import LINE, STYLES, Reader, Scribe, expand


def test_outlook_is_the_share_of_courses_that_end_so():
    """An outlook at admission to intensive care against 800 courses drawn from there."""
    base = np.zeros(len(DIMENSIONS))
    start = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.6, -0.2])
    rng = np.random.default_rng(0)
    drawn = [course(base, start, 0, rng, mortal=True) for _ in range(800)]
    soon = [stay.end <= HORIZON_HOURS for stay in drawn]
    died = np.mean([near and stay.died for near, stay in zip(soon, drawn, strict=True)])
    home = np.mean([near and not stay.died for near, stay in zip(soon, drawn, strict=True)])
    death, discharge = outlook(drawn[0], 0)
    assert died == pytest.approx(death, abs=4 * (death * (1 - death) / 800) ** 0.5 + 0.01)
    assert home == pytest.approx(discharge, abs=4 * (discharge * (1 - discharge) / 800) ** 0.5 + 0.01)


@given(acuity=st.floats(-3, 3), recovery=st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_outlook_is_a_probability_and_acuity_raises_death(acuity, recovery):
    def at(level: float) -> tuple[float, float]:
        states = np.zeros((1, len(DIMENSIONS)))
        states[0, ACUITY], states[0, RECOVERY] = level, recovery
        return outlook(Course(states, np.zeros(len(DIMENSIONS)), None, None, 0, False), 0)

    death, home = at(acuity)
    assert min(death, home) >= 0
    assert death + home <= 1
    assert at(acuity + 0.5)[0] > death


def test_an_outlook_does_not_look_ahead():
    rng = np.random.default_rng(3)
    who = patient(0, rng)
    stay = admission(who, 1, 1, datetime(2150, 1, 1), rng, mortal=True).course
    hour = (stay.icu_in or 0) + 2
    states = stay.states.copy()
    states[hour + 1 :] = 9.0
    changed = Course(states, stay.base, stay.icu_in, stay.icu_out, stay.end, not stay.died)
    assert outlook(stay, hour) == outlook(changed, hour)


def test_labels_are_positive_as_often_as_promised():
    rng = np.random.default_rng(0)
    for severity in (-0.5, 0.6, 1.2):
        risk = finding_risk("effusion", severity)
        labels = [draw_label(risk, rng) for _ in range(6000)]
        known = [label for label in labels if label in (0, 1)]
        assert np.mean(known) == pytest.approx(FLIPPED + (1 - 2 * FLIPPED) * risk, abs=0.03)
        assert 0.6 < len(known) / len(labels) < 0.85


@given(
    style=st.sampled_from(STYLES),
    seed=st.integers(0, 10_000),
    words=st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_spans_hold_after_styles_typing_errors_and_line_breaks(style, seed, words):
    scribe = Scribe(np.random.default_rng(seed), reader=Reader(style))
    first = scribe.say(
        "a",
        ["There is a pleural effusion on the left."],
        concept="x",
        polarity="affirmed",
        organ="Pleura",
        lead="\nFINDINGS: ",
    )
    filler = scribe.say("b", [" ".join(words) + "."], lead=" ")
    copy = scribe.say("a", ["Never."], copy=1.0, concept="x", polarity="affirmed")
    text, (one, two) = scribe.finish([first, filler, copy])
    quotes = [text[span.start : span.end].replace("\n", " ") for span in (one, two)]
    assert quotes == [first.text, first.text]
    assert [one.is_copy, two.is_copy] == [False, True]
    assert all(len(line) <= LINE or " " not in line for line in text.split("\n"))


def test_the_grammar_chooses_and_counts():
    rng = np.random.default_rng(0)
    said = {expand("a <b|c|<2..4> d>.", rng) for _ in range(200)}
    assert {"a b.", "a c."} < said
    assert said <= {"a b.", "a c.", "a 2 d.", "a 3 d.", "a 4 d."}
    assert {len(expand("<1.0..2.9>", rng)) for _ in range(20)} == {3}


def test_scores_hang_together_as_calibrated_and_are_of_unit_variance():
    """Scores of many patients' first hours against the calibrated correlations, where no severity speaks."""
    rng = np.random.default_rng(0)
    root = root_of_correlation()
    assert np.diag(root @ root.T) == pytest.approx(np.ones(len(SIGNALS)))
    drawn = []
    for number in range(300):
        who = patient(number, rng)
        drawn.append(scores(admission(who, 1, 1, datetime(2150, 1, 1), rng, mortal=True), rng)[3])
    z = np.array(drawn)
    assert abs(z.mean()) < 0.1
    assert 0.7 < z.std() < 1.3
    at = SIGNALS.index
    assert np.corrcoef(z[:, at("hemoglobin")], z[:, at("hematocrit")])[0, 1] > 0.6
    assert abs(np.corrcoef(z[:, at("hemoglobin")], z[:, at("chloride")])[0, 1]) < 0.5


@pytest.mark.parametrize("name", list(SETS))
def test_a_clock_stays_within_its_hours_and_a_less_watched_patient_is_measured_less(name):
    rng = np.random.default_rng(0)
    usual = [clock(name, 3.0, 75.0, 1.0, 17, rng) for _ in range(150)]
    fewer = [clock(name, 3.0, 75.0, 0.5, 17, rng) for _ in range(150)]
    for times in usual:
        assert (np.diff(times.minutes) > 0).all()
        assert len(times.minutes) == len(times.whole)
        assert ((times.minutes >= 180) & (times.minutes < 4500)).all()
    assert sum(len(t.minutes) for t in fewer) < 0.75 * sum(len(t.minutes) for t in usual)


def test_a_stay_without_any_time_of_a_table_writes_no_row():
    start = datetime(2150, 1, 1)
    assert times_as_text(start, np.array([], dtype=np.int64)) == []
    assert times_as_text(start, np.array([0, 61])) == ["2150-01-01 00:00:00", "2150-01-01 01:01:00"]
