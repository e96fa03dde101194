"""An ingest as a whole: what it refuses, what it says, and that a store is there whole or not at all."""

import gzip
import os
import signal
import subprocess
import sys

import pytest
from tiny_mimic import FILES, HEADERS, ROWS, A, ingest, one, tree, write_mimic

from xhaim.errors import DataError
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.store import Store

CXR = "mimic-cxr-jpg/mimic-cxr-2.0.0-"


def test_any_order_of_rows_and_columns_packed_or_not_gives_the_same_data(tmp_path):
    double = {"hosp/patients": [*ROWS["hosp/patients"], {**ROWS["hosp/patients"][0], "gender": "M"}]}
    trees = []
    for i, (shuffle, packed) in enumerate([(None, True), (1, True), (2, False)]):
        MimicIV().ingest(write_mimic(tmp_path / f"m{i}", double, shuffle, packed), tmp_path / f"s{i}")
        trees.append({name: digest for name, digest in tree(tmp_path / f"s{i}").items() if "/" in name})
    assert trees[0] == trees[1] == trees[2]


def test_faulty_rows_are_set_aside_and_the_others_used(tmp_path):
    changes = {
        "hosp/patients": [*ROWS["hosp/patients"], {**ROWS["hosp/patients"][1], "gender": "X"}],
        "hosp/admissions": [*ROWS["hosp/admissions"], {**ROWS["hosp/admissions"][0], "race": "ZZZ"}],
        "icu/icustays": [*ROWS["icu/icustays"], ROWS["icu/icustays"][0]],
        "hosp/labevents": [
            *ROWS["hosp/labevents"],
            {**ROWS["hosp/labevents"][0], "subject_id": 999},
            {**ROWS["hosp/labevents"][0], "charttime": ""},
            {**ROWS["hosp/labevents"][0], "valuenum": "1e308"},
        ],
        "hosp/diagnoses_icd": [{**ROWS["hosp/diagnoses_icd"][0], "hadm_id": 999}],
        "note/radiology": [*ROWS["note/radiology"], {**ROWS["note/radiology"][0], "text": "SECRET"}],
        f"{CXR}metadata": [*ROWS[f"{CXR}metadata"], {**ROWS[f"{CXR}metadata"][0], "dicom_id": "c", "StudyTime": "x"}],
        f"{CXR}chexpert": [*ROWS[f"{CXR}chexpert"], {"subject_id": A, "study_id": 7, "Edema": 1}],
        f"{CXR}split": [{**ROWS[f"{CXR}split"][0], "split": "other"}],
    }
    root = write_mimic(tmp_path / "m", changes)
    (root / FILES / "s50000002.txt").write_bytes(b"SECRET \xff")
    info, _ = ingest(root, tmp_path / "s")
    aside = Store.open(tmp_path / "s").quarantine().collect()
    again = "more than once; the first by content is kept"
    assert sorted(aside.select("file", "line", "reason").rows(), key=str) == sorted(
        [
            ("hosp/patients.csv.gz", 4, f"subject_id: {again}"),
            ("hosp/admissions.csv.gz", 4, f"hadm_id: {again}"),
            ("icu/icustays.csv.gz", 3, f"stay_id: {again}"),
            ("hosp/labevents.csv.gz", 6, "subject_id: not in patients"),
            ("hosp/labevents.csv.gz", 7, "charttime: missing"),
            ("hosp/labevents.csv.gz", 8, "valuenum: not a finite number of 32 bits"),
            ("hosp/diagnoses_icd.csv.gz", 2, "hadm_id: no such admission, or one without dischtime"),
            ("note/radiology.csv.gz", 8, f"note_id: {again}"),
            ("mimic-cxr-jpg/mimic-cxr-2.0.0-metadata.csv.gz", 4, "StudyTime: no time"),
            (
                "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert.csv.gz",
                4,
                "study_id: no time, as no image of this subject has it",
            ),
            ("mimic-cxr-jpg/mimic-cxr-2.0.0-split.csv.gz", 2, "split: not one known split per subject"),
            ("files/p10/p10000001/s50000002.txt", None, "not a text in UTF-8 of at most 1 MiB"),
        ],
        key=str,
    )
    assert sum(n["rows_set_aside"] for n in info["tables"].values()) == aside.height
    assert "SECRET" not in (tmp_path / "s" / "ingest.json").read_text() + str(aside.to_dicts())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-20]), "labevents.csv.gz is cut short"),
        (lambda p: p.write_bytes(p.read_bytes()[:-8] + b"12345678"), "labevents.csv.gz is corrupt"),
        (lambda p: p.write_bytes(b""), "labevents.csv.gz is empty"),
        (lambda p: p.write_bytes(gzip.decompress(p.read_bytes())), "is not a gzip file"),
        (lambda p: p.write_bytes(gzip.compress(b"labevent_id,subject_id\n1,2\n")), "no column 'hadm_id'"),
    ],
)
def test_a_file_that_cannot_be_trusted_leaves_everything_as_it_was(tmp_path, fault, said):
    root = write_mimic(tmp_path / "m")
    MimicIV().ingest(root, tmp_path / "s")
    before = tree(tmp_path / "s")
    fault(root / "hosp" / "labevents.csv.gz")
    with pytest.raises(DataError, match=said):
        MimicIV().ingest(root, tmp_path / "s")
    assert tree(tmp_path / "s") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "s"]


