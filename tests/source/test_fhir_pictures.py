"""Chest films that come inside FHIR resources: kept as files, told once, of the right study; hostile ones set aside."""

import base64
import io
import json
import struct
import zlib

import numpy as np
import polars as pl
import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.media import Media
from PIL import Image
from tiny_dicom import dataset, to_bytes

from xhaim.events import IMAGE, code_is
from xhaim.source.fhir import FHIR
from xhaim.source.store import Store

WHO = {"reference": "Patient/ada"}
WHEN = "2024-03-02T09:00:00Z"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
SNOMED = "http://snomed.info/sct"
CHEST = {"coding": [{"system": SNOMED, "code": "51185008"}]}
AP = {"coding": [{"system": SNOMED, "code": "399348003"}]}
SECRET = "Zebrafinch"


def png(grey=90, size=(40, 30), noise=True):
    pixels = np.full(size, grey, np.uint8) + (np.arange(size[0] * size[1]).reshape(size) % 50 if noise else 0)
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def attached(data, kind="image/png", **others):
    return {"contentType": kind, "data": base64.b64encode(data).decode(), **others}


def media(id_="m", data=None, **changes):
    made = {
        "resourceType": "Media", "id": id_, "status": "completed", "subject": WHO, "createdDateTime": WHEN,
        "modality": {"coding": [{"system": DCM, "code": "DX"}]}, "view": AP, "bodySite": CHEST,
        "content": attached(data or png()),
    }  # fmt: skip
    return {key: value for key, value in (made | changes).items() if value is not None}


def document(id_="d", data=None, **changes):
    made = {
        "resourceType": "DocumentReference", "id": id_, "status": "current", "docStatus": "final", "subject": WHO,
        "type": {"coding": [{"system": "http://loinc.org", "code": "36572-6", "display": "XR Chest AP"}]},
        "date": WHEN, "content": [{"attachment": attached(data or png())}],
    }  # fmt: skip
    return {key: value for key, value in (made | changes).items() if value is not None}


def study(id_="s", uids=("1.2.3.4",), **changes):
    instances = [{"uid": uid, "sopClass": {"system": "urn:ietf:rfc:3986", "code": "x"}} for uid in uids]
    series = {"uid": "1.2.3", "modality": {"system": DCM, "code": "DX"}, "bodySite": CHEST["coding"][0]}
    made = {"resourceType": "ImagingStudy", "id": id_, "status": "available", "subject": WHO, "started": WHEN,
            "description": "CHEST PORTABLE AP", "series": [{**series, "instance": instances}]}  # fmt: skip
    return made | changes


def store_of(folder, *resources, files=None):
    (folder / "in").mkdir(parents=True)
    patients = [{"resourceType": "Patient", "id": one, "gender": "female"} for one in ("ada", "bob")]
    entries = [{"resource": one} for one in (*patients, *resources)]
    (folder / "in" / "bundle.json").write_text(json.dumps({"resourceType": "Bundle", "entry": entries}))
    for name, data in (files or {}).items():
        (folder / "in" / "images").mkdir(exist_ok=True)
        (folder / "in" / "images" / name).write_bytes(data)
    FHIR(zone="UTC").ingest(folder / "in", folder / "store")
    return Store.open(folder / "store")


def films(store):
    return store.events().filter(code_is(IMAGE)).sort("source").collect()


def reasons(store):
    unused = [one for table in store.info["tables"].values() for one, n in table["not_used"].items() if n]
    return sorted([*unused, *store.quarantine().collect()["reason"]])


def shown(store, row):
    return store.image(row["image_path"]).tobytes()


def grey_of(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.uint8).tobytes()


# ---- the ways of R4 -------------------------------------------------------------------------------------------


def test_what_these_tests_write_is_fhir():
    Media.model_validate(media())
    DocumentReference.model_validate(document())


@pytest.mark.parametrize("carrier", [media, document])
def test_a_picture_is_a_film_of_its_time_and_view_with_its_very_pixels(tmp_path, carrier):
    data = png(120)
    store = store_of(tmp_path, carrier("x", data))
    (row,) = films(store).to_dicts()
    assert (row["title"], str(row["time"]), row["time"] == row["known_at"]) == ("AP", "2024-03-02 09:00:00", True)
    assert row["study_id"] is not None
    assert shown(store, row) == grey_of(data)
    assert reasons(store) == []
    assert store.image_root == tmp_path / "store" / "images"
    assert [one.suffix for one in store.image_root.iterdir()] == [".png"]


def test_a_jpg_and_a_dicom_file_are_read_too_and_the_header_says_view_and_time(tmp_path):
    out = io.BytesIO()
    Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(40, 30).astype(np.uint8)).save(out, "JPEG")
    header = to_bytes(dataset(np.arange(12, dtype=np.uint16).reshape(3, 4)))
    store = store_of(
        tmp_path,
        media("jpg", content=attached(out.getvalue(), "image/jpeg")),
        media("dcm", content=attached(header, "application/dicom"), view=None, bodySite=None, modality=None,
              createdDateTime=None),
    )  # fmt: skip
    dcm, jpg = films(store).to_dicts()
    assert shown(store, jpg) == grey_of(out.getvalue())
    assert (dcm["title"], str(dcm["time"]), dcm["source"]) == ("PA", "2024-01-02 09:30:15", "Media/dcm#1.2.3.1")
    assert len(shown(store, dcm)) == 12


