"""The source ``dicom``: whose image, of which study, when, from which side; and where every file went."""

import contextlib
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from tiny_dicom import write_dicom
from tiny_mimic import tree

from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA
from xhaim.source import dicom
from xhaim.source.dicom import Dicom
from xhaim.source.dicom.header import Header, read_header
from xhaim.source.identity import number_of
from xhaim.source.store import Store

TIMES = dict.fromkeys(["AcquisitionDate", "AcquisitionTime", "StudyDate", "StudyTime"])


def ingest(root, out):
    info = Dicom().ingest(root, out)
    return info, Store.open(out).events().collect()


def header(tmp_path, **changes):
    return read_header(write_dicom(tmp_path / "x", **changes))


def test_a_chest_x_ray_becomes_an_image_of_its_study_and_two_facts_of_its_patient(tmp_path):
    write_dicom(tmp_path / "in" / "a" / "IM0001")
    write_dicom(tmp_path / "in" / "b.dcm", SOPInstanceUID="1.2.3.2", PatientID="10000032", StudyInstanceUID="9.9")
    info, events = ingest(tmp_path / "in", tmp_path / "s")
    assert events.schema == pl.Schema(EVENT_SCHEMA)
    taken, born = datetime(2024, 1, 2, 9, 30, 15), datetime(1950, 2, 3)
    common = dict.fromkeys(EVENT_SCHEMA)
    jane, study = number_of("MRN-7"), number_of("1.2.3")
    assert events.filter(pl.col("subject_id") == jane).to_dicts() == [
        {**common, "subject_id": jane, "code": "GENDER//F", "source": "dicom#patient"},
        {**common, "subject_id": jane, "code": "MEDS_BIRTH", "time": born, "known_at": born, "source": "dicom#patient"},
        {**common, "subject_id": jane, "code": "IMAGE//CXR", "time": taken, "known_at": taken, "study_id": study}
        | {"title": "PA", "image_path": "a/IM0001", "source": "dicom#1.2.3.1"},
    ]
    # a number stays the number it is, as in MIMIC-CXR: stores of the same people can be merged
    assert set(events["subject_id"]) == {jane, 10000032}
    ids = pl.read_parquet(tmp_path / "s" / "metadata" / "ids.parquet")
    subjects, studies = {"MRN-7": jane, "10000032": 10000032}, {"1.2.3": study, "9.9": number_of("9.9")}
    expected = [("subject", n, name) for name, n in subjects.items()] + [
        ("study", n, name) for name, n in studies.items()
    ]
    assert ids.rows() == sorted(expected)
    assert info["counts"]["images"] == 2
    assert Store.open(tmp_path / "s").image("a/IM0001").shape == (3, 4)


