"""MEDS datasets of other tools, with and without our columns, to a store."""

import math
import random
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meds_datasets import MIMIC_EXTRA, MIMIC_ROWS, at, frame, ingest_meds, write_meds, write_mimic_meds
from tiny_mimic import tree, write_mimic

from xhaim.cohort.stays import stays
from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA
from xhaim.source.meds import Meds
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.store import Store


@pytest.fixture(scope="module")
def mimic(tmp_path_factory):
    """A dataset as MIMIC_IV_MEDS writes it, ingested."""
    folder = tmp_path_factory.mktemp("meds")
    root = write_mimic_meds(folder / "m")
    return ingest_meds(root, folder / "s")


def only(events, code):
    rows = events.filter(pl.col("code") == code)
    assert rows.height == 1, rows
    return rows.row(0, named=True)


def test_codes_of_the_mimic_converter_become_the_stores_with_their_units(mimic):
    _, events = mimic
    assert events.schema == EVENT_SCHEMA
    heart = only(events, "CHART//220045//bpm")
    assert (heart["numeric_value"], heart["unit"], heart["stay_id"], heart["source"]) == (88.0, "bpm", 30, "meds")
    assert only(events, "LAB//50813//mmol/L")["unit"] == "mmol/L"
    assert only(events, "LAB//50813//UNK")["unit"] is None
    assert only(events, "OUTPUT//226559//ml")["unit"] == "ml"
    assert only(events, "HOSPITAL_ADMISSION//URGENT//ER")["hadm_id"] == 20


def test_without_known_at_it_is_guessed_late_and_later_where_only_a_day_is_told(mimic):
    info, events = mimic
    known = {row["code"]: row["known_at"] for row in events.iter_rows(named=True) if row["subject_id"] == 1}
    assert known["CHART//220045//bpm"] == at("2150-01-01T13:00")
    assert known["LAB//50813//mmol/L"] == at("2150-01-01T19:30")
    assert known["GENDER//F"] is None
    assert known["DIAGNOSIS//ICD//10//I509"] == at("2150-02-04T00:00")  # billed after the day of discharge
    assert known["HOSPITAL_DISCHARGE//DIED"] == at("2150-01-05T00:00")  # at midnight: must not tell the death before it
    assert known["MEDS_DEATH"] == at("2150-01-04T05:00")
    pressures = events.filter(pl.col("code") == "Blood Pressure")
    assert (pressures["known_at"] - pressures["time"]).to_list() == [timedelta(days=1)] * 2
    assert info["known_at"] == "time"
    assert "known_at is not given: guessed late" in info["remarks"][0]
    assert info["clock"]["data"] == info["remarks"][0]


def test_every_row_is_accounted_for_and_columns_not_kept_are_named(mimic):
    info, events = mimic
    data = info["tables"]["data"]
    assert data["rows_in"] == len(MIMIC_ROWS)
    assert (data["rows_used"], data["not_used"]) == (len(MIMIC_ROWS) - 1, {"identical to another row": 1})
    assert events.height == len(MIMIC_ROWS) - 1
    assert info["columns_not_kept"] == ["poe_id"]
    assert "columns not kept: poe_id" in info["remarks"]
    assert (info["counts"]["subjects"], info["counts"]["stays"], info["counts"]["admissions"]) == (2, 1, 1)
    assert info["tables"]["codes"]["not_used"] == {
        "no event has the code": 1,
        "code: more than once; the first description by content is kept": 1,
    }
    assert (info["tables"]["codes"]["rows_used"], info["tables"]["codes"]["rows_set_aside"]) == (1, 1)
    assert info["tables"]["splits"]["not_used"] == {"the subject has no events": 1}


def test_the_cohort_finds_the_stay_and_that_the_patient_died_in_it(mimic):
    _, events = mimic
    stay = stays(events.lazy()).row(0, named=True)
    assert stay == {
        "subject_id": 1,
        "stay_id": 30,
        "hadm_id": 20,
        "intime": at("2150-01-01T12:00"),
        "outtime": at("2150-01-03T09:00"),
        "admittime": at("2150-01-01T10:00"),
        "dischtime": at("2150-01-04T00:00"),
        "death": at("2150-01-04T05:00"),
        "died_in_hospital": True,
    }


