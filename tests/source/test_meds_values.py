"""Column types that MEDS writers use: kinds of time, of id, of number, dictionaries."""

from datetime import date, datetime, timedelta, timezone

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meds_datasets import at, frame, ingest_meds, write_meds
from pyarrow import parquet

from xhaim.source.identity import number_of
from xhaim.source.meds.values import values_of

NOON = datetime(2150, 1, 1, 12)


def write_table(root, **columns):
    """One shard of Arrow arrays; time null and code A unless given."""
    n = len(next(iter(columns.values())))
    usual = {
        "subject_id": pa.array([1] * n, pa.int64()),
        "time": pa.nulls(n, pa.timestamp("us")),
        "code": pa.array(["A"] * n),
    }
    (root / "data").mkdir(parents=True)
    parquet.write_table(pa.table({**usual, **columns}), root / "data" / "0.parquet")
    return root


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("year", [1912, 2150])
def test_times_of_every_unit_are_the_same_times(tmp_path, unit, year):
    when = datetime(year, 1, 1, 12, 34, 56)
    _, events = ingest_meds(write_table(tmp_path / "m", time=pa.array([when], pa.timestamp(unit))), tmp_path / "s")
    assert events["time"].to_list() == [when]


def test_days_are_midnights_and_nanoseconds_are_cut(tmp_path):
    _, events = ingest_meds(write_table(tmp_path / "m", time=pa.array([date(2150, 1, 1)])), tmp_path / "s")
    assert (events["time"][0], events["known_at"][0]) == (at("2150-01-01"), at("2150-01-02"))
    fine = pa.array([1_999, -1], pa.timestamp("ns"))
    values, _, faults = values_of("time", fine)
    assert [(value - datetime(1970, 1, 1)) // timedelta(microseconds=1) for value in values] == [1, -1]
    assert not faults.any()


def test_times_with_a_zone_are_kept_as_utc_and_said(tmp_path):
    east = NOON.replace(tzinfo=timezone(timedelta(hours=2)))
    root = write_table(tmp_path / "m", time=pa.array([east], pa.timestamp("us", tz="Europe/Berlin")))
    info, events = ingest_meds(root, tmp_path / "s")
    assert events["time"].to_list() == [NOON - timedelta(hours=2)]
    assert "times have a zone: kept as UTC, without it" in info["remarks"]


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["s", "ms", "us", "ns"]))
def test_any_tick_becomes_its_time_or_a_fault(tick, unit):
    values, _, faults = values_of("time", pa.array([tick], pa.int64()).view(pa.timestamp(unit)))
    per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    try:
        expected = datetime(1970, 1, 1) + timedelta(microseconds=tick * 10**6 // per)
    except OverflowError:
        expected = None
    assert faults.to_list() == [expected is None]
    assert values.to_list() == [expected]


def test_dictionaries_large_and_view_strings_and_nulls_are_words(tmp_path):
    for n, kind in enumerate([pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]):
        table = {"code": pa.array(["A", "B", "A"]).cast(kind), "text_value": pa.array([None, "x", ""]).cast(kind)}
        _, events = ingest_meds(write_table(tmp_path / f"m{n}", **table), tmp_path / f"s{n}")
        assert events.select("code", "text_value").rows() == [("A", None), ("A", ""), ("B", "x")], kind
    _, events = ingest_meds(write_table(tmp_path / "m", text_value=pa.nulls(1)), tmp_path / "s")
    assert events["text_value"].to_list() == [None]


def test_numbers_of_every_kind_are_floats_of_32_bits(tmp_path):
    for n, kind in enumerate([pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.decimal128(30, 1)]):
        root = write_table(tmp_path / f"m{n}", numeric_value=pa.array([3, None]).cast(kind))
        _, events = ingest_meds(root, tmp_path / f"s{n}")
        assert events["numeric_value"].to_list() == [None, 3.0], kind
        assert events.schema["numeric_value"] == pl.Float32()


def test_ids_by_any_common_name_and_kind(tmp_path):
    rows = frame([{"subject_id": 1, "code": "A"}, {"subject_id": 2, "code": "A"}])
    kinds = [
        ("visit_id", pl.Series([7, None])),
        ("encounter_id", pl.Series(["7", ""])),
        ("visit_occurrence_id", pl.Series([7.0, float("nan")])),
    ]
    for n, (name, values) in enumerate(kinds):
        root = write_meds(tmp_path / f"m{n}", {"0.parquet": rows.with_columns(values.alias(name))})
        info, events = ingest_meds(root, tmp_path / f"s{n}")
        assert events["hadm_id"].to_list() == [7, None], name
        assert info["columns"]["hadm_id"] == name
    values, _, _ = values_of("stay_id", pa.array(["a-b"]))
    assert values.to_list() == [number_of("a-b")]


def test_our_own_name_comes_before_others(tmp_path):
    rows = frame([{"subject_id": 1, "code": "A"}]).with_columns(hadm_id=pl.lit(1), visit_id=pl.lit(2))
    info, events = ingest_meds(write_meds(tmp_path / "m", {"0.parquet": rows}), tmp_path / "s")
    assert events["hadm_id"].to_list() == [1]
    assert info["columns_not_kept"] == ["visit_id"]
