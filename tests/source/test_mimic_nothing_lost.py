"""MIMIC-IV: what no rule turns into events is counted with its reason, and no report or label is dated too early."""

import json
from datetime import datetime

import pytest
from PIL import Image
from tiny_dicom import write_dicom
from tiny_mimic import FILES, ROWS, A, ingest, one, write_mimic

from xhaim.source.mimic_iv import MimicIV
from xhaim.source.mimic_iv.cxr_files import NO_STUDY
from xhaim.source.store import Store

CXR = "mimic-cxr-jpg/mimic-cxr-2.0.0-"
NOTE = {"subject_id": A, "hadm_id": 20000001}


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("shards", [1, 500])
def test_texts_and_pictures_of_no_study_are_counted_and_named(tmp_path, shards):
    root = write_mimic(tmp_path / "m")
    (root / FILES / "s59999999").mkdir()
    (root / FILES / "s59999999.txt").write_text("SECRET")
    Image.new("L", (8, 6), 77).save(root / FILES / "s59999999" / "zz-9.jpg")
    write_dicom(root / FILES / "s50000001" / "aa-1.dcm")  # and there is a JPG of it
    stranger = root / "mimic-cxr-jpg/files/p19/p19999999"
    stranger.mkdir(parents=True)
    (stranger / "s58888888.txt").write_text("SECRET")
    info, events = ingest(root, tmp_path / "s", subjects_per_shard=shards)
    texts, pictures = info["tables"]["cxr_reports"], info["tables"]["cxr_files"]
    assert (texts["rows_in"], texts["rows_used"], texts["rows_set_aside"]) == (4, 1, 2)
    assert texts["not_used"] == {"the same report is in MIMIC-IV-Note": 1}
    assert (pictures["rows_in"], pictures["rows_used"], pictures["rows_set_aside"]) == (3, 1, 1)
    assert pictures["not_used"] == {"the same image is there as JPG": 1}
    aside = Store.open(tmp_path / "s").quarantine().collect().sort("file")
    assert aside.select("file", "line", "reason").rows() == [
        ("files/p10/p10000001/s59999999.txt", None, NO_STUDY),
        ("files/p10/p10000001/s59999999/zz-9.jpg", None, "no such image: no row of the metadata that was used has it"),
        ("files/p19/p19999999/s58888888.txt", None, NO_STUDY),
    ]
    assert "SECRET" not in str(events["text_value"].to_list())


def test_texts_that_lie_in_two_folders_are_read_once(tmp_path):
    root = write_mimic(tmp_path / "m")
    copy = root / "mimic-cxr/files/p10/p10000001"
    copy.mkdir(parents=True)
    (copy / "s50000002.txt").write_text("FINAL REPORT\n Lungs are clear.\n")
    info, events = ingest(root, tmp_path / "s")
    assert one(events, "cxr/report#s50000002")
    assert info["tables"]["cxr_reports"]["not_used"] == {
        "the same report is in MIMIC-IV-Note": 1,
        "the report lies in another folder too": 1,
    }


@pytest.mark.parametrize(
    ("exam", "text", "linked"),
    [
        ("CHEST (PORTABLE AP)", "x", True),
        ("XR CHEST_2 VIEWS", "x", True),
        ("CT CHEST W/CONTRAST", "CT CHEST: nodule", False),
        ("CTA CHEST", "x", False),
        ("MR THORAX", "x", False),
        (None, "CT CHEST: nodule", False),
        (None, "EXAMINATION: CXR, one view", True),
        (None, "INDICATION: orchestral", False),
    ],
)
def test_only_the_report_of_a_film_is_the_films_report(tmp_path, exam, text, linked):
    rows = [
        {**NOTE, "note_id": "n", "charttime": "2150-01-02 09:26:00", "storetime": "2150-01-02 09:51:00", "text": text}
    ]
    named = {"note_id": "n", "subject_id": A, "field_name": "exam_name", "field_value": exam}
    changes = {"note/radiology": rows, "note/radiology_detail": [named] if exam else []}
    info, events = ingest(write_mimic(tmp_path / "m", changes), tmp_path / "s")
    assert (one(events, "note/radiology#n")["study_id"] == 50000001) is linked
    label = one(events, "cxr/chexpert#s50000001", "LABEL//CXR//Edema")
    # without the film's report: a day later, and its text in MIMIC-CXR is read
    assert label["known_at"] == at("2150-01-02 09:51" if linked else "2150-01-03 09:21:18.375")
    assert info["tables"]["cxr_reports"]["rows_used"] == (1 if linked else 2)


