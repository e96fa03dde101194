"""HAIM as published, leak by leak and quirk by quirk, from examples by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from xhaim.cohort.guard import admissible
from xhaim.cohort.stays import stays
from xhaim.modality import haim_published
from xhaim.modality.haim_films import dense, leaky_weights, probabilities
from xhaim.modality.haim_notes import mean_vector, pieces
from xhaim.modality.measurements import values
from xhaim.records import Document

T = "2150-01-02T12:00:00"
START = datetime(2150, 1, 1)
STAY = (
    {"code": "HOSPITAL_ADMISSION//URGENT", "time": "2150-01-01T00:00:00", "hadm_id": 100},
    {"code": "ICU_ADMISSION//MICU", "time": "2150-01-01T06:00:00", "hadm_id": 100, "stay_id": 10},
    {"code": "ICU_DISCHARGE//MICU", "time": "2150-01-05T00:00:00", "hadm_id": 100, "stay_id": 10},
)
CODES = pl.DataFrame(
    [
        ("LAB//50912//mg/dL", "Creatinine (Blood, Chemistry)"),
        ("LAB//50931//mg/dL", "Glucose (Blood, Chemistry)"),
        ("LAB//51478//mg/dL", "Glucose (Urine, Hematology)"),
        ("LAB//52024//mg/dL", "Creatinine, Whole Blood (Blood, Blood Gas)"),
        ("LAB//51009//ug/mL", "Vancomycin (Blood, Chemistry)"),
        ("LAB//heartbreak", None),
        ("CHART//220045//bpm", "Heart Rate"),
        ("CHART//220050//mmHg", "Arterial Blood Pressure systolic"),
        ("PROCEDURE//224385", "Intubation"),
        ("RACE//ASIAN", None),
        ("RACE//BLACK/AFRICAN AMERICAN", None),
        ("RACE//UNK", None),
        ("RACE//WHITE", None),
        ("GENDER//F", None),
        ("GENDER//M", None),
    ],
    schema=["code", "description"],
    orient="row",
)


def lab(value, time, known_at=None, code="LAB//50912//mg/dL", **more):
    row = {"code": code, "numeric_value": value, "time": time, "hadm_id": 100, "unit": code.split("//")[-1]}
    return {**row, "known_at": known_at or time, **more}


@pytest.fixture
def series(events, samples):
    """The statistics of one sample whose rows are given, by column."""

    def of(*rows, keys=None):
        mine = events(*STAY, *rows)
        keys = haim_published.keys_of(samples() if keys is None else keys, stays(mine))
        found = haim_published.leaky_series(mine, keys, haim_published.wanted_codes(CODES))
        return {name: column for frame in found.values() for name, column in frame.row(0, named=True).items()}

    return of


def test_the_eleven_sources_have_haims_widths(events, samples):
    mine = events(*STAY, lab(1.0, "2150-01-02T11:00:00"))
    two = samples({"sample_id": "b"}, {"sample_id": "a"})
    keys = haim_published.keys_of(two, stays(mine))
    found = haim_published.leaky_series(mine, keys, haim_published.wanted_codes(CODES))
    assert {name: frame.shape for name, frame in found.items()} == {
        "chart": (2, 99), "lab": (2, 242), "procedure": (2, 110)
    }  # fmt: skip
    assert haim_published.leaky_demographics(mine, keys, CODES).shape == (2, 6)
    assert dense(np.zeros((3, 64, 64), np.uint8)).shape == (3, 1024)


def test_a_value_stored_after_the_prediction_time_is_seen_and_by_the_guard_it_is_not(events, samples, series):
    late = lab(9.9, "2150-01-02T11:00:00", known_at="2150-01-02T13:00:00")
    assert series(late)["creatinine, max"] == pytest.approx(9.9, rel=1e-6)
    honest = admissible(events(*STAY, late, lab(1.1, "2150-01-02T10:00:00")), samples(), "admissible")
    assert values(honest)["value"].to_list() == [1.1]


def test_a_value_charted_at_the_prediction_time_is_seen_and_one_after_it_is_not(series):
    assert series(lab(9.0, T))["creatinine, max"] == 9
    assert series(lab(9.0, "2150-01-02T12:00:01"))["creatinine, max"] == 0


def test_procedures_after_the_prediction_time_are_seen_but_of_the_same_stay_alone(series):
    row = {"code": "PROCEDURE//224385", "time": "2150-01-04T12:00:00", "stay_id": 10, "numeric_value": 90.0}
    assert series(row)["intubation, max"] == 90
    assert series({**row, "stay_id": 11})["intubation, max"] == 0
    assert series({**row, "stay_id": None})["intubation, max"] == 90
    assert series({**row, "stay_id": None, "time": "2150-01-05T00:00:01"})["intubation, max"] == 0


def test_bedside_values_are_of_the_stay_and_laboratory_values_of_the_admission(series):
    chart = {"code": "CHART//220045//bpm", "time": "2150-01-02T08:00:00", "numeric_value": 80.0}
    assert series({**chart, "stay_id": 10})["heart_rate, max"] == 80
    assert series({**chart, "stay_id": 11})["heart_rate, max"] == 0
    assert series({**chart, "stay_id": 10, "time": T})["heart_rate, max"] == 80
    assert series({**chart, "stay_id": 10, "time": "2150-01-02T12:00:01"})["heart_rate, max"] == 0
    assert series(lab(2.0, "2150-01-02T08:00:00", hadm_id=99))["creatinine, max"] == 0
    assert series(lab(2.0, "2149-12-31T20:00:00"))["creatinine, max"] == 2
    assert series(lab(2.0, "2149-12-31T20:00:00", hadm_id=None))["creatinine, max"] == 0
    assert series(lab(2.0, "2150-01-01T03:00:00", hadm_id=None))["creatinine, max"] == 2


def test_tests_are_pooled_by_label_and_impossible_values_stay(series):
    hour = "2150-01-02T08:00:00"
    found = series(lab(1e6, hour, code="LAB//51478//mg/dL"), lab(90.0, hour, code="LAB//50931//mg/dL"))
    assert (found["glucose, max"], found["glucose, sum of absolute differences"]) == (1e6, 1e6 - 90 + 1e6)
    found = series(lab(3e38, hour), lab(float("inf"), hour), lab(float("nan"), hour))
    assert (found["creatinine, max"], found["creatinine, variance"]) == (1e38, 1e38)
    assert np.isfinite(np.float32(list(found.values()))).all()
    assert series(lab(3.0, hour, code="LAB//52024//mg/dL"))["creatinine, max"] == 0
    assert series(lab(15.0, hour, code="LAB//51009//ug/mL"))["vancomycin, max"] == 15


def test_a_zero_is_appended_and_the_order_is_that_of_the_laboratorys_ids(series):
    rows = (
        lab(1.0, "2150-01-01T08:00:00", source="hosp/labevents#30"),
        lab(4.0, "2150-01-01T09:00:00", source="hosp/labevents#4"),
        lab(2.0, "2150-01-01T10:00:00", source="hosp/labevents#100"),
    )
    found = series(*rows)  # 4, 1, 2, 0
    assert found["creatinine, min"] == 0
    assert found["creatinine, mean"] == pytest.approx(1.75)
    assert found["creatinine, last minus first"] == -4
    assert found["creatinine, sum of absolute differences"] == 6
    assert found["creatinine, peaks"] == 1
    assert found["creatinine, slope"] == pytest.approx(np.polyfit(range(4), [4, 1, 2, 0], 1)[0])
    assert series(*rows[::-1]) == found
    assert found["sodium, max"] == 0


def test_categories_are_places_in_the_stores_alphabet_and_age_is_by_calendar_years(events, samples):
    mine = events(
        *STAY,
        {"code": "MEDS_BIRTH", "time": "2080-06-01T00:00:00"},
        {"code": "GENDER//M"},
        {"code": "RACE//WHITE", "time": "2150-01-01T00:00:00", "hadm_id": 100},
        {"code": "RACE//ASIAN", "time": "2150-01-02T00:00:00", "hadm_id": 99},
        {"code": "LANGUAGE//UNK", "time": "2150-01-01T00:00:00", "hadm_id": 100},
        {"code": "INSURANCE//Medicare", "time": "2151-01-01T00:00:00", "hadm_id": 101},
    )
    codes = pl.concat([CODES, pl.DataFrame({"code": ["INSURANCE//Medicare"], "description": [None]})])
    keys = haim_published.keys_of(samples(), stays(mine))
    row = haim_published.leaky_demographics(mine, keys, codes).row(0, named=True)
    assert row["age"] == 70
    assert row["insurance (code)"] == row["marital status (code)"] == -1
    assert (row["sex (code)"], row["race (code)"], row["language (code)"]) == (1, 2, -1)


def test_the_index_report_is_seen_and_what_is_charted_later_or_of_another_admission_is_not(events, samples):
    note = {"code": "NOTE//radiology", "time": T, "known_at": "2150-01-02T15:00:00", "hadm_id": 100}
    mine = events(
        *STAY,
        {**note, "text_value": "index"},
        {**note, "text_value": "later", "time": "2150-01-02T12:00:01"},
        {**note, "text_value": "another", "hadm_id": 99, "time": "2150-01-01T08:00:00"},
        {**note, "text_value": "unnamed", "hadm_id": None, "time": "2150-01-01T08:00:00"},
        {**note, "text_value": "before", "hadm_id": None, "time": "2149-12-31T08:00:00"},
    )
    seen = haim_published.leaky_notes(mine, haim_published.keys_of(samples(), stays(mine)))
    assert sorted(seen["text_value"]) == ["index", "unnamed"]
    assert "index" not in admissible(mine, samples(), "admissible")["text_value"].to_list()


def words(text):
    return len(text.split())


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([200, 200], [[0, 1]]),
        ([510], [[0]]),
        ([200] * 6, [[0, 1], [2, 3]]),
        ([600], [[]]),
        ([100, 600, 100], [[0], [1]]),
        ([300, 210, 1], [[0, 1]]),
    ],
)
def test_long_notes_are_packed_by_line_and_the_last_pack_is_lost(lines, kept):
    texts = [" ".join([f"w{at}"] * n) for at, n in enumerate(lines)]
    assert pieces("\n".join(texts), words) == ["\n".join(texts[at] for at in some) for some in kept]


def note(hours, text):
    time = START + timedelta(hours=hours)
    return Document(text, "ecg", "", text, time, time)


@pytest.mark.parametrize(
    ("notes", "mean"),
    [
        ([(2, "3"), (6, "7")], (2 * 3 + 6 * 7) / 8),
        ([(2, "3 9"), (6, "7")], (2 * 3 + 2 * 9 + 6 * 7) / 10),  # each piece weighs what its note does
        ([(-1, "3"), (2, "7")], -3 + 14),  # before the admission: less than nothing
        ([(-2, "3"), (2, "7")], 0),
        ([(0, "3")], 0),
        ([], -5),  # the empty text has an embedding of its own
    ],
)
def test_notes_weigh_by_hours_since_admission(notes, mean):
    def embed(texts):
        return np.array([[float(text or -5), 1.0] for text in texts], np.float32)

    mine = [note(hours, text) for hours, text in notes]
    assert mean_vector(mine, START, str.split, embed)[0] == pytest.approx(mean)


def test_the_first_films_of_the_list_are_taken_with_the_times_of_others():
    start = START
    films = [(start + timedelta(hours=hours), f"t{hours}") for hours in (50, 2, 30, 7)]
    assert leaky_weights(films, start + timedelta(hours=10)) == [("t50", 0.0), ("t2", 1.0)]
    assert leaky_weights(films, start + timedelta(hours=30)) == [("t50", 0.0), ("t2", 1.0), ("t30", 5 / 28)]
    assert leaky_weights(films, start + timedelta(hours=2)) == []  # one film: HAIM's weight is no number
    assert leaky_weights(films[1:2] * 3, start + timedelta(hours=9)) == []
    assert leaky_weights([], start) == []


def test_films_are_listed_by_study_and_file_whenever_they_were_taken(events, samples):
    film = {"code": "IMAGE//CXR", "image_path": "x"}
    mine = events(
        *STAY,
        {**film, "study_id": 9, "source": "cxr#a", "time": "2150-01-01T08:00:00", "image_path": "third"},
        {**film, "study_id": 5, "source": "cxr#c", "time": "2150-01-09T08:00:00", "image_path": "second"},
        {**film, "study_id": 5, "source": "cxr#b", "time": T, "image_path": "first"},
        {**film, "study_id": 1, "source": "cxr#d", "time": T, "image_path": None},
    )
    listed = haim_published.leaky_films(mine, haim_published.keys_of(samples(), stays(mine)))
    assert listed["image_path"].to_list() == ["first", "second", "third"]


def test_an_image_as_its_own_dense_vector():
    image = np.zeros((1, 64, 64), np.uint8)
    image[0, :2, :2] = [[10, 20], [30, 40]]
    found = dense(image)
    assert found[0].mean() == pytest.approx(0, abs=1e-6)
    assert found[0].std() == pytest.approx(1, rel=1e-5)
    assert found[0].argmax() == 0
    assert len(np.unique(found)) == 2
    assert not dense(np.full((1, 64, 64), 7, np.uint8)).any()
    logits = np.array([[0.0, np.nan, 1000.0, -2.0]], np.float32)
    assert probabilities(logits)[0] == pytest.approx([0.5, 0.5, 1.0, 1 / (1 + np.e**2)])