def test_every_file_is_used_set_aside_or_not_used_with_a_reason(tmp_path):
    root = tmp_path / "in"
    whole = write_dicom(root / "whole").read_bytes()
    write_dicom(root / "ct", Modality="CT", SOPInstanceUID="1")
    write_dicom(root / "hand", BodyPartExamined="HAND", SOPInstanceUID="2")
    write_dicom(root / "nobody", PatientID=None, SOPInstanceUID="3")
    write_dicom(root / "two-patients", PatientID="A\\B", SOPInstanceUID="4")
    write_dicom(root / "timeless", **TIMES, SOPInstanceUID="5")
    write_dicom(root / "copy-later", AcquisitionTime="235959")
    write_dicom(root / "study-1", SOPInstanceUID="7", StudyInstanceUID="8.8", PatientID="P")
    write_dicom(root / "study-2", SOPInstanceUID="8", StudyInstanceUID="8.8", PatientID="Q")
    (root / "cut").write_bytes(whole[:300])
    (root / "read.me").write_text("no image")
    (root / "empty").write_bytes(b"")
    (root / "link").symlink_to(root / "whole")
    info, events = ingest(root, tmp_path / "s")
    table = info["tables"]["files"]
    aside = Store.open(tmp_path / "s").quarantine().collect().select("file", "reason").rows()
    again = "image id: more than once; the first by content is kept"
    assert dict(aside) == {
        "nobody": "PatientID: missing, or not one printable value",
        "two-patients": "PatientID: missing, or not one printable value",
        "timeless": "time: none of the acquisition, the content and the study has a date",
        "copy-later": again,
        "study-1": "study: of more than one patient",
        "study-2": "study: of more than one patient",
        "cut": "Modality: missing, as in a DICOMDIR or in a file that is cut short",
    }
    assert table["not_used"] == {
        "BodyPartExamined: not the chest": 1,
        "Modality: not CR or DX": 1,
        "a link, or no plain file: not opened": 1,
        "not a DICOM file": 2,
    }
    assert table["rows_in"] == 13 == table["rows_used"] + table["rows_set_aside"] + table["rows_not_used"]
    assert table["rows_used"] == 1 == events.filter(pl.col("code") == "IMAGE//CXR").height


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"AcquisitionDateTime": "20240102030405.5"}, "2024-01-02T03:04:05.500000"),
        ({"AcquisitionDateTime": "202401020304"}, "2024-01-02T03:04:59"),  # what is not said is late
        ({"AcquisitionDateTime": "20240102"}, "2024-01-02T09:30:15"),  # no time of day: the next clock
        ({"AcquisitionDateTime": "20240102030405+0100"}, "2024-01-02T03:04:05"),
        ({"AcquisitionDateTime": "20240102030405+0100", "TimezoneOffsetFromUTC": "-0500"}, "2024-01-01T21:04:05"),
        ({"AcquisitionDateTime": "20240230030405"}, "2024-01-02T09:30:15"),  # there is no such day
        ({"AcquisitionTime": "0930"}, "2024-01-02T09:30:59"),
        ({"AcquisitionTime": "240000"}, "2024-01-01T08:00:00"),
        ({"AcquisitionDate": None, "ContentDate": "20240103", "ContentTime": "10"}, "2024-01-03T10:59:59"),
        ({"AcquisitionTime": None}, "2024-01-01T08:00:00"),
        ({"AcquisitionTime": None, "StudyTime": None}, "2024-01-02T23:59:59"),  # a day alone: its end
        ({"AcquisitionDate": "2024.01.02", "AcquisitionTime": "09:30:60"}, "2024-01-02T09:30:59"),
        ({"AcquisitionDate": "00010102"}, "2024-01-01T08:00:00"),
    ],
)
def test_the_time_is_by_the_documented_order(tmp_path, elements, expected):
    assert header(tmp_path, **elements).time == datetime.fromisoformat(expected)


def coded(value):
    item = Dataset()
    item.CodeValue = value
    return [item]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"ViewPosition": "AP"}, "AP"),
        ({"ViewPosition": "ll"}, "LL"),
        ({"ViewPosition": "LATERAL"}, "LATERAL"),
        ({"ViewPosition": "AP AXIAL"}, None),
        ({"ViewPosition": None, "ViewCodeSequence": coded("399348003")}, "AP"),
        ({"ViewPosition": None, "ViewCodeSequence": coded("R-10214")}, "PA"),
        ({"ViewPosition": None, "ViewCodeSequence": coded("1"), "SeriesDescription": "Chest, LAT"}, "LATERAL"),
        ({"ViewPosition": None, "SeriesDescription": "CHEST AP PORTABLE"}, "AP"),
        ({"ViewPosition": None, "SeriesDescription": "PA/LAT chest"}, None),  # two views: it may be either
        ({"ViewPosition": None, "SeriesDescription": "PAPERS"}, None),
        ({"ViewPosition": "PA", "SeriesDescription": "AP"}, "PA"),
    ],
)
def test_the_view_is_what_the_header_says_first(tmp_path, elements, expected):
    assert header(tmp_path, **elements).view == expected


@pytest.mark.parametrize("part", [None, "", "CHEST", "chest", "THORAX", "UNKNOWN", "LUNGS"])
def test_an_image_of_the_chest_or_of_what_is_not_said_is_used(tmp_path, part):
    assert isinstance(header(tmp_path, BodyPartExamined=part), Header)


