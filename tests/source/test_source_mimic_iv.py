"""From MIMIC-IV's files to a store: what becomes of each row, when it is known; nothing is lost or half done."""

import json
from datetime import datetime

import meds
import polars as pl
import pyarrow.parquet as parquet
import pytest
from tiny_mimic import ROWS, A, B, ingest, one, write_mimic

from xhaim.events import EVENT_SCHEMA
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.store import Store

CXR = "mimic-cxr-jpg/mimic-cxr-2.0.0-"


def at(text):
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return ingest(write_mimic(folder / "mimic"), folder / "store")


@pytest.mark.parametrize(
    ("source", "code", "time", "known_at", "number", "text"),
    [
        ("hosp/labevents#1", "LAB//50813//mmol/L", "2150-01-01 13:00", "2150-01-01 13:30", 2.8, None),
        ("hosp/labevents#2", "LAB//50813//mmol/L", "2150-01-02 13:00", "2150-01-02 19:00", 3.5, None),
        # stored before it was charted: never known before it happened
        (
            "hosp/labevents#3",
            "LAB//50813//UNK",
            "2150-01-03 13:00",
            "2150-01-03 13:00",
            None,
            'said "HEMOLYZED", twice',
        ),
        ("icu/chartevents", "CHART//220045//bpm", "2150-01-01 13:00", "2150-01-01 13:00", 88, None),
        ("icu/chartevents", "CHART//220048//UNK", "2150-01-01 13:00", "2150-01-01 14:05", None, "SR (Sinus Rhythm)"),
        ("icu/procedureevents#9", "PROCEDURE//225792", "2150-01-01 13:00", "2150-01-02 13:10", 1440, None),
        ("icu/inputevents#4", "INPUT//221906//mg", "2150-01-01 13:00", "2150-01-01 15:00", 1.5, None),
        ("icu/outputevents", "OUTPUT//226559//ml", "2150-01-01 18:00", "2150-01-01 18:00", 60, None),
        ("hosp/transfers#7", "TRANSFER_TO//MICU", "2150-01-01 12:00", "2150-01-01 12:00", None, None),
        ("hosp/diagnoses_icd#20000001-1", "DIAGNOSIS//ICD//10//I509", "2150-01-05", "2150-02-04", None, None),
        ("hosp/prescriptions#5", "PRESCRIPTION//Furosemide", "2150-01-01 15:00", "2150-01-01 15:00", None, "40 mg IV"),
        (
            "hosp/emar#10000001-1",
            "MEDICATION//Furosemide//Administered",
            "2150-01-01 15:30",
            "2150-01-01 15:31",
            None,
            None,
        ),
        (
            "hosp/microbiologyevents#1",
            "MICROBIOLOGY//90201//80001",
            "2150-01-01 14:00",
            "2150-01-09 14:00",
            None,
            "BLOOD; BLOOD CULTURE; E. COLI; CEFAZOLIN: S",
        ),
        (
            "hosp/microbiologyevents#2",
            "MICROBIOLOGY//90201//UNK",
            "2150-01-01",
            "2150-01-04",
            None,
            "BLOOD CULTURE; NO GROWTH.",
        ),
        (
            "hosp/admissions#20000001",
            "HOSPITAL_ADMISSION//URGENT",
            "2150-01-01 10:00",
            "2150-01-01 10:00",
            None,
            "EMERGENCY ROOM",
        ),
        # dischtime is 00:00 of the day of death: knowing the discharge then would tell the death before it happened
        ("hosp/admissions#20000001", "HOSPITAL_DISCHARGE//DIED", "2150-01-05", "2150-01-05 22:20", None, None),
        ("hosp/admissions#20000001", "MEDS_DEATH", "2150-01-05 22:20", "2150-01-05 22:20", None, None),
        ("hosp/admissions#20000001", "RACE//WHITE", "2150-01-01 10:00", "2150-01-01 10:00", None, None),
        ("hosp/patients#10000002", "MEDS_DEATH", "2161-05-01 23:59:59", "2161-05-01 23:59:59", None, None),
        ("hosp/patients#10000001", "MEDS_BIRTH", "2090-01-01", "2090-01-01", None, None),
        ("hosp/patients#10000001", "GENDER//F", None, None, None, None),
        ("icu/icustays#30000001", "ICU_ADMISSION//MICU", "2150-01-01 12:00", "2150-01-01 12:00", None, None),
        ("icu/icustays#30000001", "ICU_DISCHARGE//SICU", "2150-01-05 01:00", "2150-01-05 01:00", None, None),
        (
            "note/radiology#10000001-RR-1",
            "NOTE//radiology",
            "2150-01-02 09:15",
            "2150-01-02 11:00",
            None,
            'INDICATION: "dyspnea"\nIMPRESSION:\nSmall effusion.\n',
        ),
        (
            "note/radiology#10000001-AR-2",
            "NOTE//radiology",
            "2150-01-04 09:00",
            "2150-01-05 09:00",
            None,
            "ADDENDUM: none.",
        ),
        (
            "note/discharge#10000001-DS-1",
            "NOTE//discharge",
            "2150-01-05",
            "2150-01-06",
            None,
            "Name: ___\nHospital Course: died.\n",
        ),
        (
            "ecg/machine_measurements#40000001",
            "NOTE//ecg",
            "2150-01-01 12:30",
            "2150-01-01 13:30",  # a machine's clock
            None,
            "Sinus rhythm\nAbnormal ECG",
        ),
        (
            "cxr/report#s50000002",
            "NOTE//cxr",
            "2150-01-03 23:00",
            "2150-01-04 23:00",
            None,
            "FINAL REPORT\n Lungs are clear.\n",
        ),
        ("cxr#aa-1", "IMAGE//CXR", "2150-01-02 09:21:18.375", "2150-01-02 09:21:18.375", None, None),
        # when the addendum to its report was known
        ("cxr/chexpert#s50000001", "LABEL//CXR//Pneumonia", "2150-01-02 09:21:18.375", "2150-01-05 09:00", -1, None),
        ("cxr/chexpert#s50000002", "LABEL//CXR//No Finding", "2150-01-03 23:00", "2150-01-04 23:00", 1, None),
    ],
)
def test_each_kind_of_row_becomes_its_event_at_its_time(made, source, code, time, known_at, number, text):
    event = one(made[1], source, code)
    assert event["time"] == (at(time) if time else None)
    assert event["known_at"] == (at(known_at) if known_at else None)
    assert event["numeric_value"] == (pytest.approx(number) if number is not None else None)
    assert event["text_value"] == text


