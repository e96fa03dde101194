"""A patient sent as a FHIR bundle: a risk and its explanation, by a tiny run that was fitted; nothing is kept."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_bundle import made_up_bundle, packed
from made_up_served import add_account, make_client
from sqlalchemy import select

from xhaim.explain.render import to_json
from xhaim.records import Explanation
from xhaim.run.apply import fitted
from xhaim.run.apply_bundle import read_bundle
from xhaim.run.apply_moments import moment
from xhaim.run.watch import Quiet
from xhaim.serve.app import create_app
from xhaim.serve.audit import AUDIT, verify
from xhaim.serve.database import reading
from xhaim.serve.doors.patients import sweep

sys.path.append(str(Path(__file__).parents[1] / "run"))  # its tiny run is made once for both folders of tests

from applied_run import TASKS, applied_run
from tiny_run import artefacts

FHIR = {"content-type": "application/fhir+json"}
LOS = TASKS[1]
SECRET = "Zebrafinch Wilhelmina"
LAST = "2024-03-03T01:00:01"
"""One second after the last note was known: a day after it was written, as the FHIR source has it."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    results = applied_run()
    database = f"sqlite:///{tmp_path_factory.mktemp('posted') / 'served.sqlite'}"
    app = create_app(results.run.directory.root, None, database)
    add_account(app, "all", "clinician")
    add_account(app, "lys", "analyst")
    return app


@pytest.fixture(scope="module")
def ehr(served):
    return make_client(served, "all")


def post(ehr, bundle, address="", **headers):
    body = bundle if isinstance(bundle, bytes) else packed(bundle)
    return ehr.post(f"/api/v1/fhir{address}", content=body, headers=FHIR | headers)


def audit_rows(app):
    with reading(app.state.database) as connection:
        return [row._asdict() for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number))]


def test_a_patient_who_is_sent_gets_a_risk_its_explanation_and_why_there_is_no_other(served, ehr):
    root = served.state.run
    before = {name: one for name, one in artefacts(root).items() if "serve" not in name}
    answer = post(ehr, made_up_bundle())
    assert answer.status_code == 200, answer.text
    told = answer.json()
    (risk,) = told["predictions"]
    assert (risk["task_id"], risk["simulated"]) == (LOS, True)
    assert 0 <= risk["risk"] <= 1
    assert risk["prediction_time"] == LAST
    (refused,) = told["refused"]
    assert refused == {"task_id": TASKS[0], "reason": "Pleural effusion: no frontal chest film"}
    (explained,) = told["explanations"]
    assert explained["risk"] == risk["risk"]
    assert set(explained) == set(Explanation.__dataclass_fields__)
    limits = [one["text"] for one in explained["statements"] if one["role"] == "limits"]
    assert any("fitted on simulated patients" in one for one in limits)
    assert {name: one for name, one in artefacts(root).items() if "serve" not in name} == before


def test_the_same_bundle_gets_the_same_bytes_in_any_order_of_its_entries(ehr):
    bundle = made_up_bundle()
    turned = {**bundle, "entry": bundle["entry"][::-1]}
    first, second = (post(ehr, one, f"?task={LOS}").json() for one in (bundle, turned))
    assert first == second


def test_more_is_known_later(ehr):
    early = post(ehr, made_up_bundle(), f"?task={LOS}&at=2024-03-02T00:45:00").json()
    late = post(ehr, made_up_bundle(), f"?task={LOS}&at=2024-03-02T02:45:00%2B01:00").json()
    assert early["predictions"][0]["prediction_time"] == "2024-03-02T00:45:00"
    assert late["predictions"][0]["prediction_time"] == "2024-03-02T01:45:00"  # of the hospital's zone, here UTC
    assert "3.1" not in json.dumps(early["explanations"][0]["citations"])
    assert post(ehr, made_up_bundle(), f"?task={LOS}&at=2020-01-01T00:00:00").status_code == 422
    assert post(ehr, made_up_bundle(), f"?task={LOS}&at=0001-01-01T00:00:00%2B14:00").status_code == 422


def test_the_risk_is_that_of_the_run_applied_without_a_server(served, ehr, tmp_path):
    body = packed(made_up_bundle())
    posted = post(ehr, body, f"?task={LOS}").json()
    patient = read_bundle(body, tmp_path, None)
    model = fitted(served.state.run, LOS, tmp_path, Quiet())
    made = model.apply(patient.store, moment(patient.store.events(), model.task))
    assert made.prediction.risk == posted["predictions"][0]["risk"]
    assert json.loads(to_json(made.explanation)) == posted["explanations"][0]


def test_fhir_is_answered_where_it_is_asked_for_and_names_the_patient_as_they_do(ehr):
    answer = post(ehr, made_up_bundle("new-1"), f"?task={LOS}", accept="application/fhir+json")
    assert answer.headers["content-type"] == "application/fhir+json"
    risk, provenance = (one["resource"] for one in answer.json()["entry"])
    assert risk["subject"] == {"reference": "Patient/new-1"}
    assert risk["occurrenceDateTime"] == f"{LAST}+00:00"
    assert provenance["resourceType"] == "Provenance"
    assert post(ehr, made_up_bundle(), accept="application/fhir+json").status_code == 422


def test_it_is_written_down_by_hashes_alone(served, ehr):
    body = packed(made_up_bundle(notes=(f"{SECRET} has a cough.",)))
    post(ehr, body, f"?task={LOS}")
    row = audit_rows(served)[-1]
    assert (row["login"], row["action"], row["subject_id"]) == ("all", "api fhir", None)
    told = json.loads(row["shown"])
    assert told["bundle"] == sha256(body).hexdigest()
    assert told["tasks"] == [LOS]
    assert "new-1" not in row["shown"]
    assert verify(served.state.database).holds