def test_facts_on_which_a_patients_images_do_not_agree_are_left_out_and_said(tmp_path):
    root = tmp_path / "in"
    for i, (sex, born) in enumerate([("F", "19500203"), ("M", "19510203")]):
        write_dicom(root / f"a{i}", SOPInstanceUID=f"1.{i}", PatientSex=sex, PatientBirthDate=born)
    for i, (day, age) in enumerate([("20240301", "060Y"), ("20241231", "061Y")]):
        changes = {"SOPInstanceUID": f"2.{i}", "PatientID": "B", "StudyInstanceUID": f"2.{i}", "AcquisitionDate": day}
        write_dicom(root / f"b{i}", **changes, PatientBirthDate=None, PatientAge=age)
    info, events = ingest(root, tmp_path / "s")
    facts = events.filter(pl.col("code") != "IMAGE//CXR").select("subject_id", "code", "time").rows()
    assert set(facts) == {
        (number_of("B"), "GENDER//F", None),
        (number_of("B"), "MEDS_BIRTH", datetime(1963, 1, 1)),
    }
    assert "PatientSex: 1 patients have several, and so none" in info["remarks"]


def test_times_of_two_offsets_from_utc_are_said_and_stay_local(tmp_path):
    for i, offset in enumerate(["+0100", "+0200"]):
        write_dicom(tmp_path / "in" / str(i), SOPInstanceUID=f"1.{i}", TimezoneOffsetFromUTC=offset)
    info, events = ingest(tmp_path / "in", tmp_path / "s")
    images = events.filter(pl.col("code") == "IMAGE//CXR")
    assert images["time"].to_list() == [datetime(2024, 1, 2, 9, 30, 15)] * 2
    assert info["remarks"] == ["times are local, at the offsets from UTC +0100, +0200"]


def test_jpg_and_png_are_read_by_their_table(tmp_path):
    root = tmp_path / "in"
    (root / "p").mkdir(parents=True)
    Image.new("L", (5, 4), 9).save(root / "p" / "a.png")
    Image.new("L", (5, 4), 9).save(root / "p" / "b.jpg")
    Image.new("L", (5, 4), 9).save(tmp_path / "outside.png")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    rows = [
        "P1,S1,a,2024-01-02 03:04:05,lateral,p/a.png",
        "P1,S1,b,2024-01-02,AP,p/b.jpg",
        "P1,S1,b,2024-01-03,AP,p/b.jpg",
        "P1,S1,c,2024-01-02,AP,../outside.png",
        "P1,S1,d,2024-01-02,AP,link.png",
        "P1,S1,e,2024-01-02,AP,p/none.png",
        "P1,S1,f,2024-01-02,AP,images.csv",
        "P1,S1,g,2024-13-02,AP,p/a.png",
    ]
    (root / "images.csv").write_text("subject_id,study_id,image_id,time,view,path\n" + "\n".join(rows) + "\n")
    info, events = ingest(root, tmp_path / "s")
    assert events.select("source", "title", "image_path", "time").rows() == [
        ("images#b", "AP", "p/b.jpg", datetime(2024, 1, 2)),
        ("images#a", "LATERAL", "p/a.png", datetime(2024, 1, 2, 3, 4, 5)),
    ]
    aside = Store.open(tmp_path / "s").quarantine().collect().sort("line").select("file", "line", "reason").rows()
    assert [(line, reason) for _, line, reason in aside] == [
        (4, "image id: more than once; the first by content is kept"),
        (5, "path: leaves the folder"),
        (6, "path: leaves the folder"),
        (7, "path: no such file"),
        (8, "path: not one of .jpg, .jpeg, .png"),
        (9, "time: not a date or time"),
    ]
    assert {file for file, _, _ in aside} == {"images.csv"}
    assert info["tables"]["files"]["not_used"] == {
        "a link, or no plain file: not opened": 1,
        "a JPG or PNG: used where a row of images.csv names it, and counted there": 2,
    }
    assert (Store.open(tmp_path / "s").image("p/a.png") == 9).all()


