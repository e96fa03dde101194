"""A chest film inside a posted bundle: read by the model's own reader, as the same film of a store is."""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from arriving import arrived, serve
from made_up_bundle import made_up_bundle
from made_up_served import make_client
from PIL import Image
from posted_run import FINDING, LOS, post, served

sys.path.append(str(Path(__file__).parents[1] / "source"))  # its DICOM files are made once for both folders of tests

from tiny_dicom import dataset, to_bytes

from xhaim.run.apply import fitted
from xhaim.run.apply_moments import moment
from xhaim.run.watch import Quiet
from xhaim.source.fhir import FHIR
from xhaim.source.store import Store

WHO = {"reference": "Patient/new-1"}
TAKEN = "2024-03-02T05:00:00Z"
SNOMED = "http://snomed.info/sct"
CHEST = {"coding": [{"system": SNOMED, "code": "51185008"}]}
PIXELS = np.random.default_rng(3).integers(0, 255, (64, 64), np.uint8)
SECRET = "Zebrafinch"


def png(pixels=PIXELS):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def attached(data, kind="image/png"):
    return {"contentType": kind, "data": base64.b64encode(data).decode()}


def media(content=None, **changes):
    made = {
        "resourceType": "Media", "id": "film", "status": "completed", "subject": WHO, "createdDateTime": TAKEN,
        "modality": {"coding": [{"code": "DX"}]}, "bodySite": CHEST, "content": content or attached(png()),
        "view": {"coding": [{"system": SNOMED, "code": "399348003", "display": "Antero-posterior projection"}]},
    }  # fmt: skip
    return {key: value for key, value in (made | changes).items() if value is not None}


def document():
    return {
        "resourceType": "DocumentReference", "id": "film", "status": "current", "subject": WHO, "date": TAKEN,
        "description": "Chest X-ray AP", "type": {"text": "XR Chest"}, "content": [{"attachment": attached(png())}],
    }  # fmt: skip


def study(**changes):
    series = {"uid": "1.2.3", "modality": {"code": "DX"}, "bodySite": CHEST["coding"][0], "description": "AP",
              "instance": [{"uid": "1.2.3.4", "sopClass": {"system": "urn:ietf:rfc:3986", "code": "x"}}]}  # fmt: skip
    return {"resourceType": "ImagingStudy", "id": "film", "status": "available", "subject": WHO, "started": TAKEN,
            "series": [series], **changes}  # fmt: skip


def dicom():
    header = {"SOPInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "ViewPosition": "AP"}
    data = to_bytes(dataset(PIXELS, WindowCenter="128", WindowWidth="256", **header))
    return media(attached(data, "application/dicom"), view=None, bodySite=None, modality=None)


LISTED = [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.4"}]
WAYS = {
    "Media": [media()],
    "DocumentReference": [document()],
    "DICOM in Media": [dicom()],
    "Media of an image that a study lists": [media(identifier=LISTED, view=None, bodySite=None), study()],
    "Media that is part of a study": [media(partOf=[{"reference": "ImagingStudy/film"}], view=None), study()],
    "DICOM of an image that a study lists": [dicom() | {"createdDateTime": "2024-03-01T01:00:00Z"}, study()],
}


@pytest.fixture(scope="module")
def of_a_store(tmp_path_factory):
    """The same patient, whose film lies as a file in a folder that was ingested."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "in" / "images").mkdir(parents=True)
    (folder / "in" / "images" / "1.2.3.4.png").write_bytes(png())
    (folder / "in" / "bundle.json").write_text(json.dumps(made_up_bundle(others=[study()])))
    FHIR().ingest(folder / "in", folder / "store")
    store = Store.open(folder / "store")
    model = fitted(served().state.run, FINDING, folder, Quiet())
    return model.apply(store, moment(store.events(), model.task))


@pytest.mark.parametrize("way", WAYS)
def test_a_film_that_is_sent_gets_the_reading_and_the_risk_of_the_same_film_in_a_store(of_a_store, way):
    told = post(made_up_bundle(others=WAYS[way]), f"?task={FINDING}")
    assert told.status_code == 200, told.text
    (risk,), (explained,) = told.json()["predictions"], told.json()["explanations"]
    assert explained["image_score"] is not None
    assert explained["image_score"] == of_a_store.explanation.image_score
    assert risk["risk"] == of_a_store.prediction.risk
    assert (risk["low"], risk["high"]) == (of_a_store.prediction.low, of_a_store.prediction.high)
    assert risk["prediction_time"] == "2024-03-02T05:00:00"
    assert base64.b64encode(png()).decode()[40:80] not in told.text


def test_a_film_that_arrives_is_read_and_can_be_looked_at(of_a_store, tmp_path):
    app = serve(tmp_path)
    try:
        client = make_client(app)
        told = arrived(client, made_up_bundle(others=[media()]))
        page = f"/patients/{told['samples'][FINDING]}/{FINDING}"
        api = f"/api/v1/samples/{told['samples'][FINDING]}/tasks/{FINDING}/explanation"
        assert client.get(api).json()["image_score"] == of_a_store.explanation.image_score
        shown = client.get(f"{page}/images/0")
        assert shown.status_code == 200, shown.text
        assert (np.asarray(Image.open(io.BytesIO(shown.content))) == PIXELS).all()
    finally:
        app.state.arrivals.close()


def test_the_pixels_are_what_is_read():
    other = media(attached(png(255 - PIXELS)))
    one, two = (post(made_up_bundle(others=[film]), f"?task={FINDING}").json() for film in (media(), other))
    assert one["explanations"][0]["image_score"] != two["explanations"][0]["image_score"]


def test_a_hostile_picture_is_set_aside_for_a_reason_and_the_patient_answered_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    hostile = (
        media(attached(SECRET.encode())),
        media(attached(png()[:-40]), id="short"),
        media({"contentType": "image/png", "data": f"!{SECRET}"}, id="not-base64"),
    )
    told = post(made_up_bundle(others=hostile), f"?task={LOS}")
    assert told.status_code == 200
    assert [one["reason"] for one in told.json()["left"]] == [
        "picture: an image cannot be read",
        "picture: not base64",
        "picture: not what its contentType says",
    ]
    assert SECRET not in told.text
    assert post(made_up_bundle(others=hostile), f"?task={FINDING}").status_code == 422
    assert list(tmp_path.iterdir()) == []


def test_more_pictures_than_a_patient_has_are_refused_before_one_is_opened(monkeypatch):
    monkeypatch.setattr("xhaim.source.fhir.pictures.Shelf.put", None)
    many = [media({"contentType": "image/\u0070ng", "data": "AAAA"}, id=f"m{n}") for n in range(21)]
    answer = post(made_up_bundle(others=many))
    assert answer.status_code == 422
    assert answer.json() == {"error": "The bundle holds too many pictures. Expected: at most 20."}