def test_a_film_among_several_exams_of_one_report_is_linked(tmp_path):
    names = ["CHEST (PORTABLE AP)", "CT HEAD W/O CONTRAST"]
    detail = [
        {"note_id": f"{A}-RR-1", "subject_id": A, "field_name": "exam_name", "field_value": name, "field_ordinal": i}
        for i, name in enumerate(names)
    ]
    _, events = ingest(write_mimic(tmp_path / "m", {"note/radiology_detail": detail}), tmp_path / "s")
    assert one(events, f"note/radiology#{A}-RR-1")["study_id"] == 50000001


def test_a_label_is_not_known_before_the_last_addendum_of_its_report(tmp_path):
    late = {**ROWS["note/radiology"][1], "storetime": "2150-01-04 09:05:00"}
    changes = {"note/radiology": [ROWS["note/radiology"][0], late]}
    _, events = ingest(write_mimic(tmp_path / "m", changes), tmp_path / "s")
    assert one(events, f"note/radiology#{A}-RR-1")["known_at"] == at("2150-01-02 11:00")
    label = one(events, "cxr/chexpert#s50000001", "LABEL//CXR//Edema")
    assert (label["time"], label["known_at"]) == (at("2150-01-02 09:21:18.375"), at("2150-01-04 09:05"))


def test_an_addendum_alone_does_not_stand_for_the_report(tmp_path):
    only = {**ROWS["note/radiology"][1], "charttime": "2150-01-02 09:25:00", "text": "ADDENDUM to the CHEST film"}
    info, events = ingest(write_mimic(tmp_path / "m", {"note/radiology": [only]}), tmp_path / "s")
    assert one(events, f"note/radiology#{A}-AR-2")["study_id"] == 50000001
    assert one(events, "cxr/report#s50000001")
    assert info["tables"]["cxr_reports"]["not_used"] == {}


def test_tables_that_are_not_read_are_named_with_a_reason(tmp_path):
    root = write_mimic(tmp_path / "m")
    (root / "ed").mkdir()
    for name in ("hosp/omr.csv", "ed/triage.csv.gz", "icu/datetimeevents.csv", "mine.csv", "hosp/emar.csv"):
        (root / name).write_text("subject_id\n1\n")
    (root / "mimic-cxr-jpg" / "mimic-cxr-2.0.0-negbio.csv.gz").write_text("")
    info, _ = ingest(root, tmp_path / "s")
    said = json.loads((tmp_path / "s" / "ingest.json").read_text())["not_read"]
    assert said == info["not_read"] == MimicIV().look(root)["not_read"]
    # of emar the csv.gz is read, which a remark says
    assert sorted(said) == [
        "ed/triage.csv.gz", "hosp/omr.csv", "icu/datetimeevents.csv", "mimic-cxr-jpg/mimic-cxr-2.0.0-negbio.csv.gz",
        "mine.csv",
    ]  # fmt: skip
    assert said["mine.csv"] == "not a table of MIMIC-IV that is known here"
    assert all(said.values())
    assert said["hosp/omr.csv"] != said["mine.csv"]
    (root / "new.csv").write_text("a\n")
    again, _ = ingest(root, tmp_path / "s")
    assert "new.csv" in again["not_read"]


def test_guesses_of_the_clock_are_late_and_said(tmp_path):
    info, events = ingest(write_mimic(tmp_path / "m"), tmp_path / "s")
    ecg = one(events, "ecg/machine_measurements#40000001")
    assert (ecg["time"], ecg["known_at"]) == (at("2150-01-01 12:30"), at("2150-01-01 13:30"))
    assert "not set by the hospital's" in info["clock"]["machine_measurements"]
    assert "until discharge" in info["clock"]["admissions"]


def test_without_the_metadata_the_files_are_counted_all_the_same(tmp_path):
    info, _ = ingest(write_mimic(tmp_path / "m", {f"{CXR}metadata": None}), tmp_path / "s")
    assert info["image_root"] is None
    assert (info["tables"]["cxr_reports"]["rows_in"], info["tables"]["cxr_reports"]["rows_set_aside"]) == (2, 2)
    assert (info["tables"]["cxr_files"]["rows_in"], info["tables"]["cxr_files"]["rows_set_aside"]) == (1, 1)