def test_a_film_whose_picture_was_not_sent_gives_its_time_and_no_reading(ehr):
    film = {
        "resourceType": "ImagingStudy",
        "id": "film",
        "status": "available",
        "subject": {"reference": "Patient/new-1"},
        "started": "2024-03-02T05:00:00Z",
        "description": "CHEST (PORTABLE AP)",
        "series": [
            {
                "uid": "1.2.3",
                "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "DX"},
                "bodySite": {"system": "http://snomed.info/sct", "code": "51185008"},
                "description": "AP",
                "instance": [{"uid": "1.2.3.4", "sopClass": {"system": "urn:ietf:rfc:3986", "code": "x"}}],
            }
        ],
    }
    told = post(ehr, made_up_bundle(others=[film])).json()
    assert told["refused"] == []
    times = {one["task_id"]: one["prediction_time"] for one in told["predictions"]}
    assert times == {TASKS[0]: "2024-03-02T05:00:00", LOS: LAST}
    finding = next(one for one in told["explanations"] if one["task_id"] == TASKS[0])
    assert finding["image_score"] is None


def test_what_gave_nothing_is_said(ehr):
    who = {"reference": "Patient/new-1"}
    others = (
        {"resourceType": "Observation", "id": "o", "status": "final", "subject": who, "code": {"text": SECRET}},
        {"resourceType": "Claim", "id": "c", "patient": who},
    )
    told = post(ehr, made_up_bundle(others=others), f"?task={LOS}").json()
    assert {"kind": "other types", "reason": "Claim: not read", "n": 1} in told["left"]
    assert len(told["left"]) == 2
    assert SECRET not in json.dumps(told["left"])


def test_what_a_killed_server_left_of_a_patient_is_removed_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = [
        f"xhaim-patient-{gone.pid}-x",
        f"xhaim-patient-{os.getpid()}-x",
        "xhaim-patient-",
        "xhaim-patient-1-x",
        "y",
    ]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "note").write_text("x")
    sweep()
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(names[1:])


def test_nothing_of_a_patient_is_left_on_the_disk(ehr, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert post(ehr, made_up_bundle(), f"?task={LOS}").status_code == 200
    assert post(ehr, two_patients(), f"?task={LOS}").status_code == 422
    assert list(tmp_path.iterdir()) == []


def two_patients():
    bundle = made_up_bundle()
    bundle["entry"].append({"resource": {"resourceType": "Patient", "id": "second", "name": [{"text": SECRET}]}})
    return bundle


def without_patient():
    bundle = made_up_bundle()
    return {**bundle, "entry": bundle["entry"][2:]}


REFUSED = {
    "two patients": (two_patients(), "not of one patient"),
    "no patient": (without_patient(), "no Patient"),
    "no entries": ({"resourceType": "Bundle", "type": "collection"}, "no Patient"),
    "nobody known": (
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": "x"}}]},
        "",
    ),
    "a resource": ({"resourceType": "Patient", "id": SECRET}, "not a bundle"),
    "a list": (b"[]", "not a bundle"),
    "no JSON": (SECRET.encode(), "not a bundle"),
    "no UTF-8": (b"\xff\xfe{", "not a bundle"),
    "nothing": (b"", "not a bundle"),
    "deep": (b'{"resourceType":"Bundle","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not a bundle"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_one_patient_is_refused_in_plain_words(served, ehr, name):
    bundle, words = REFUSED[name]
    before = len(audit_rows(served))
    answer = post(ehr, bundle)
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert SECRET not in answer.text
    assert "/tmp" not in answer.text
    assert len(audit_rows(served)) == before


@pytest.mark.parametrize(
    "patient", ["../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --", "a" * 500, "\u202e"]
)
def test_a_hostile_name_is_a_patient_like_any_other_or_none(ehr, patient):
    answer = post(ehr, made_up_bundle(patient), f"?task={LOS}", accept="application/fhir+json")
    assert answer.status_code in {200, 422}
    assert patient not in answer.text


def test_hostile_notes_are_quoted_as_data(ehr):
    notes = ("<script>alert(1)</script> {{ 7*7 }} Blood pressure falls despite fluids. \u202egnp.exe",)
    answer = post(ehr, made_up_bundle(notes=notes), f"?task={LOS}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "49" not in json.dumps([one["quote"] for one in answer.json()["explanations"][0]["citations"]])


def test_more_than_fifty_megabytes_are_not_taken_and_strangers_not_read(served, ehr):
    assert post(ehr, b" " * 50_000_001).status_code == 413
    assert post(make_client(served), b"{").status_code == 401
    assert post(make_client(served, "lys"), b"{").status_code == 403
    assert post(ehr, b"{}", **{"content-type": "text/plain"}).status_code == 415
    assert post(ehr, b"{}", origin="https://evil.example").status_code == 403
    assert post(ehr, made_up_bundle(), "?task=other").status_code == 422


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["Patient", "Bundle", "Patient/x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceType", "id", "entry", "resource", "subject", "reference"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ANY, max_size=4))
def test_no_bundle_is_a_fault_of_ours(ehr, entries):
    answer = post(ehr, {"resourceType": "Bundle", "entry": entries})
    assert answer.status_code in {200, 422}
    assert set(answer.json()) in ({"error"}, {"predictions", "explanations", "refused", "left"})