def test_absent_and_empty_tables_are_said(tmp_path):
    changes = dict.fromkeys([name for name in HEADERS if not name.startswith(("hosp/p", "hosp/a", "icu/icu"))])
    info, events = ingest(write_mimic(tmp_path / "m", {**changes, "hosp/labevents": []}), tmp_path / "s")
    assert info["empty"] == ["labevents"]
    assert {"chartevents", "radiology", "cxr_metadata"} <= set(info["absent"])
    assert info["image_root"] is None
    assert events["code"].str.starts_with("ICU_ADMISSION").any()


def test_version_1_is_read_from_its_core_folder(tmp_path):
    root = write_mimic(tmp_path / "m")
    (root / "core").mkdir()
    for name in ("patients", "admissions", "transfers"):
        (root / "hosp" / f"{name}.csv.gz").rename(root / "core" / f"{name}.csv.gz")
    old = gzip.decompress((root / "core" / "admissions.csv.gz").read_bytes()).replace(b",race,", b",ethnicity,")
    (root / "core" / "admissions.csv.gz").write_bytes(gzip.compress(old.replace(b"admit_provider_id,", b"other,")))
    info, events = ingest(root, tmp_path / "s")
    assert info["version"]["detected"] == "1.0"
    assert one(events, "hosp/admissions#20000001", "RACE//WHITE")


def test_later_versions_are_told_by_columns_and_years(tmp_path):
    late = [{**row, "anchor_year_group": "2020 - 2022"} for row in ROWS["hosp/patients"]]
    assert ingest(write_mimic(tmp_path / "a"), tmp_path / "x")[0]["version"]["detected"] == "2.2 or later"
    new = ingest(write_mimic(tmp_path / "b", {"hosp/patients": late}), tmp_path / "y")[0]
    assert new["version"]["detected"] == "3.0 or later"


def test_of_csv_and_gz_the_gz_is_used_and_said(tmp_path):
    root = write_mimic(tmp_path / "m")
    (root / "hosp" / "emar.csv").write_text("not,a,table\n")
    info, _ = ingest(root, tmp_path / "s")
    assert info["remarks"] == ["emar: both csv and csv.gz are there; the csv.gz was used"]


