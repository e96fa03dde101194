"""Prediction times of each kind, and stays that are not as they should be: everybody is accounted for."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from pydantic import ValidationError

from xhaim.cohort.guard import admissible
from xhaim.cohort.samples import draw
from xhaim.cohort.stays import stays
from xhaim.config import SampleSettings
from xhaim.errors import DataError

IN = datetime(2150, 1, 1, 6)


def stay(number: int = 10, begins: datetime = IN, hours: float = 48, hadm: int = 100, who: int = 1) -> list[dict]:
    ends = begins + timedelta(hours=hours)
    mine = {"subject_id": who, "hadm_id": hadm}
    return [
        {"code": "HOSPITAL_ADMISSION//URGENT", "time": begins - timedelta(hours=6), **mine},
        {"code": "ICU_ADMISSION//MICU", "time": begins, **mine, "stay_id": number},
        {"code": "ICU_DISCHARGE//MICU", "time": ends, **mine, "stay_id": number},
        {"code": "HOSPITAL_DISCHARGE//HOME", "time": ends + timedelta(hours=24), **mine},
    ]


def image(hours: float, study: int, who: int = 1, view: str = "AP") -> dict:
    return {
        "code": "IMAGE//CXR", "subject_id": who, "time": IN + timedelta(hours=hours), "study_id": study, "title": view,
        "source": f"cxr#{study}{view}", "image_path": f"{study}.jpg",
    }  # fmt: skip


def lab(hours: float, known: float | None = None, who: int = 1) -> dict:
    when = {"time": IN + timedelta(hours=hours), "known_at": IN + timedelta(hours=known or hours)}
    return {"code": "LAB//50813//mmol/L", "subject_id": who, "numeric_value": 2.0, "unit": "mmol/L", **when}


def drawn(events, *rows, **settings):
    frame = events(*rows)
    found, lost = draw(frame, stays(frame), SampleSettings(**settings))
    reasons = {item.reason: item.n for item in lost}
    first, *others, last = lost
    assert first.n - sum(item.n for item in others) == last.n == found.height  # everybody is accounted for
    hours = [(t - IN) / timedelta(hours=1) for t in found["prediction_time"]]
    return found, hours, reasons


def test_every_few_hours_until_the_stay_ends(events):
    _, hours, reasons = drawn(events, *stay(hours=24), every_hours=6)
    assert hours == [6, 12, 18]  # not at the end itself
    assert reasons["samples drawn"] == 3
    died = {"code": "MEDS_DEATH", "time": IN + timedelta(hours=13)}
    assert drawn(events, *stay(hours=24), died, every_hours=6)[1] == [6, 12]
    _, hours, reasons = drawn(events, *stay(), *stay(20, hours=5, hadm=200, who=2), every_hours=6)
    assert len(hours) == 7
    assert reasons["stay ended before hour 6, or without an end"] == 1


def test_at_each_result_of_a_code_which_is_then_seen(events):
    rows = [*stay(hours=24), lab(1, 2), lab(3), lab(3), lab(23.5, 25), lab(-1)]
    found, _, _ = drawn(events, *rows, at_code="LAB//50813")
    assert found["prediction_time"].to_list() == [IN + timedelta(hours=h, seconds=1) for h in (2, 3)]
    seen = admissible(events(*rows), found, "admissible").filter(pl.col("code").str.starts_with("LAB"))
    assert seen.group_by("sample_id").len().sort("sample_id")["len"].to_list() == [2, 4]
    _, _, reasons = drawn(events, *rows, *stay(20, hadm=200, who=2), at_code="LAB//50813")
    assert reasons["no LAB//50813 known inside the ICU stay"] == 1


def test_a_cap_draws_by_a_hash_that_nothing_else_moves(events):
    rows = [*stay(), *(image(hour, hour) for hour in range(1, 40)), *stay(20, hadm=200, who=2), image(3, 99, who=2)]
    found, _, reasons = drawn(events, *rows, max_per_stay=3)
    mine = found.filter(pl.col("subject_id") == 1)
    assert (mine.height, found.height) == (3, 4)
    assert reasons["more than 3 in one ICU stay"] == 36
    assert drawn(events, *reversed(rows), max_per_stay=3)[0].equals(found)
    alone = drawn(events, *(row for row in rows if row.get("subject_id", 1) == 1), max_per_stay=3)[0]
    assert alone.equals(mine)
    other = drawn(events, *rows, max_per_stay=3, seed=1)[0]
    assert not other.equals(found)
    one = drawn(events, *rows)[0]
    assert set(one["sample_id"]) < set(found["sample_id"])  # the first of the lot is the one that is drawn alone
    assert drawn(events, *rows, every_hours=1, max_per_stay=5)[0].height == 10


def test_an_image_in_two_overlapping_stays_is_one_sample(events):
    rows = [*stay(), *stay(20, begins=IN + timedelta(hours=10), hours=10), image(12, 1), image(13, 2, view="LATERAL")]
    found, _, reasons = drawn(events, *rows)
    assert found.select("stay_id", "index_study_id").rows() == [(20, 1)]
    assert reasons["no chest image inside the ICU stay"] == 1


def test_two_stays_of_one_admission_are_two_samples(events):
    rows = [*stay(), *stay(20, begins=IN + timedelta(hours=60), hours=10), image(1, 1), image(61, 2)]
    assert drawn(events, *rows)[0]["stay_id"].to_list() == [10, 20]


def test_a_stay_of_no_length_one_that_ends_before_it_begins_and_a_death_before_it(events):
    died = {"code": "MEDS_DEATH", "subject_id": 4, "time": IN - timedelta(hours=1)}
    rows = [
        *stay(10, hours=0), image(0, 1),  # leaves nothing to predict
        *stay(20, hours=-3, hadm=200, who=2), image(-1, 2, who=2),
        *stay(30, hadm=300, who=3), image(1, 3, who=3),
        *stay(40, hadm=400, who=4), image(1, 4, who=4), died,
    ]  # fmt: skip
    found, _, reasons = drawn(events, *rows)
    assert found["stay_id"].to_list() == [30]
    assert reasons["ICU stay ends before it begins"] == reasons["death before ICU admission"] == 1
    found, _, reasons = drawn(events, *rows, landmark_hours=1)
    assert found["stay_id"].to_list() == [30]
    assert reasons["stay ended before hour 1"] == 1


def test_the_index_image_is_the_one_at_the_prediction_time(events):
    later = {**image(2, 1), "source": "cxr#0 earlier by name"}
    found, hours, _ = drawn(events, *stay(), image(1, 1), later)
    assert (hours, found["index_image_id"].to_list()) == ([1], ["cxr#1AP"])


@pytest.mark.parametrize(("hour", "n"), [(23.9, 1), (24, 0), (30, 0)])
def test_a_film_at_or_after_the_discharge_from_hospital_is_no_sample_though_the_icu_stay_goes_on(events, hour, n):
    out = {"code": "HOSPITAL_DISCHARGE//HOME", "time": IN + timedelta(hours=24), "hadm_id": 100}
    other = [*stay(20, hadm=200, who=2), image(3, 9, who=2)]
    found, _, reasons = drawn(events, *stay(hours=48)[:3], out, image(hour, 1), *other)
    assert found.filter(pl.col("subject_id") == 1).height == n
    assert reasons["no chest image inside the ICU stay"] == 1 - n


def test_films_without_a_study_id_and_films_known_only_later_are_counted_as_such(events):
    late = {**image(5, 3, who=3), "known_at": IN + timedelta(hours=5, seconds=1)}
    never = {**image(5, 4, who=4), "known_at": None}
    mixed = [{**image(5, 5, who=5), "known_at": IN + timedelta(hours=9)}, {**image(7, 5, who=5), "source": "second"}]
    rows = [
        *stay(), image(1, 1),
        *stay(20, hadm=200, who=2), {**image(1, 2, who=2), "study_id": None},
        *stay(30, hadm=300, who=3), late,
        *stay(40, hadm=400, who=4), never,
        *stay(50, hadm=500, who=5), *mixed,
    ]  # fmt: skip
    found, hours, reasons = drawn(events, *rows)
    assert (found["stay_id"].to_list(), hours) == ([10, 50], [1, 7])
    assert reasons["no chest image inside the ICU stay"] == reasons["no frontal view inside the ICU stay"] == 0
    assert reasons["chest images inside the ICU stay, none with a study id"] == 1
    assert reasons["frontal views inside the ICU stay, each known only after its time"] == 2


def test_two_views_under_one_source_key_are_two_views(events):
    views = [{**image(1, 1, view=view), "source": "cxr"} for view in ("LATERAL", "AP", "LL")]
    for rows in (views, views[::-1]):
        assert drawn(events, *stay(), *rows)[0].height == 1


def test_a_stay_id_and_time_of_two_subjects_are_two_samples(events):
    rows = [*stay(9, who=1), *stay(9, who=2, hadm=200), *stay(8, who=3, hadm=300)]
    for mine in (rows, rows[::-1]):
        found, _, reasons = drawn(events, *mine, landmark_hours=24)
        assert found.select("sample_id", "subject_id").rows() == [
            ("8-21500102T060000", 3), ("s1-9-21500102T060000", 1), ("s2-9-21500102T060000", 2)
        ]  # fmt: skip
        assert reasons["in the same second as another of the stay"] == 0


def test_ids_of_stays_and_admissions_may_recur_in_another_subject(events):
    rows = [*stay(10, who=1), *stay(10, who=2, begins=IN + timedelta(days=400)), image(1, 1)]
    frame = events(*rows)
    table = stays(frame)
    assert table["outtime"].to_list() == [IN + timedelta(hours=48), IN + timedelta(days=402)]
    assert drawn(events, *rows)[0].height == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"landmark_hours": 24, "every_hours": 6},
        {"every_hours": 6, "at_code": "LAB//1"},
        {"every_hours": 0},
        {"max_per_stay": 0},
        {"at_code": "IMAGE//CXR"},
        {"at_code": "no code"},
    ],
)
def test_settings_that_say_two_things_or_none_are_refused(wrong):
    with pytest.raises(ValidationError):
        SampleSettings(**wrong)


def test_nothing_to_draw_says_why(events):
    frame = events(*stay(hours=2))
    for settings in ({"every_hours": 6}, {"at_code": "LAB//50813"}, {"max_per_stay": 2}):
        with pytest.raises(DataError, match="no samples"):
            draw(frame, stays(frame), SampleSettings(**settings))