@pytest.mark.parametrize(
    ("said", "side"),
    [
        ({"view": {"text": "Antero-posterior"}}, "AP"),
        ({"view": {"text": "PA"}}, "PA"),
        ({"view": {"coding": [{"code": "399067008"}]}}, "LATERAL"),
        ({"view": None, "content": attached(png(), title="Chest X-ray, PA")}, "PA"),
        ({"view": {"text": "oblique"}}, None),
        ({"view": {"text": "AP and LATERAL"}}, None),
    ],
)
def test_the_side_is_what_is_said_and_never_guessed(tmp_path, said, side):
    assert films(store_of(tmp_path, media(**said)))["title"].to_list() == [side]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"modality": None}, "no plain film"),  # a photograph of the chest
        ({"modality": {"coding": [{"code": "CT"}]}}, "no plain film"),
        ({"bodySite": {"text": "left hand"}}, "no film of the chest"),
        ({"bodySite": None, "view": None}, "no film of the chest"),
        ({"status": "entered-in-error"}, "status: entered-in-error"),
        ({"content": {"contentType": "video/mp4", "data": "AAAA"}}, "no picture"),
        ({"content": {"contentType": "image/png", "url": "http://169.254.169.254/x"}}, "an attachment by url: never"),
        ({"createdDateTime": None}, "created: missing, or not a date or time"),
        ({"createdDateTime": "soon"}, "created: missing, or not a date or time"),
        ({"subject": {"reference": "Patient/nobody"}}, "subject: not among the patients"),
    ],
)
def test_what_is_no_chest_film_of_a_patient_at_a_time_is_none(tmp_path, changes, why):
    store = store_of(tmp_path, media(**changes))
    assert films(store).is_empty()
    assert [one.startswith(why) for one in reasons(store)] == [True]


def test_words_and_a_picture_in_one_document_are_both_there(tmp_path):
    words = {"contentType": "text/plain", "data": base64.b64encode(b"Clear lungs.").decode()}
    both = [{"attachment": words}, {"attachment": attached(png())}]
    store = store_of(tmp_path, document(content=both))
    found = store.events().collect()
    assert found["text_value"].drop_nulls().to_list() == ["Clear lungs."]
    assert films(store).height == 1
    assert reasons(store) == []


# ---- of which study -------------------------------------------------------------------------------------------


def dicom_uid(uid):
    return [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}]


def test_the_picture_of_an_image_that_a_study_lists_is_told_by_the_study(tmp_path):
    data = png(140)
    store = store_of(tmp_path, media(data=data, identifier=dicom_uid("1.2.3.4"), view=None), study())
    (row,) = films(store).to_dicts()
    assert (row["source"], row["title"]) == ("ImagingStudy/s#1.2.3.4", "AP")
    assert shown(store, row) == grey_of(data)
    assert reasons(store) == ["its picture is told by its imaging study"]
    by_file = store_of(tmp_path / "files", study(), files={"1.2.3.4.png": data})
    columns = [name for name in films(store).columns if name != "image_path"]
    assert films(store).select(columns).equals(films(by_file).select(columns), null_equal=True)


def test_a_picture_that_is_part_of_a_study_takes_its_place_time_and_side(tmp_path):
    part = media(
        partOf=[{"reference": "ImagingStudy/s"}], view=None, modality=None, bodySite=None, createdDateTime=None
    )
    store = store_of(tmp_path, part, study())
    (row,) = films(store).to_dicts()
    assert (row["source"], row["title"], str(row["time"])) == ("Media/m", "AP", "2024-03-02 09:00:00")
    ids = pl.read_parquet(store.path / "metadata" / "ids.parquet").filter(pl.col("kind") == "study")
    assert ids.filter(pl.col("number") == row["study_id"])["id"].to_list() == ["ImagingStudy/s"]
    assert reasons(store) == ["its films are told by the resources that carry their pictures"]


def test_a_report_belongs_to_the_study_of_the_pictures_that_it_links(tmp_path):
    report = {
        "resourceType": "DiagnosticReport", "id": "7", "status": "final", "subject": WHO, "effectiveDateTime": WHEN,
        "issued": WHEN, "code": {"text": "XR Chest"}, "conclusion": "Effusion.",
        "media": [{"link": {"reference": "Media/7"}}, {"link": {"reference": "Media/8"}}],
    }  # fmt: skip
    store = store_of(tmp_path, media("7"), media("8", png(200), view={"text": "LATERAL"}), report, study("7", ("9.9",)))
    found = store.events().filter(pl.col("study_id").is_not_null()).collect()
    ours = found.filter(~pl.col("source").str.contains("ImagingStudy"))
    assert ours.height == 3
    assert ours["study_id"].n_unique() == 1
    assert found["study_id"].n_unique() == 2  # Media/7 is not ImagingStudy/7