def test_what_is_not_one_mimic_iv_is_refused(tmp_path):
    with pytest.raises(DataError, match="no patients, admissions, icustays"):
        MimicIV().ingest(tmp_path, tmp_path / "s")
    with pytest.raises(DataError, match="no such folder"):
        MimicIV().ingest(tmp_path / "nowhere", tmp_path / "s")
    (tmp_path / "iii").mkdir()
    (tmp_path / "iii" / "NOTEEVENTS.csv.gz").write_bytes(gzip.compress(b"ROW_ID\n"))
    with pytest.raises(DataError, match="MIMIC-III"):
        MimicIV().ingest(tmp_path / "iii", tmp_path / "s")
    write_mimic(tmp_path / "both" / "2.2")
    write_mimic(tmp_path / "both" / "3.1")
    with pytest.raises(DataError, match="more than one file for the table patients"):
        MimicIV().ingest(tmp_path / "both", tmp_path / "s")
    write_mimic(tmp_path / "m")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="is not a store"):
        MimicIV().ingest(tmp_path / "m", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_the_same_files_are_no_work_and_changed_ones_are(tmp_path):
    root, out = write_mimic(tmp_path / "m"), tmp_path / "s"
    assert not MimicIV().ingest(root, out)["unchanged"]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert MimicIV().ingest(root, out)["unchanged"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    (root / FILES / "s50000002.txt").write_text("FINAL REPORT\n Lungs are cloudy\n")
    assert not MimicIV().ingest(root, out)["unchanged"]
    (root / FILES / "s50000002.txt").unlink()
    info = MimicIV().ingest(root, out)
    assert not info["unchanged"]
    assert "cxr" not in info["counts"]["notes"]


def test_simulated_patients_are_told_from_real_ones(tmp_path):
    root = write_mimic(tmp_path / "m")
    assert ingest(root, tmp_path / "a")[0]["simulated"] is False
    (root / "truth").mkdir()
    info, _ = ingest(root, tmp_path / "b")
    assert info["simulated"] is True
    assert Store.open(tmp_path / "b").truth == (root / "truth").resolve()


@pytest.mark.parametrize("file_name", ["../../../../secret", "x.jpg\0", "/etc/passwd"])
def test_an_image_name_never_leads_out_of_its_folder(tmp_path, file_name):
    rows = [{**ROWS[f"{CXR}metadata"][0], "dicom_id": file_name}]
    (tmp_path / "secret.jpg").write_bytes(b"")
    _, events = ingest(write_mimic(tmp_path / "m", {f"{CXR}metadata": rows}), tmp_path / "s")
    assert events["image_path"].null_count() == events.height


KILLED = """
import os, signal, sys
from pathlib import Path
from xhaim.source.mimic_iv import MimicIV
calls = 0
def progress(done, total):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
MimicIV(subjects_per_shard=1).ingest(Path(sys.argv[1]), Path(sys.argv[2]), progress)
"""


@pytest.mark.parametrize("call", [5, 24])
def test_killed_and_run_again_gives_the_same_store(tmp_path, call):
    root = write_mimic(tmp_path / "m")
    MimicIV(subjects_per_shard=1).ingest(root, tmp_path / "whole")
    command = [sys.executable, "-c", KILLED, str(root), str(tmp_path / "killed"), str(call)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    MimicIV(subjects_per_shard=1).ingest(root, tmp_path / "killed")
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path)) == ["killed", "m", "whole"]


def test_killed_between_the_renames_loses_nothing(tmp_path):
    root = write_mimic(tmp_path / "m")
    MimicIV().ingest(root, tmp_path / "s")
    before = tree(tmp_path / "s")
    (tmp_path / "s").rename(tmp_path / ".s.old")
    (root / "hosp" / "emar.csv.gz").write_bytes(b"")
    with pytest.raises(DataError):
        MimicIV().ingest(root, tmp_path / "s")
    assert tree(tmp_path / "s") == before
    assert sorted(os.listdir(tmp_path)) == ["m", "s"]


def test_progress_ends_at_its_total(tmp_path):
    told = []
    MimicIV(subjects_per_shard=1).ingest(
        write_mimic(tmp_path / "m"), tmp_path / "s", lambda done, total: told.append((done, total))
    )
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
