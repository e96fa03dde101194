"""Codes of the common converters, and the stays and deaths that a dataset does not tell by ids."""

import polars as pl
import pytest
from meds_datasets import at, frame, ingest_meds, write_meds

from xhaim.cohort.stays import stays
from xhaim.source.meds.codes import translate


def spelled(code, dataset="MIMIC-IV"):
    row = translate(pl.DataFrame({"code": [code]}), dataset).row(0, named=True)
    return row["ours"], row["code_unit"], row["lag"]


@pytest.mark.parametrize(
    ("code", "ours", "unit", "lag"),
    [
        ("LAB//RESULT//50813//mmol/L", "LAB//50813//mmol/L", "mmol/L", 6),
        ("LAB//50813//mmol/L", "LAB//50813//mmol/L", "mmol/L", 6),
        ("LAB//220045//bpm", "CHART//220045//bpm", "bpm", 0),
        ("LAB//220045//UNK", "CHART//220045//UNK", None, 0),
        ("LAB//SPECIMEN_COLLECTED//50813//STAT", "LAB//SPECIMEN_COLLECTED//50813//STAT", None, 6),
        ("SUBJECT_FLUID_OUTPUT//226559//ml", "OUTPUT//226559//ml", "ml", 0),
        ("PROCEDURE//ICD//10//0BH17EZ", "PROCEDURE//ICD//10//0BH17EZ", None, 720),
        ("PROCEDURE//START//225792", "PROCEDURE//START//225792", None, 0),
        ("DRG//APR//139", "DRG//APR//139", None, 720),
        ("MIMIC_IV_LABITEM/50813", "LAB//50813", None, 6),
        ("MIMIC_IV_ITEM/220045", "CHART//220045", None, 0),
        ("MIMIC_IV_ITEM/1", "MIMIC_IV_ITEM/1", None, 0),
        ("MIMIC_IV_Admission/EW EMER.", "HOSPITAL_ADMISSION//EW EMER.", None, 0),
        ("MIMIC_IV_Race/WHITE", "RACE//WHITE", None, 0),
        ("ICD10CM/I50.9", "ICD10CM/I50.9", None, 720),
        ("Gender/F", "GENDER//F", None, 0),
        ("Race/5", "RACE//WHITE", None, 0),
        ("Visit/IP", "HOSPITAL_ADMISSION//IP", None, 0),
        ("Visit/OP", "Visit/OP", None, 0),
        ("SNOMED/3950001", "MEDS_BIRTH", None, 0),
        ("LOINC/2345-7", "LOINC/2345-7", None, 6),
        ("LAB//220045//bp\nm", "CHART//220045//bp\nm", "bp\nm", 0),
    ],
)
def test_what_means_the_same_is_spelled_as_the_store_does(code, ours, unit, lag):
    assert spelled(code) == (ours, unit, lag)


def test_mimics_spellings_are_mimics_only():
    assert spelled("LAB//220045//bpm", "Our hospital") == ("LAB//220045//bpm", None, 6)
    assert spelled("Gender/F", "Our hospital") == ("GENDER//F", None, 0)
    assert spelled("NOTE//Discharge summary", "Our hospital") == ("NOTE//discharge", None, 24)


def test_visits_of_omop_become_admissions_with_their_end(tmp_path):
    rows = [
        {"subject_id": 1, "code": "Visit/IP", "time": "2150-01-01T10:00", "end": "2150-01-05T11:00", "visit_id": 9},
        {"subject_id": 1, "code": "Visit/OP", "time": "2150-02-01T10:00", "end": "2150-02-01T11:00", "visit_id": 10},
        {"subject_id": 1, "code": "LOINC/2345-7", "time": "2150-01-02T10:00", "numeric_value": 90.0, "visit_id": 9},
    ]
    table = frame(rows, visit_id=pl.Int64(), end=pl.Datetime("us"))
    info, events = ingest_meds(write_meds(tmp_path / "m", {"0.parquet": table}), tmp_path / "s")
    left = events.filter(pl.col("code") == "HOSPITAL_DISCHARGE//UNK")
    assert left.select("hadm_id", "time", "known_at").rows() == [(9, at("2150-01-05T11:00"), at("2150-01-05T11:00"))]
    assert info["tables"]["data"]["rows_used"] == 3


