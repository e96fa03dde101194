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
        lab(50813, 36.0, "mg/dL", "2150-01-02T09:00:00"),
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
