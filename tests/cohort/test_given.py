"""Samples and labels from outside: placed in stays, and nobody lost in silence."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

from xhaim.cohort.given import GIVEN_SCHEMA, given
from xhaim.cohort.labels import label
from xhaim.cohort.stays import stays
from xhaim.errors import DataError, TaskError
from xhaim.label_rules import MedsLabel
from xhaim.task import load_task

T = datetime(2150, 1, 2, 12)
STAY = [
    {"code": "HOSPITAL_ADMISSION//URGENT", "time": "2150-01-01T00:00:00", "hadm_id": 100},
    {"code": "ICU_ADMISSION//MICU", "time": "2150-01-01T06:00:00", "hadm_id": 100, "stay_id": 10},
    {"code": "ICU_DISCHARGE//MICU", "time": "2150-01-03T06:00:00", "hadm_id": 100, "stay_id": 10},
    {"code": "HOSPITAL_DISCHARGE//HOME", "time": "2150-01-06T00:00:00", "hadm_id": 100},
    {"code": "MEDS_DEATH", "time": "2150-03-01T00:00:00"},
]
TASK = load_task("mortality_48h").model_copy(update={"label": MedsLabel(kind="meds_labels", path="x.parquet")})


def asked(*rows: tuple[int | None, datetime | None, int | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=GIVEN_SCHEMA, orient="row")


def test_given_times_get_the_stay_and_the_admission_that_were_going_on(events):
    frame = events(*STAY)
    rows = asked(
        (1, T, 1), (1, T + timedelta(days=2), 0), (1, T + timedelta(days=20), 0),
        (1, T, 1), (1, datetime(2150, 3, 1), 1), (99, T, 0), (None, T, 0), (1, None, 0),
    )  # fmt: skip
    samples, lost = given(frame, stays(frame), rows)
    assert samples.select("sample_id", "stay_id", "hadm_id").rows() == [
        ("10-21500102T120000", 10, 100),
        ("s1-21500104T120000", None, 100),
        ("s1-21500122T120000", None, None),
    ]
    assert {item.reason: item.n for item in lost} == {
        "given subjects and times": 8, "no subject or no time": 2, "the same subject and time again": 1,
        "subject not in the store": 1, "at or after the death": 1, "in the same second as another of the stay": 0,
        "samples": 3,
    }  # fmt: skip
    labels = label(frame, stays(frame), samples, TASK, rows)
    assert labels["label"].to_list() == [1, 0, 0]
    assert given(frame, stays(frame), rows.reverse())[0].equals(samples)


def test_labels_that_disagree_or_are_not_there_have_a_reason(events, samples):
    frame = events(*STAY)
    people = samples({}, {"sample_id": "b", "subject_id": 2}, {"sample_id": "c", "subject_id": 3})
    found = label(frame, stays(frame), people, TASK, asked((1, T, 1), (1, T, 0), (2, T, None)))
    assert found.select("label", "reason").rows() == [
        (None, "two labels in the label file"),
        (None, "no label in the label file"),
        (None, "subject and time are not in the label file"),
    ]
    with pytest.raises(TaskError, match="label file"):
        label(frame, stays(frame), people, TASK)


def test_a_store_without_stays_can_be_asked(events):
    frame = events({"code": "LAB//1", "time": T - timedelta(days=1)})
    samples, _ = given(frame, stays(frame, required=False), asked((1, T, 1)))
    assert samples["sample_id"].to_list() == ["s1-21500102T120000"]


def test_outcomes_are_labelled_at_given_times_outside_a_stay_too(events):
    """Death is the subject's, whatever the stay; what needs a stay says that it has none."""
    frame = events(*STAY)
    samples, _ = given(frame, stays(frame), asked((1, datetime(2150, 2, 27, 12), None)))
    assert label(frame, stays(frame), samples, load_task("mortality_48h"))["label"].to_list() == [1]
    found = label(frame, stays(frame), samples, load_task("los_48h"))
    assert found.select("label", "reason").rows() == [(None, "no time of discharge")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"prediction_time": pl.lit(T).dt.replace_time_zone("UTC")},
        {"prediction_time": pl.lit("2150-01-02")},
        {"label": pl.lit(2)},
    ],
)
def test_times_of_a_zone_texts_and_other_labels_are_refused(events, wrong):
    frame = events(*STAY)
    with pytest.raises(DataError, match="given"):
        given(frame, stays(frame), asked((1, T, 1)).with_columns(**wrong))


def test_nobody_left_says_why(events):
    frame = events(*STAY)
    with pytest.raises(DataError, match="subject not in the store: 1"):
        given(frame, stays(frame), asked((99, T, 1)))
