"""What may lie beside MIMIC-IV: a user's echo and ECG notes, MIMIC-CXR-JPG 2.1, the DICOM files of MIMIC-CXR."""

import shutil
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from tiny_dicom import write_dicom
from tiny_mimic import FILES, A, ingest, one, write_mimic

from xhaim.errors import DataError
from xhaim.source.store import Store

HEADER = "note_id,subject_id,hadm_id,charttime,storetime,text\n"


def test_echo_and_ecg_notes_are_documents_known_when_they_were_stored(tmp_path):
    root = write_mimic(tmp_path / "m")
    (root / "note" / "echo_notes.csv").write_text(
        HEADER
        + f'e1,{A},20000001,2150-01-02 08:00:00,2150-01-02 17:00:00,"LVEF 55%, ""normal""\nno effusion"\n'
        + f"e1,{A},20000001,2150-01-02 08:00:00,2150-01-02 17:00:00,again\n"
        + f"e2,{A},,2150-01-03 08:00:00,2150-01-03 07:00:00,stored before it was done\n"
        + "e3,999,,2150-01-03 08:00:00,,a stranger\n"
        + f"e4,{A},,,,without a time\n"
    )
    (root / "note" / "ecg_notes.csv").write_text(  # hadm_id and storetime need not be there
        f"note_id,subject_id,charttime,text\nc1,{A},2150-01-02 08:00:00,Sinus rhythm.\n"
    )
    info, events = ingest(root, tmp_path / "s")
    echo = one(events, "note/echo_notes#e1")
    assert (echo["code"], echo["title"], echo["hadm_id"]) == ("NOTE//echo", "Echocardiogram", 20000001)
    assert echo["text_value"] == 'LVEF 55%, "normal"\nno effusion'
    assert (echo["time"], echo["known_at"]) == (datetime(2150, 1, 2, 8), datetime(2150, 1, 2, 17))
    assert one(events, "note/echo_notes#e2")["known_at"] == datetime(2150, 1, 3, 8)
    ecg = one(events, "note/ecg_notes#c1")
    assert (ecg["code"], ecg["known_at"], ecg["hadm_id"]) == ("NOTE//ecg", datetime(2150, 1, 3, 8), None)
    table = info["tables"]["echo_notes"]
    assert (table["rows_in"], table["rows_used"], table["rows_set_aside"]) == (5, 2, 3)
    assert info["clock"]["echo_notes"] == info["clock"]["ecg_notes"] == "storetime, else charttime + 24 h"
    aside = Store.open(tmp_path / "s").quarantine().collect().sort("line").select("line", "reason").rows()
    assert aside == [
        (4, "note_id: more than once; the first by content is kept"),
        (6, "subject_id: not in patients"),
        (7, "charttime: missing"),
    ]


def test_without_them_nothing_is_said_of_them_but_that_they_are_absent(tmp_path):
    info, events = ingest(write_mimic(tmp_path / "m"), tmp_path / "s")
    assert {"echo_notes", "ecg_notes"} <= set(info["absent"])
    assert not {"echo_notes", "ecg_notes"} & set(info["tables"])
    assert events.filter(pl.col("code") == "NOTE//echo").is_empty()


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0"])
def test_mimic_cxr_jpg_2_1_is_read_as_2_0_whatever_its_tables_are_called(tmp_path, version):
    info, events = ingest(write_mimic(tmp_path / "m"), tmp_path / "s")
    root = write_mimic(tmp_path / "n")
    folder = root / "mimic-cxr-jpg"
    for path in sorted(folder.glob("mimic-cxr-2.0.0-*")):
        path.rename(folder / path.name.replace("2.0.0", version))
    (folder / "mimic-cxr-2.1.0-test-set-labeled.csv").write_text("study_id,Edema\n50000001,1.0\n")
    other, same = ingest(root, tmp_path / "t")
    assert same.equals(events)
    assert other["counts"] == info["counts"]


def test_two_versions_of_mimic_cxr_jpg_side_by_side_are_refused_by_name(tmp_path):
    root = write_mimic(tmp_path / "m")
    shutil.copytree(root / "mimic-cxr-jpg", root / "mimic-cxr-jpg-2.1.0")
    with pytest.raises(DataError, match="more than one file for the table cxr_metadata") as error:
        ingest(root, tmp_path / "s")
    assert "mimic-cxr-jpg-2.1.0/mimic-cxr-2.0.0-metadata.csv.gz" in str(error.value)


def images(events):
    rows = events.filter(pl.col("code") == "IMAGE//CXR").sort("source")
    return dict(rows.select("source", "image_path").rows())


def test_where_there_is_no_jpg_the_dicom_file_is_the_image(tmp_path):
    root = write_mimic(tmp_path / "m")
    write_dicom(root / FILES / "s50000002" / "bb-2.dcm")
    write_dicom(root / FILES / "s50000001" / "aa-1.dcm")  # and there is a JPG of it
    _, events = ingest(root, tmp_path / "s")
    path = "files/p10/p10000001/s50000002/bb-2.dcm"
    assert images(events) == {"cxr#aa-1": "files/p10/p10000001/s50000001/aa-1.jpg", "cxr#bb-2": path}
    assert Store.open(tmp_path / "s").image(path).shape == (3, 4)


def test_the_dicom_files_may_lie_beside_the_tables(tmp_path):
    root = write_mimic(tmp_path / "m")
    (root / FILES / "s50000001" / "aa-1.jpg").unlink()
    write_dicom(root / "mimic-cxr" / "files/p10/p10000001/s50000001/aa-1.dcm", np.eye(5, dtype=np.uint16))
    info, events = ingest(root, tmp_path / "s")
    assert info["image_root"] == str(root / "mimic-cxr")
    assert images(events) == {"cxr#aa-1": "files/p10/p10000001/s50000001/aa-1.dcm", "cxr#bb-2": None}
    assert Store.open(tmp_path / "s").image("files/p10/p10000001/s50000001/aa-1.dcm").shape == (5, 5)
    # the reports, which stayed where they were, are read all the same
    assert events.filter(pl.col("source") == "cxr/report#s50000002").height == 1