def test_rows_are_booked_and_add_up(made):
    info, events = made
    tables = info["tables"]
    for name, n in tables.items():
        assert n["rows_in"] == n["rows_used"] + n["rows_set_aside"] + n["rows_not_used"], name
    written = {name.split("/")[-1].removeprefix("mimic-cxr-2.0.0-"): len(rows) for name, rows in ROWS.items()}
    read = {name.removeprefix("cxr_"): n["rows_in"] for name, n in tables.items()}
    assert read == {**written, "reports": 2, "files": 1}
    assert {name: n["not_used"] for name, n in tables.items() if n["not_used"]} == {
        "labevents": {"no value": 1},
        "chartevents": {"no value": 1},
        "inputevents": {"rewritten: replaced by another row": 1},
        "transfers": {"discharges: they are in admissions": 1},
        "radiology_detail": {"other fields": 1},
        "cxr_reports": {"the same report is in MIMIC-IV-Note": 1},
    }
    assert sum(n["rows_set_aside"] for n in tables.values()) == 0
    assert info["counts"] == {
        "subjects": 2,
        "stays": 1,
        "events": events.height,
        "images": 2,
        "images_without_file": 1,
        "studies": 2,
        "notes": {"cxr": 1, "discharge": 1, "ecg": 1, "radiology": 3},
    }
    assert set(info["clock"]) >= set(tables) - {"d_items", "d_labitems", "d_icd_diagnoses", "cxr_split"} - {
        "radiology_detail"
    }


