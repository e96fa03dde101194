"""What the clinic's pages are made of: scores, questions, drift and plots, against examples and plain references."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.config import RetrieveSettings
from xhaim.records import Document, Measurement, Record, Sample
from xhaim.serve.clinic import news2 as news
from xhaim.serve.clinic.ask import ask
from xhaim.serve.clinic.drift import psi
from xhaim.serve.clinic.papers import papers
from xhaim.serve.clinic.stay_plot import stay_plot
from xhaim.serve.clinic.stay_risk import GROUPS, Step
from xhaim.serve.clinic.taken_out import without_words
from xhaim.serve.kept import Kept

T = datetime(2150, 1, 2, 12)


def value(signal, number, hours=1.0, late=0.0):
    time = T - timedelta(hours=hours)
    return Measurement(f"{signal}@{hours}", signal, signal, number, None, time, time + timedelta(hours=late))


def record(*texts, measurements=()):
    documents = tuple(
        Document(f"d{n}", "nursing", f"Note {n}", text, T - timedelta(hours=9 - n), T - timedelta(hours=9 - n))
        for n, text in enumerate(texts)
    )
    return Record(Sample("1-x", 1, 2, 3, T), {}, documents, tuple(measurements), ())


# ---- NEWS2: the chart of the Royal College of Physicians, 2017 ---------------------------------------------------

CHART = {
    "respiratory_rate": {8: 3, 9: 1, 11: 1, 12: 0, 20: 0, 21: 2, 24: 2, 25: 3},
    "spo2": {91: 3, 92: 2, 93: 2, 94: 1, 95: 1, 96: 0},
    "sbp_noninvasive": {90: 3, 91: 2, 100: 2, 101: 1, 110: 1, 111: 0, 219: 0, 220: 3},
    "heart_rate": {40: 3, 41: 1, 50: 1, 51: 0, 90: 0, 91: 1, 110: 1, 111: 2, 130: 2, 131: 3},
    "temperature": {35.0: 3, 35.1: 1, 36.0: 1, 36.1: 0, 38.0: 0, 38.1: 1, 39.0: 1, 39.1: 2},
    "fio2": {21: 0, 28: 2},
}


@pytest.mark.parametrize(
    ("signal", "number", "points"), [(s, n, p) for s, rows in CHART.items() for n, p in rows.items()]
)
def test_news2_scores_as_its_chart(signal, number, points):
    found = news.news2([value(signal, number)], T)
    assert found.points == points
    assert len(found.lacking) == 6


def test_news2_takes_the_latest_fresh_value_that_was_known():
    values = [
        value("heart_rate", 140, 3),
        value("heart_rate", 70, 2),
        value("heart_rate", 35, 1, late=2),
        value("spo2", 80, 25),
    ]
    assert news.news2(values, T).parts == {"pulse": 0}
    assert news.news2([value("spo2", 80, 25)], T) is None


def test_news2_counts_consciousness_only_where_it_is_known():
    assert news.news2([value("gcs_eye", 3)], T).parts == {"consciousness": 3}
    assert "consciousness" in news.news2([value("gcs_eye", 4), value("spo2", 99)], T).lacking
    whole = [value("gcs_eye", 4), value("gcs_verbal", 5), value("gcs_motor", 6)]
    assert news.news2(whole, T).parts == {"consciousness": 0}


# ---- questions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("Is there a pleural effusion?", ["No pleural effusion is seen.", "A small left pleural effusion is present."]),
        ("Was a pneumothorax seen?", []),
        ("effusions?", ["No pleural effusion is seen.", "A small left pleural effusion is present."]),
        ("and the of is?", []),
        ("", []),
    ],
)
def test_without_an_encoder_a_question_is_answered_by_its_words(question, answers):
    held = record("A small left pleural effusion is present. The heart is enlarged.", "No pleural effusion is seen.")
    found = ask(question, held, None, RetrieveSettings())
    assert [one.text for one in found.sentences] == answers
    assert all(held.documents[one.number].text[one.start : one.end] == one.text for one in found.sentences)


def test_of_several_questions_each_is_answered_or_said_to_be_silent():
    held = record("A small effusion is present.", measurements=[value("Lactate", 4.2)])
    found = ask("Is there an effusion? What was the lactate? Any psoriasis?", held, None, RetrieveSettings())
    assert [one.text for one in found.sentences] == ["A small effusion is present."]
    assert found.value_ids == ("Lactate@1.0",)
    assert found.unanswered == ("Any psoriasis",)
    assert not found.silent


def test_a_failing_encoder_leaves_the_words():
    from xhaim.errors import BackendError

    def broken(texts):
        raise BackendError("no answer")

    found = ask("Is there an effusion?", record("A small effusion is present."), broken, RetrieveSettings())
    assert len(found.sentences) == 1
    assert not found.dense


def test_what_is_copied_forward_is_shown_where_it_is_newest():
    found = ask("effusion", record(*["A small effusion is present."] * 3), None, RetrieveSettings())
    assert [one.number for one in found.sentences] == [2]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.lists(st.text(max_size=120), max_size=3))
def test_any_question_to_any_record_quotes_the_record(question, texts):
    held = record(*texts)
    for one in ask(question, held, None, RetrieveSettings()).sentences:
        assert held.documents[one.number].text[one.start : one.end] == one.text


# ---- documents ------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.text(max_size=12))
def test_a_search_changes_no_letter_of_a_document(text, search):
    found = papers(record(text), [], search, "0")
    assert "".join(piece.text for piece in found[0].pieces) == text


def test_a_search_wants_every_word_and_marks_each():
    held = record("Effusion on the left. EFFUSION again.", "Only the left.")
    found = papers(held, [], "left effusion", "")
    assert [one.address for one in found] == ["0"]
    assert found[0].found == 3


# ---- drift, words, memory -------------------------------------------------------------------------------------


def test_psi_is_the_formula_with_a_bin_for_what_is_missing():
    before, now = np.array([0.0, 1.0] * 10), np.array([1.0] * 5 + [np.nan] * 5)
    shares = [np.array([10.5, 10.5, 0.5]) / 21.5, np.array([0.5, 5.5, 5.5]) / 11.5]
    expected = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    assert psi(before, now)[0] == pytest.approx(expected)
    assert psi(before, before)[0] == 0
    assert psi(before, now)[1] == pytest.approx(2 * (1 / 20 + 1 / 10))


def test_psi_by_chance_is_what_chance_gives():
    rng = np.random.default_rng(0)
    found = [psi(rng.normal(size=200), rng.normal(size=80)) for _ in range(300)]
    assert np.mean([one[0] for one in found]) == pytest.approx(found[0][1], rel=0.15)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.71, 0.49, "would be 49 % (\N{MINUS SIGN}22 points), still at or above the operating point of 40 %."),
        (0.45, 0.30, "would be 30 % (\N{MINUS SIGN}15 points), below the operating point of 40 %."),
        (0.30, 0.45, "would be 45 % (+15 points), at or above the operating point of 40 %."),
        (0.30, 0.307, "would be 31 % (+0.7 points), still below"),
        (0.30, 0.304, "stays 30 %: no measurable effect"),
    ],
)
def test_what_is_taken_out_is_said_in_points_and_by_side(before, after, said):
    assert said in without_words(before, after, 0.4, {3, 1})
    assert without_words(before, after, 0.4, {3, 1}).startswith("Without [1] [3] ")


def test_only_the_last_few_things_are_kept():
    kept, made = Kept(2), []
    for key in "abacab":
        kept.get(key, lambda key=key: made.append(key))
    assert "".join(made) == "abcb"


def step(hours, risk, moved=(), low=0.1, high=0.9):
    return Step(T + timedelta(hours=hours), risk, low, high, tuple(zip(GROUPS, moved, strict=False)), (), 0, None)


def test_the_plot_of_a_stay_holds_each_risk_until_the_next():
    plot = stay_plot([step(0, 0.2), step(10, 0.4, (0.1, 0.1, 0.0)), step(20, 0.3, (0.0, -0.1, 0.0))], 0.35)
    numbers = [tuple(map(float, pair.split())) for pair in plot.line.removeprefix("M").split("L")]
    xs, ys = [x for x, _ in numbers], [y for _, y in numbers]
    assert xs == sorted(xs)
    assert ys[0] == ys[1]
    assert ys[2] == ys[3]
    assert [way for _, _, way, _ in plot.points] == ["same", "up", "down"]
    assert [row.change for row in plot.rows] == ["\N{MINUS SIGN}10.0", "+20.0", ""]
    assert plot.rows[0].moved == ("notes and reports \N{MINUS SIGN}10.0",)


def test_a_plot_without_intervals_or_of_one_time_is_drawn():
    assert stay_plot([step(0, 0.2, low=None, high=None)], 0.35).band == ""
    assert stay_plot([step(0, 1.0)], 1.0).points