def test_two_films_of_one_dicom_study_are_of_one_study_and_that_of_its_imaging_study(tmp_path):
    def sent(number, **others):
        data = to_bytes(dataset(SOPInstanceUID=f"1.2.3.{number}", **others))
        return media(f"m{number}", content=attached(data, "application/dicom"))

    alone = films(store_of(tmp_path / "a", sent(1), sent(2, ViewPosition="LL")))
    assert (alone.height, alone["study_id"].n_unique()) == (2, 1)
    whole = store_of(tmp_path / "b", sent(1), sent(5), study(uids=("1.2.3.1",), identifier=dicom_uid("1.2.3")))
    assert films(whole)["source"].to_list() == ["ImagingStudy/s#1.2.3.1", "Media/m5#1.2.3.5"]
    assert films(whole)["study_id"].n_unique() == 1


def test_a_picture_is_never_that_of_another_patients_study(tmp_path):
    other = media(identifier=dicom_uid("1.2.3.4"), subject={"reference": "Patient/bob"})
    part = media("n", png(3), partOf=[{"reference": "ImagingStudy/s"}], subject={"reference": "Patient/bob"})
    found = films(store_of(tmp_path, other, part, study()))
    assert found.filter(pl.col("source").str.starts_with("Imaging"))["image_path"].to_list() == [None]
    assert found.filter(pl.col("source").str.starts_with("Media"))["image_path"].null_count() == 0
    assert found["study_id"].n_unique() == 3


def test_files_beside_the_bundle_are_still_found_where_it_carries_pictures_too(tmp_path):
    files = {"1.2.3.4.png": png(11)}
    store = store_of(tmp_path, study(), media(createdDateTime="2024-03-03T09:00:00Z"), files=files)
    one, two = films(store).to_dicts()
    assert shown(store, one) == grey_of(files["1.2.3.4.png"])
    assert shown(store, two) == grey_of(png())


def test_the_store_is_the_same_in_any_order(tmp_path):
    resources = [
        media("1"),
        media("2", png(7)),
        study(),
        media("3", png(8), identifier=dicom_uid("1.2.3.4")),
        document(),
    ]
    first, second = store_of(tmp_path / "a", *resources), store_of(tmp_path / "b", *resources[::-1])
    assert films(first).equals(films(second), null_equal=True)
    assert first.events().collect().equals(second.events().collect(), null_equal=True)


# ---- hostile pictures -----------------------------------------------------------------------------------------


def claims(width, height):
    """A PNG of few bytes that says it is of so many pixels."""

    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\0")) + part(b"IEND", b"")


HOSTILE = {
    "a bomb": (attached(claims(10_000, 10_000)), "picture: an image is too large, or empty"),
    "a larger one": (attached(claims(2**31 - 1, 2**31 - 1)), "picture: an image"),
    "fewer pixels than it says": (attached(claims(500, 500)), "picture: an image cannot be read"),
    "cut short": (attached(png(noise=False)[:-30]), "picture: an image cannot be read"),
    "words": (attached(SECRET.encode()), "picture: not what its contentType says"),
    "another kind": (attached(png(), "image/jpeg"), "picture: not what its contentType says"),
    "a picture as DICOM": (attached(png(), "application/dicom"), "picture: not what its contentType says"),
    "a thousand scans": (attached(b"\xff\xd8\xff" + b"\xff\xda" * 1000, "image/jpeg"), "picture: more scans than"),
    "empty DICOM": (attached(b"\0" * 128 + b"DICM", "application/dicom"), "picture: "),
    "another body part": (
        attached(to_bytes(dataset(BodyPartExamined="HAND")), "application/dicom"),
        "picture: BodyPartExamined: not the chest",
    ),
    "huge DICOM": (attached(to_bytes(dataset(Rows=60_000, Columns=60_000)), "application/dicom"), "picture: an image"),
    "not base64": ({"contentType": "image/png", "data": f"{SECRET} é"}, "picture: not base64"),
    "no text": ({"contentType": "image/png", "data": {"a": 1}}, "no picture"),
    "no data": ({"contentType": "image/png"}, "no picture"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_is_set_aside_for_a_reason_and_leaves_no_file(tmp_path, name):
    content, why = HOSTILE[name]
    store = store_of(tmp_path, media("bad", content=content), media("good", png(9)))
    assert films(store)["source"].to_list() == ["Media/good"]
    (reason,) = reasons(store)
    assert reason.startswith(why)
    assert SECRET not in reason
    assert len(list(store.image_root.iterdir())) == 1


def test_a_picture_beyond_the_limit_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr("xhaim.source.fhir.pictures.MAX_PICTURE_BYTES", 1000)
    noise = np.random.default_rng(0).integers(0, 255, (80, 80), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    store = store_of(tmp_path, media(data=out.getvalue()))
    assert reasons(store) == ["picture: more than 0 MiB"]