def test_an_end_gives_no_second_discharge(tmp_path):
    rows = [
        {"subject_id": 1, "code": "Visit/IP", "time": "2150-01-01T10:00", "end": "2150-01-05T11:00", "visit_id": 9},
        {"subject_id": 1, "code": "HOSPITAL_DISCHARGE//HOME", "time": "2150-01-05T11:30", "visit_id": 9},
    ]
    table = frame(rows, visit_id=pl.Int64(), end=pl.Datetime("us"))
    _, events = ingest_meds(write_meds(tmp_path / "m", {"0.parquet": table}), tmp_path / "s")
    assert events["code"].to_list() == ["HOSPITAL_ADMISSION//IP", "HOSPITAL_DISCHARGE//HOME"]


def test_facts_in_columns_of_the_admission_become_events(tmp_path):
    rows = [
        {
            "subject_id": 1,
            "code": "HOSPITAL_ADMISSION//URGENT",
            "time": "2150-01-01T10:00",
            "hadm_id": 2,
            "race": "ASIAN",
        }
        | {"insurance": "", "language": None}
    ]
    table = frame(rows, hadm_id=pl.Int64(), race=pl.String(), insurance=pl.String(), language=pl.String())
    info, events = ingest_meds(write_meds(tmp_path / "m", {"0.parquet": table}), tmp_path / "s")
    assert sorted(events.select("code", "hadm_id").rows()) == [("HOSPITAL_ADMISSION//URGENT", 2), ("RACE//ASIAN", 2)]
    assert info["columns_not_kept"] == []


def timeline(*events, subject=1):
    return [{"subject_id": subject, "code": code, "time": time} for code, time in events]


def test_stays_without_ids_are_numbered_and_placed(tmp_path):
    rows = timeline(
        ("HOSPITAL_ADMISSION//A", "2150-01-01T10:00"),
        ("ICU_ADMISSION//X", "2150-01-01T12:00"),
        ("ICU_DISCHARGE//X", "2150-01-02T12:00"),
        ("ICU_ADMISSION//X", "2150-01-03T12:00"),
        ("ICU_DISCHARGE//X", "2150-01-04T12:00"),
        ("HOSPITAL_DISCHARGE//HOME", "2150-01-05T10:00"),
        ("ICU_ADMISSION//X", "2150-06-01T12:00"),  # outside any admission
        ("MEDS_DEATH", "2150-07-01T12:00"),  # long after the discharge
    )
    rows += timeline(("HOSPITAL_ADMISSION//A", "2150-01-01T10:00"), ("MEDS_DEATH", "2150-01-02T10:00"), subject=2)
    root = write_meds(tmp_path / "m", {"0.parquet": frame(rows)})
    info, events = ingest_meds(root, tmp_path / "s")
    found = stays(events.lazy()).sort("intime")
    assert found["outtime"].to_list() == [at("2150-01-02T12:00"), at("2150-01-04T12:00"), None]
    assert found["dischtime"].to_list() == [at("2150-01-05T10:00"), at("2150-01-05T10:00"), None]
    assert found["died_in_hospital"].to_list() == [False, False, False]
    assert found["stay_id"].n_unique() == 3
    deaths = events.filter(pl.col("code") == "MEDS_DEATH").sort("subject_id")["hadm_id"].to_list()
    admitted = (
        events.filter(pl.col("code").str.starts_with("HOSPITAL_ADMISSION")).sort("subject_id")["hadm_id"].to_list()
    )
    assert deaths == [None, admitted[1]]
    assert (info["counts"]["stays"], info["counts"]["admissions"]) == (3, 2)
    shuffled = write_meds(tmp_path / "n", {"0.parquet": frame(rows[::-1])})
    assert ingest_meds(shuffled, tmp_path / "t")[1].equals(events)


@pytest.mark.parametrize(
    ("where", "death", "belongs"),
    [
        ("DIED", "2150-01-05T22:00", True),  # dated at midnight of the day of death
        ("HOME", "2150-01-05T22:00", False),
        ("HOME", "2150-01-04T22:00", True),
        ("DIED", "2149-12-31T00:00", False),  # before the admission
    ],
)
def test_a_death_belongs_to_the_admission_that_it_ended(tmp_path, where, death, belongs):
    rows = [
        {"subject_id": 1, "code": "HOSPITAL_ADMISSION//A", "time": "2150-01-01T10:00", "hadm_id": 5},
        {"subject_id": 1, "code": f"HOSPITAL_DISCHARGE//{where}", "time": "2150-01-05T00:00", "hadm_id": 5},
        {"subject_id": 1, "code": "MEDS_DEATH", "time": death},
    ]
    root = write_meds(tmp_path / "m", {"0.parquet": frame(rows, hadm_id=pl.Int64())})
    _, events = ingest_meds(root, tmp_path / "s")
    found = events.filter(pl.col("code") == "MEDS_DEATH")["hadm_id"].to_list()
    assert found == [5 if belongs else None]
