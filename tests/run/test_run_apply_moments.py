"""When a new patient is predicted for: golden examples by hand."""

from datetime import datetime

import pytest

from xhaim.errors import DataError
from xhaim.run.apply_moments import moment
from xhaim.task import load_task

FINDING, OUTCOME = load_task("pleural_effusion"), load_task("mortality_48h")
STAY = (
    {"code": "HOSPITAL_ADMISSION//EMERGENCY", "time": "2150-01-01T08:00:00", "hadm_id": 100},
    {"code": "ICU_ADMISSION//MICU", "time": "2150-01-01T10:00:00", "hadm_id": 100, "stay_id": 10},
)
at = datetime.fromisoformat
NOTE = {"code": "NOTE//nursing", "time": "2150-01-01T12:00:00", "text_value": "Restless."}


def film(time, study, source, view="AP", **more):
    return {"code": "IMAGE//CXR", "time": time, "study_id": study, "title": view, "source": source, **more}


def test_an_outcome_is_asked_one_second_after_the_last_thing_known(events):
    late = {**NOTE, "known_at": "2150-01-02T09:30:00.7"}
    told = moment(events(*STAY, late), OUTCOME)
    assert told.prediction_time == at("2150-01-02T09:30:01")
    assert (told.sample_id, told.stay_id, told.hadm_id) == ("10-21500102T093001", 10, 100)
    assert told.index_image_id is None


def test_a_time_may_be_said_and_a_film_taken_then_is_its_image(events):
    record = events(*STAY, NOTE, film("2150-01-01T13:00:00", 7, "a"))
    assert moment(record, OUTCOME, at("2150-01-01T12:30:00")).index_image_id is None
    told = moment(record, OUTCOME, at("2150-01-01T13:00:00.4"))
    assert (told.prediction_time, told.index_image_id, told.index_study_id) == (at("2150-01-01T13:00:00"), "a", 7)


def test_a_finding_is_asked_at_the_newest_frontal_film_and_its_first_view(events):
    record = events(
        *STAY,
        film("2150-01-01T11:00:00", 7, "old"),
        film("2150-01-01T14:00:05", 8, "second view", "PA"),
        film("2150-01-01T14:00:00", 8, "first view"),
        film("2150-01-01T15:00:00", 9, "from the side", "LATERAL"),
        film("2150-01-01T16:00:00", 10, "seen later", known_at="2150-01-01T20:00:00"),
        film("2150-01-01T17:00:00", None, "of no study"),
    )
    told = moment(record, FINDING)
    assert (told.index_image_id, told.prediction_time) == ("first view", at("2150-01-01T14:00:00"))
    assert moment(record, FINDING, at("2150-01-01T13:59:59")).index_image_id == "old"
    with pytest.raises(DataError, match="no frontal chest film that was known by then"):
        moment(record, FINDING, at("2150-01-01T10:59:59"))


def test_of_two_films_of_one_second_the_lower_study_is_taken_in_any_order_of_rows(events):
    two = [film("2150-01-01T14:00:00", 9, "b"), film("2150-01-01T14:00:00", 8, "c")]
    assert {moment(events(*STAY, *rows), FINDING).index_study_id for rows in (two, two[::-1])} == {8}


def test_outside_any_stay_the_sample_is_in_none(events):
    told = moment(events(NOTE), OUTCOME)
    assert (told.stay_id, told.hadm_id, told.sample_id) == (None, None, "s1-21500101T120001")


def test_after_the_death_before_anything_and_without_dates_nobody_is_predicted_for(events):
    died = {"code": "MEDS_DEATH", "time": "2150-01-03T00:00:00"}
    with pytest.raises(DataError, match="a death is recorded"):
        moment(events(*STAY, NOTE, died), OUTCOME)
    assert moment(events(*STAY, NOTE, died), OUTCOME, at("2150-01-02T00:00:00")).stay_id == 10
    with pytest.raises(DataError, match="nothing was known yet"):
        moment(events(*STAY, NOTE), OUTCOME, at("2150-01-01T08:00:00"))
    with pytest.raises(DataError, match="nothing in the record says when"):
        moment(events({"code": "GENDER//F"}, {"code": "MEDS_BIRTH", "time": "2100-01-01T00:00:00"}), OUTCOME)
    with pytest.raises(DataError, match="the last year that there is"):
        moment(events({**NOTE, "time": "9999-12-31T23:59:59"}), OUTCOME)
