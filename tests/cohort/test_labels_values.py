"""Labels by a value that crosses a threshold: horizon, units, switches, and reasons."""

from __future__ import annotations

import pytest

from xhaim.cohort.labels import label
from xhaim.cohort.stays import stays
from xhaim.errors import TaskError
from xhaim.label_rules import ValueLabel
from xhaim.task import load_task

STAY = [
    {"code": "HOSPITAL_ADMISSION//URGENT", "time": "2150-01-01T00:00:00", "hadm_id": 100},
    {"code": "ICU_ADMISSION//MICU", "time": "2150-01-01T06:00:00", "hadm_id": 100, "stay_id": 10},
    {"code": "HOSPITAL_DISCHARGE//HOME", "time": "2150-01-09T00:00:00", "hadm_id": 100},
]


def value(number: float, time: str, unit: str | None = "mmol/L", item: int = 50813) -> dict[str, object]:
    return {"code": f"LAB//{item}//{unit or 'UNK'}", "time": time, "numeric_value": number, "unit": unit}


@pytest.fixture
def labelled(events, samples):
    def ask(*rows: dict[str, object], **rule: object) -> tuple[int | None, str | None]:
        said = {"kind": "value_crosses", "signal": "lactate", "above": 4, "horizon_hours": 24} | rule
        task = load_task("mortality_48h").model_copy(update={"label": ValueLabel.model_validate(said)})
        frame = events(*STAY, *rows)
        found = label(frame, stays(frame), samples(), task)
        return found["label"][0], found["reason"][0]

    return ask


@pytest.mark.parametrize(
    ("number", "time", "expected"),
    [
        (4.1, "2150-01-02T12:00:01", 1),
        (4.0, "2150-01-02T12:00:01", 0),
        (4.1, "2150-01-03T12:00:00", 1),
        (4.1, "2150-01-03T12:00:01", None),
        (4.1, "2150-01-02T12:00:00", None),
    ],
)
def test_the_horizon_opens_after_t_and_closes_with_its_last_moment(labelled, number, time, expected):
    assert labelled(value(number, time))[0] == expected


def test_no_value_is_dropped_or_negative(labelled):
    assert labelled() == (None, "lactate: no value within 24 h")
    assert labelled(unmeasured="negative") == (0, None)
    assert labelled(value(2, "2150-01-02T13:00:00")) == (0, None)


def test_the_first_time_leaves_out_who_was_there_before_in_this_admission(labelled):
    now = value(5, "2150-01-02T13:00:00")
    before, then = value(6, "2150-01-02T12:00:00"), value(6, "2149-01-01T00:00:00")
    assert labelled(now, before) == (1, None)
    assert labelled(now, before, first_time=True) == (
        None, "lactate above 4 already at or before the prediction time",
    )  # fmt: skip
    assert labelled(now, then, first_time=True) == (1, None)
    assert labelled(value(1, "2150-01-02T13:00:00"), value(3, "2150-01-02T11:00:00"), first_time=True) == (0, None)


def test_units_are_those_of_the_catalogue_and_what_cannot_be_brought_to_them_is_no_value(labelled):
    rule = {"signal": "creatinine", "above": 2.0}
    late = "2150-01-02T13:00:00"
    assert labelled(value(265, late, "µmol/L", 50912), **rule) == (1, None)
    assert labelled(value(88, late, "umol/L", 50912), **rule) == (0, None)
    assert labelled(value(88, late, None, 50912), **rule) == (None, "creatinine: no value within 24 h")
    assert labelled(value(3, late, "furlong", 50912), **rule) == (None, "creatinine: no value within 24 h")
    assert labelled(value(1.9, late, "mg/dL", 50912), **rule) == (0, None)


def test_below_a_threshold_and_any_code_in_one_unit(labelled):
    low = {"signal": "glucose", "above": None, "below": 70}
    assert labelled(value(3.0, "2150-01-02T13:00:00", "mmol/L", 50931), **low) == (1, None)
    code = {"signal": None, "code": "LAB//777"}
    rows = [value(5, "2150-01-02T13:00:00", "U/L", 777), value(1, "2150-01-02T14:00:00", "IU/L", 777)]
    assert labelled(rows[0], **code) == (1, None)
    with pytest.raises(TaskError, match=r"\$\.label\.unit: LAB//777 has values in more than one unit"):
        labelled(*rows, **code)
    assert labelled(*rows, **code, unit="IU/L") == (0, None)
    with pytest.raises(TaskError, match=r"\$\.label\.code: the store has no such code"):
        labelled(signal=None, code="LAB//778")


def test_the_dead_are_not_predicted(labelled):
    death = {"code": "MEDS_DEATH", "time": "2150-01-02T12:00:00"}
    assert labelled(value(5, "2150-01-02T13:00:00"), death) == (None, "death at or before the prediction time")