def test_what_codes_mean_and_splits_are_kept(tmp_path):
    Meds().ingest(write_mimic_meds(tmp_path / "m"), tmp_path / "s")
    codes = Store.open(tmp_path / "s").codes()
    assert dict(codes.select("code", "description").iter_rows())["LAB//50813//mmol/L"] == "Lactate"
    assert codes["description"].drop_nulls().len() == 1
    splits = pl.read_parquet(tmp_path / "s" / "metadata" / "subject_splits.parquet")
    assert splits.rows() == [(1, "train"), (2, "held_out")]


OWN = {"known_at": pl.Datetime("us"), "unit": pl.String(), "source": pl.String()}


def test_a_given_known_at_is_kept_but_never_before_the_time(tmp_path):
    day = "2150-01-01T"
    rows = [
        {"subject_id": 1, "code": "DRG//1", "time": f"{day}10:00", "known_at": f"{day}11:00", "source": "t#1"},
        {"subject_id": 1, "code": "B", "time": f"{day}10:00", "known_at": f"{day}09:00", "unit": "g"},
        {"subject_id": 1, "code": "C", "time": f"{day}10:00"},
        {"subject_id": 1, "code": "D"},
    ]
    info, events = ingest_meds(write_meds(tmp_path / "m", {"0.parquet": frame(rows, **OWN)}), tmp_path / "s")
    seen = {row["code"]: row for row in events.iter_rows(named=True)}
    assert seen["DRG//1"]["known_at"] == at(f"{day}11:00")
    assert (seen["DRG//1"]["source"], seen["B"]["source"], seen["B"]["unit"]) == ("t#1", "meds", "g")
    assert (seen["B"]["known_at"], seen["C"]["known_at"], seen["D"]["known_at"]) == (
        at(f"{day}10:00"), at(f"{day}10:00"), None
    )  # fmt: skip
    assert info["known_at"] == "given"
    assert any("known_at is null in 1 rows with a time: guessed late" in remark for remark in info["remarks"])
    assert "known_at is before the time in 1 rows: taken to be the time" in info["remarks"]
    assert "no ICU_ADMISSION events: no ICU stays, and no samples can be drawn at them" in info["remarks"]


def test_documents_without_a_source_are_known_by_code_and_time(tmp_path):
    rows = [{"subject_id": 1, "code": "NOTE//discharge", "time": "2150-01-01T10:00", "text_value": "Hospital course"}]
    _, events = ingest_meds(write_meds(tmp_path / "m", {"0.parquet": frame(rows)}), tmp_path / "s")
    assert events["source"].to_list() == ["meds#1/NOTE//discharge@21500101T100000.000000"]


def test_a_store_is_a_meds_dataset_and_gives_itself(tmp_path):
    MimicIV(subjects_per_shard=1).ingest(write_mimic(tmp_path / "mimic"), tmp_path / "a")
    info = Meds().ingest(tmp_path / "a", tmp_path / "b")
    a, b = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert len([name for name in a if name.startswith("data/")]) == 2
    assert {name: digest for name, digest in a.items() if "/" in name} == {n: d for n, d in b.items() if "/" in n}
    original = Store.open(tmp_path / "a").info
    assert all(info[key] == original[key] for key in ("clock", "image_root", "simulated", "absent", "truth"))
    assert info["counts"]["stays"] == original["counts"]["stays"]


