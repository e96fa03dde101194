"""Samples: one for each stay, the same for any order of rows, and everybody accounted for."""

from __future__ import annotations

import polars as pl
import pytest

from xhaim.cohort.labels import label
from xhaim.cohort.samples import draw, find_sample
from xhaim.cohort.stays import stays
from xhaim.config import SampleSettings
from xhaim.errors import DataError, TaskError
from xhaim.task import load_task

STAY = [
    {"code": "HOSPITAL_ADMISSION//URGENT", "time": "2150-01-01T00:00:00", "hadm_id": 100},
    {"code": "ICU_ADMISSION//MICU", "time": "2150-01-01T06:00:00", "hadm_id": 100, "stay_id": 10},
    {"code": "ICU_DISCHARGE//MICU", "time": "2150-01-05T06:00:00", "hadm_id": 100, "stay_id": 10},
    {"code": "HOSPITAL_DISCHARGE//HOME", "time": "2150-01-06T00:00:00", "hadm_id": 100},
]


def image(time: str, study: int, view: str = "AP") -> dict[str, object]:
    return {
        "code": f"IMAGE//CXR//{view}",
        "time": time,
        "study_id": study,
        "title": view,
        "source": f"cxr#{study}{view}",
    }


def test_an_image_inside_the_stay_is_drawn_whatever_the_order(events):
    inside = [image(f"2150-01-0{day}T10:00:00", day) for day in (1, 2, 3, 4)]
    rows = [*STAY, *inside, image("2149-12-31T10:00:00", 90), image("2150-01-05T10:00:00", 91)]
    frame = events(*rows)
    drawn, lost = draw(frame, stays(frame), SampleSettings())
    assert drawn.height == 1
    assert drawn["index_study_id"][0] in {1, 2, 3, 4}
    backwards = events(*reversed(rows))
    again, _ = draw(backwards, stays(backwards), SampleSettings())
    assert again.equals(drawn)
    assert lost[0].n == 1
    assert lost[-1].n == 1
    picked = {draw(frame, stays(frame), SampleSettings(seed=s))[0]["index_study_id"][0] for s in range(20)}
    assert len(picked) > 1


def test_lateral_only_and_no_image_are_counted(events):
    other = [{**row, "subject_id": 2, "hadm_id": 200, **({"stay_id": 20} if "stay_id" in row else {})} for row in STAY]
    third = [{**row, "subject_id": 3, "hadm_id": 300, **({"stay_id": 30} if "stay_id" in row else {})} for row in STAY]
    rows = [*STAY, *other, *third, image("2150-01-02T10:00:00", 1),
            {**image("2150-01-02T10:00:00", 2, "LATERAL"), "subject_id": 2}]  # fmt: skip
    frame = events(*rows)
    drawn, lost = draw(frame, stays(frame), SampleSettings())
    assert drawn["stay_id"].to_list() == [10]
    reasons = {item.reason: item.n for item in lost}
    assert reasons["no chest image inside the ICU stay"] == 1
    assert reasons["no frontal view inside the ICU stay"] == 1


def test_landmark_needs_the_stay_to_last(events):
    frame = events(*STAY)
    drawn, _ = draw(frame, stays(frame), SampleSettings(landmark_hours=24))
    assert drawn["prediction_time"].to_list() == [pl.Series(["2150-01-02T06:00:00"]).str.to_datetime()[0]]
    assert drawn["sample_id"].to_list() == ["10-21500102T060000"]
    with pytest.raises(DataError, match="no samples"):
        draw(frame, stays(frame), SampleSettings(landmark_hours=200))


def test_find_sample(samples):
    frame = samples({"sample_id": "10-a"}, {"sample_id": "10-b"})
    assert find_sample(frame, "10-a").sample_id == "10-a"
    for wanted in ("10-", "zzz", ""):
        with pytest.raises(DataError, match="sample matches"):
            find_sample(frame, wanted)


@pytest.mark.parametrize(
    ("death", "discharge", "mortality", "los"),
    [
        (None, "2150-01-04T11:59:00", 0, 1),
        (None, "2150-01-04T12:00:01", 0, 0),
        ("2150-01-04T12:00:00", "2150-01-04T12:00:00", 1, 0),
        ("2150-01-04T12:00:01", "2150-01-04T12:00:01", 0, 0),
        ("2150-01-03T00:00:00", "2150-01-03T00:00:00", 1, 0),
    ],
)
def test_outcomes_at_the_edges_of_the_horizon(events, samples, death, discharge, mortality, los):
    rows = [*STAY[:3], {**STAY[3], "time": discharge}]
    if death:
        rows.append({"code": "MEDS_DEATH", "time": death, "hadm_id": 100})
    frame = events(*rows)
    for task, expected in (("mortality_48h", mortality), ("los_48h", los)):
        found = label(frame, stays(frame), samples(), load_task(task))
        assert found["label"].to_list() == [expected]


def test_chexpert_labels_keep_one_and_zero(events, samples):
    rows = [
        *STAY,
        {"code": "LABEL//CXR//Pleural Effusion", "study_id": 1, "numeric_value": 1.0, "time": "2150-01-02T12:00:00"},
        {"code": "LABEL//CXR//Pleural Effusion", "study_id": 2, "numeric_value": 0.0, "time": "2150-01-02T12:00:00"},
        {"code": "LABEL//CXR//Pleural Effusion", "study_id": 3, "numeric_value": -1.0, "time": "2150-01-02T12:00:00"},
    ]
    frame = events(*rows)
    people = samples(*({"sample_id": f"{n}", "index_study_id": n} for n in (1, 2, 3, 4)), {"sample_id": "5"})
    task = load_task("pleural_effusion")
    found = label(frame, stays(frame), people, task)
    assert found["label"].to_list() == [1, 0, None, None, None]
    assert [reason is None for reason in found["reason"]] == [True, True, False, False, False]
    sure = task.model_copy(
        update={"label": task.label.model_copy(update={"uncertain": "positive", "blank": "negative"})}
    )
    assert label(frame, stays(frame), people, sure)["label"].to_list()[:4] == [1, 0, 1, 0]


def test_an_event_code_the_store_does_not_have_is_named(events, samples):
    frame = events(*STAY, {"code": "LAB//50813//mmol/L", "time": "2150-01-02T13:00:00"})
    task = load_task("mortality_48h")
    for code, ok in (("LAB//50813", True), ("LAB//5081", False)):
        rule = {"kind": "event_within", "code": code, "horizon_hours": 12}
        mine = type(task).model_validate({**task.model_dump(), "label": rule})
        if ok:
            assert label(frame, stays(frame), samples(), mine)["label"].to_list() == [1]
        else:
            with pytest.raises(TaskError, match=r"\$\.label\.code"):
                label(frame, stays(frame), samples(), mine)


def test_a_store_without_stays_says_so(events):
    with pytest.raises(DataError, match="no ICU stays"):
        stays(events({"code": "GENDER//F"}))
