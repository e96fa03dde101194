"""Measurements: one unit, possible values only, and ids that do not depend on the order of rows."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from xhaim.modality.measurements import as_measurements, measurements, set_aside

T = datetime(2150, 1, 2, 12)


def admitted(events, *rows):
    frame = events(*rows).collect()
    return frame.with_columns(pl.lit("s").alias("sample_id"), pl.lit(T).alias("prediction_time"))


def lab(
    item: int, value: float, unit: str | None, time: str = "2150-01-02T10:00:00", kind: str = "LAB"
) -> dict[str, object]:
    code = f"{kind}//{item}//{unit}" if unit else f"{kind}//{item}"
    return {"code": code, "numeric_value": value, "unit": unit, "time": time, "source": "t"}


def test_units_and_bounds(events):
    frame = admitted(
        events,
        lab(50813, 4.2, "mmol/L"),
        lab(50813, 36.0, "furlong", "2150-01-02T09:00:00"),
        lab(50813, 99.0, "mmol/L", "2150-01-02T08:00:00"),
        lab(50813, 2.0, None, "2150-01-02T07:00:00"),
        lab(223761, 101.3, "°F", kind="CHART"),
        lab(223762, 37.0, "°C", "2150-01-02T11:00:00", kind="CHART"),
        lab(99999, 1.0, "mmol/L"),
    )
    found = measurements(frame)
    assert found.select("signal", "value", "unit").rows() == [
        ("lactate", 2.0, "mmol/L"),
        ("lactate", pytest.approx(4.2), "mmol/L"),
        ("temperature", pytest.approx(38.5, abs=1e-4), "°C"),
        ("temperature", 37.0, "°C"),
    ]
    assert set_aside(frame).rows() == [("lactate", "impossible value", 1), ("lactate", "unknown unit", 1)]


def test_ids_are_unique_and_hold_for_any_order(events):
    rows = [lab(50813, value, "mmol/L") for value in (3.0, 1.0, 2.0, 1.0)]
    one, two = measurements(admitted(events, *rows)), measurements(admitted(events, *reversed(rows)))
    assert one.equals(two)
    assert one["measurement_id"].to_list() == [
        "LAB//50813//mmol/L@21500102T100000",
        "LAB//50813//mmol/L@21500102T100000#2",
        "LAB//50813//mmol/L@21500102T100000#3",
        "LAB//50813//mmol/L@21500102T100000#4",
    ]
    assert [m.value for m in as_measurements(one)] == [1.0, 1.0, 2.0, 3.0]


def test_an_earlier_admission_is_not_this_stay(events):
    frame = admitted(
        events,
        {"code": "HOSPITAL_ADMISSION//URGENT", "time": "2150-01-01T12:00:00"},
        lab(50813, 9.0, "mmol/L", "2149-06-01T00:00:00"),
        lab(50813, 1.5, "mmol/L", "2150-01-01T06:00:00"),
    )
    assert measurements(frame)["value"].to_list() == [1.5]


def test_nothing_gives_an_empty_frame(events):
    assert measurements(admitted(events)).is_empty()


def faults(events, *rows) -> list[tuple[str, str, int]]:
    return set_aside(admitted(events, *rows)).rows()


def one(events, item: int, value: float, unit: str | None, kind: str = "LAB") -> float | None:
    found = measurements(admitted(events, lab(item, value, unit, kind=kind)))["value"].to_list()
    return found[0] if found else None


@pytest.mark.parametrize(
    ("item", "kind", "value", "unit", "expected"),
    [
        (223761, "CHART", 98.6, "°F", 37.0),
        (223761, "CHART", 98.6, "[degF]", 37.0),
        (223762, "CHART", 37.0, " Cel ", 37.0),
        (224639, "CHART", 154.324, "lb", 70.0),
        (224639, "CHART", 70.0, "KG", 70.0),
        (50931, "LAB", 5.5, "mmol/L", 99.088),
        (50931, "LAB", 99.0, "mg/dL", 99.0),
        (50912, "LAB", 88.42, "umol/L", 1.0),
        (50912, "LAB", 88.42, "µmol/L", 1.0),
        (50912, "LAB", 88.42, "μmol/L", 1.0),
        (51222, "LAB", 130.0, "g/L", 13.0),
    ],
)
def test_units_that_the_catalogue_knows_become_its_own(events, item, kind, value, unit, expected):
    assert one(events, item, value, unit, kind) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("item", "kind", "value", "fault"),
    [
        (223761, "CHART", 98.6, "ambiguous unit"),
        (223761, "CHART", 37.0, None),
        (223761, "CHART", 60.0, "impossible value"),
        (50931, "LAB", 5.5, "ambiguous unit"),
        (50931, "LAB", 99.0, None),
        (50931, "LAB", 20.0, None),
        (50912, "LAB", 88.0, "ambiguous unit"),
        (50912, "LAB", 5.0, None),
        (226531, "CHART", 154.0, "no unit"),
        (224639, "CHART", 70.0, "no unit"),
        (50971, "LAB", 4.0, None),
        (50813, "LAB", 4.2, None),
        (50813, "LAB", 25.0, "ambiguous unit"),
    ],
)
def test_a_number_without_a_unit_is_not_guessed_where_another_unit_fits_better(events, item, kind, value, fault):
    assert [row[1] for row in faults(events, lab(item, value, None, kind=kind))] == ([fault] if fault else [])
    assert one(events, item, value, None, kind) == (None if fault else pytest.approx(value, abs=1e-5))


def test_two_scales_without_a_unit_are_refused_for_the_sample_and_what_has_a_unit_is_kept(events):
    rows = [
        lab(223762, 37.2, None, "2150-01-02T08:00:00", kind="CHART"),
        lab(223761, 98.6, None, "2150-01-02T09:00:00", kind="CHART"),
        lab(223762, 38.5, "°C", "2150-01-02T10:00:00", kind="CHART"),
    ]
    assert faults(events, *rows) == [
        ("temperature", "ambiguous unit", 1),
        ("temperature", "two scales without a unit", 1),
    ]
    assert measurements(admitted(events, *rows))["value"].to_list() == [38.5]
    other = admitted(events, rows[0]).with_columns(pl.lit("another sample").alias("sample_id"))
    both = measurements(pl.concat([admitted(events, *rows), other]))
    assert both.filter(pl.col("sample_id") == "another sample")["value"].to_list() == [pytest.approx(37.2, abs=1e-5)]
    assert faults(events, *reversed(rows)) == faults(events, *rows)


def test_two_values_of_one_second_have_two_ids(events):
    rows = [lab(50813, 2.0, "mmol/L", f"2150-01-02T10:00:00.{part}") for part in ("100000", "700000")]
    ids = measurements(admitted(events, *rows))["measurement_id"].to_list()
    assert ids == ["LAB//50813//mmol/L@21500102T100000", "LAB//50813//mmol/L@21500102T100000#2"]


def test_what_is_said_in_words_or_without_a_time_is_counted(events):
    words = {**lab(50813, 0.0, "mmol/L"), "numeric_value": None, "text_value": "<0.01"}
    timeless = {**lab(50813, 2.0, "mmol/L"), "time": None, "known_at": "2150-01-02T09:00:00"}
    other = {**lab(99999, 0.0, None), "numeric_value": None, "text_value": "seen"}
    frame = admitted(events, words, timeless, other)
    assert set_aside(frame).rows() == [("lactate", "no time", 1), ("lactate", "value in words", 1)]
    assert measurements(frame).is_empty()