def test_a_simulated_store_stays_simulated(tmp_path):
    root = write_mimic(tmp_path / "mimic")
    (root / "SIMULATED").touch()
    MimicIV().ingest(root, tmp_path / "a")
    assert Meds().look(tmp_path / "a")["simulated"] is True
    assert Meds().ingest(tmp_path / "a", tmp_path / "b")["simulated"] is True


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), shards=st.integers(1, 4), categories=st.booleans())
def test_row_order_shards_and_encoding_never_change_the_store(tmp_path_factory, seed, shards, categories):
    folder = tmp_path_factory.mktemp("p")
    rng = random.Random(seed)
    rows = frame(MIMIC_ROWS, **MIMIC_EXTRA)
    mixed = rows[rng.sample(range(rows.height), rows.height)]
    if categories:
        mixed = mixed.with_columns(pl.col("code", "text_value").cast(pl.Categorical))
    place = pl.Series([rng.randrange(shards) for _ in range(rows.height)])
    parts = {f"d{i % 2}/{i}.parquet": mixed.filter(place == i) for i in range(shards)}
    about = {"dataset_name": "MIMIC-IV"}
    Meds().ingest(write_meds(folder / "m", parts, about), folder / "s")
    Meds().ingest(write_meds(folder / "n", {"0.parquet": rows}, about), folder / "t")
    mine, plain = tree(folder / "s"), tree(folder / "t")
    assert {k: v for k, v in mine.items() if "/" in k} == {k: v for k, v in plain.items() if "/" in k}


def test_rows_that_cannot_be_events_are_set_aside_with_their_reason(tmp_path):
    rows = pl.DataFrame(
        {
            "subject_id": pl.Series([1, None, 2**63 + 1, 4, 5, 6, 7], dtype=pl.UInt64),
            "time": pl.Series([0, 1, 2, 3, 4, 9 * 10**15, 6], dtype=pl.Int64).cast(pl.Datetime("ms")),
            "code": ["A", "B", "C", None, "", "F", "G"],
            "numeric_value": [1.5, 1, 1, 1, 1, 1, math.inf],
        }
    )
    more = frame([{"subject_id": 8, "code": "H", "numeric_value": math.nan}, {"subject_id": 9, "code": "SECRET"}])
    more = more.with_columns(visit_id=pl.Series([1.0, 1.5]), numeric_value=pl.col("numeric_value").cast(pl.Float64))
    more = more.with_columns(numeric_value=pl.Series([math.nan, None]))
    info, events = ingest_meds(write_meds(tmp_path / "m", {"a.parquet": rows, "b/c.parquet": more}), tmp_path / "s")
    aside = Store.open(tmp_path / "s").quarantine().collect()
    assert sorted(aside.rows()) == [
        ("data/a.parquet", None, 2, "subject_id: missing"),
        ("data/a.parquet", None, 3, "subject_id: not a whole number of 64 bits"),
        ("data/a.parquet", None, 4, "code: missing"),
        ("data/a.parquet", None, 5, "code: missing"),
        ("data/a.parquet", None, 6, "time: outside the years 1 to 9999"),
        ("data/a.parquet", None, 7, "numeric_value: not a finite number of 32 bits"),
        ("data/b/c.parquet", None, 2, "hadm_id: not a whole number of 64 bits"),
    ]
    assert events.select("subject_id", "code", "numeric_value", "hadm_id").rows() == [
        (1, "A", 1.5, None),
        (8, "H", None, 1),
    ]
    assert (info["tables"]["data"]["rows_in"], info["tables"]["data"]["rows_used"]) == (9, 2)
    assert "numeric_value is NaN in 1 rows: taken for no value" in info["remarks"]


def test_a_second_ingest_of_the_same_files_does_nothing(tmp_path):
    root = write_mimic_meds(tmp_path / "m")
    assert Meds().ingest(root, tmp_path / "s")["unchanged"] is False
    assert Meds().ingest(root, tmp_path / "s")["unchanged"] is True
    (root / "metadata" / "codes.parquet").unlink()
    assert Meds().ingest(root, tmp_path / "s")["unchanged"] is False


def test_look_says_what_is_there_without_reading_rows(tmp_path):
    found = Meds().look(write_mimic_meds(tmp_path / "m"))
    assert (found["kind"], found["rows"], found["shards"]) == ("a MEDS dataset", len(MIMIC_ROWS), 2)
    assert found["columns"]["stay_id"] == "icustay_id"
    assert found["columns not kept"] == ["poe_id"]
    assert found["known_at"].startswith("not given")
    with pytest.raises(DataError, match="not a MEDS dataset"):
        Meds().look(write_mimic(tmp_path / "mimic"))