def test_the_order_of_files_and_their_names_change_nothing_but_the_path(tmp_path):
    for folder, names in (("m1", "ab"), ("m2", "ba")):
        for i, name in enumerate(names):
            write_dicom(tmp_path / folder / name, SOPInstanceUID=f"1.{i}", AcquisitionTime=f"0{i}0000")
    stores = [ingest(tmp_path / folder, tmp_path / f"s-{folder}")[1].drop("image_path") for folder in ("m1", "m2")]
    assert stores[0].equals(stores[1])


def test_the_same_files_again_change_nothing(tmp_path):
    write_dicom(tmp_path / "in" / "a")
    assert Dicom().ingest(tmp_path / "in", tmp_path / "s")["unchanged"] is False
    before = tree(tmp_path / "s")
    assert Dicom().ingest(tmp_path / "in", tmp_path / "s")["unchanged"] is True
    assert tree(tmp_path / "s") == before
    write_dicom(tmp_path / "in" / "a", ViewPosition="AP")
    assert Dicom().ingest(tmp_path / "in", tmp_path / "s")["unchanged"] is False


def test_a_folder_without_chest_x_rays_or_too_deep_is_refused(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "note.txt").write_text("hello")
    for call in (Dicom().look, lambda root: Dicom().ingest(root, tmp_path / "s")):
        with pytest.raises(DataError, match="holds no chest X-ray"):
            call(tmp_path / "in")
    assert not (tmp_path / "s").exists()
    write_dicom(tmp_path / "in" / "a" / "b" / "c")
    assert Dicom().look(tmp_path / "in")["kind"] == "chest X-rays as DICOM"
    monkeypatch.setattr(dicom, "MAX_DEPTH", 1)
    with pytest.raises(DataError, match="too deep"):
        Dicom().ingest(tmp_path / "in", tmp_path / "s")
    monkeypatch.setattr(dicom, "MAX_DEPTH", 16)
    monkeypatch.setattr(dicom, "MAX_FILES", 1)
    with pytest.raises(DataError, match="too many"):
        Dicom().ingest(tmp_path / "in", tmp_path / "s")


def test_no_value_of_a_header_is_in_an_error_a_warning_or_a_log(tmp_path, caplog, recwarn):
    secret = "SECRET^NAME"
    path = write_dicom(tmp_path / "x", PatientID=secret, PatientName=secret, PatientBirthDate="19500203")
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"19500203", b"SECRET\0\xff").replace(b"20240102", b"SECRET!!"))
    read_header(path)
    for at in range(200, len(raw), 7):
        (tmp_path / "y").write_bytes(raw[:at] + b"\xff" + raw[at + 1 :])
        with contextlib.suppress(DataError):
            read_header(tmp_path / "y")
    (tmp_path / "y").write_bytes(raw.replace(b"SECRET^NAME ", b"SECRET\\NAME "))
    with pytest.raises(DataError) as error:
        read_header(tmp_path / "y")
    assert "SECRET" not in str(error.value)
    assert "SECRET" not in caplog.text
    assert not [warning for warning in recwarn if "SECRET" in str(warning.message)]


def test_a_header_that_claims_a_huge_value_is_read_without_it(tmp_path):
    found = header(tmp_path, PatientComments="x" * 9_000, SeriesDescription="y" * 60, ImageComments="z" * 9_000)
    assert isinstance(found, Header)
    raw = write_dicom(tmp_path / "h", PatientID="P" * 60).read_bytes()
    at = raw.index(b"LO", raw.index(b"\x10\x00\x20\x00")) + 2
    (tmp_path / "h").write_bytes(raw[:at] + b"\xfe\xff" + raw[at + 2 :])
    with pytest.raises(DataError):
        read_header(tmp_path / "h")


def test_nothing_is_read_of_pixels_at_ingest(tmp_path):
    path = write_dicom(tmp_path / "x", np.zeros((64, 64), np.uint16))
    raw = path.read_bytes()
    path.write_bytes(raw[: -64 * 64])  # half of the pixels are not there
    assert isinstance(read_header(path), Header)