def test_no_fact_is_known_before_it_happened(made):
    timed = made[1].filter(pl.col("time").is_not_null())
    assert (timed["known_at"] >= timed["time"]).all()
    assert made[1].filter(pl.col("time").is_null())["code"].str.starts_with("GENDER//").all()


def test_studies_reports_addenda_and_labels_belong_together(made):
    events = made[1]
    report = one(events, "note/radiology#10000001-RR-1")
    addendum = one(events, "note/radiology#10000001-AR-2")
    assert (report["study_id"], report["title"]) == (50000001, "Radiology: CHEST (PORTABLE AP)")
    assert (addendum["study_id"], addendum["title"]) == (50000001, "Radiology addendum: CHEST (PORTABLE AP)")
    assert one(events, "note/radiology#10000001-RR-3")["study_id"] is None
    labels = events.filter(pl.col("code").str.starts_with("LABEL//CXR"), pl.col("study_id") == 50000001)
    assert dict(labels.select("code", "numeric_value").iter_rows()) == {
        "LABEL//CXR//Pleural Effusion": 1,
        "LABEL//CXR//Pneumonia": -1,
        "LABEL//CXR//Edema": 0,
    }
    assert one(events, "cxr#aa-1")["image_path"] == "files/p10/p10000001/s50000001/aa-1.jpg"
    assert one(events, "cxr#aa-1")["title"] == "AP"
    assert one(events, "cxr#bb-2")["image_path"] is None


@pytest.mark.parametrize(("minute", "linked"), [("09:11:19", True), ("09:11:18", False), ("09:31:18", True)])
def test_a_report_is_linked_within_ten_minutes_only(tmp_path, minute, linked):
    rows = [{**ROWS["note/radiology"][0], "charttime": f"2150-01-02 {minute}"}]
    _, events = ingest(write_mimic(tmp_path / "m", {"note/radiology": rows}), tmp_path / "s")
    assert (one(events, "note/radiology#10000001-RR-1")["study_id"] == 50000001) is linked
    assert events.filter(pl.col("source") == "cxr/report#s50000001").height == (0 if linked else 1)


def test_the_store_is_valid_meds(made, tmp_path):
    root = write_mimic(tmp_path / "m")
    MimicIV(subjects_per_shard=1).ingest(root, tmp_path / "s")
    seen = []
    for shard in sorted((tmp_path / "s" / "data").glob("*.parquet")):
        table = parquet.read_table(shard)
        meds.DataSchema.validate(table)
        frame = pl.DataFrame(pl.from_arrow(table))
        assert frame.schema == pl.Schema(EVENT_SCHEMA)
        assert frame.equals(frame.sort("subject_id", "time", maintain_order=True))
        seen += frame["subject_id"].unique().to_list()
    assert sorted(seen) == [A, B]  # no subject in two shards
    codes = parquet.read_table(tmp_path / "s" / "metadata" / "codes.parquet")
    meds.CodeMetadataSchema.validate(codes)
    meds.SubjectSplitSchema.validate(parquet.read_table(tmp_path / "s" / "metadata" / "subject_splits.parquet"))
    meds.DatasetMetadataSchema.validate(json.loads((tmp_path / "s" / "metadata" / "dataset.json").read_text()))
    store = Store.open(tmp_path / "s")
    assert set(store.codes()["code"]) == set(made[1]["code"])
    described = dict(store.codes().drop_nulls("description").select("code", "description").iter_rows())
    assert described == {
        "LAB//50813//mmol/L": "Lactate (Blood, Blood Gas)",
        "LAB//50813//UNK": "Lactate (Blood, Blood Gas)",
        "CHART//220045//bpm": "Heart Rate",
        "DIAGNOSIS//ICD//10//I509": "Heart failure, unspecified",
    }
    assert store.events().collect().equals(made[1])
