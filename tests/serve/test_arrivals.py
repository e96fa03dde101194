"""Patients whose data arrives while the server runs: kept, read, predicted for, shown, and forgotten."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from arriving import FINDING, HERE, KEY, LOS, WHO, arrived, new_note, new_value, of, send, serve, until_read
from arriving import applied_run as the_run
from made_up_bundle import made_up_bundle, packed, value
from made_up_served import PAGE, add_account, make_client
from sqlalchemy import select

from xhaim.serve.arrivals import answering
from xhaim.serve.arrivals import desk as desks
from xhaim.serve.arrivals.folder import key_of
from xhaim.serve.arrivals.view import number_of
from xhaim.serve.audit import AUDIT, verify
from xhaim.serve.database import reading

SECRET = "Zebrafinch Wilhelmina"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    app = serve(tmp_path_factory.mktemp("arrivals"))
    for login, role in (("all", "clinician"), ("adm", "admin"), ("lys", "analyst")):
        add_account(app, login, role)
    add_account(app, "few", "clinician", [100, number_of(key_of("Patient/theirs"))])
    yield app
    app.state.arrivals.close()


@pytest.fixture(scope="module")
def ehr(served):
    return make_client(served, "all")


@pytest.fixture(autouse=True)
def nobody(request):
    """Each test begins with nobody who has arrived."""
    yield
    if "served" in request.fixturenames or "ehr" in request.fixturenames:
        arrivals = request.getfixturevalue("served").state.arrivals
        for one in arrivals.desk.patients():
            arrivals.forget(one.key)


def audit_rows(app):
    with reading(app.state.database) as connection:
        return [row._asdict() for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number))]


def folder_of(app, key=KEY):
    return app.state.arrivals.desk.folder.of(key)


def page_of(client, told, task=LOS, part=""):
    return client.get(f"/patients/{told['samples'][task]}/{task}{part}", headers=PAGE)


# ---- a patient arrives ----


def test_a_patient_who_arrives_has_the_risk_that_posting_them_gives_and_every_page_and_door(served, ehr):
    at_once = ehr.post(f"/api/v1/fhir?task={LOS}", content=packed(made_up_bundle()), headers={
        "content-type": "application/fhir+json"}).json()  # fmt: skip
    answer = send(ehr, made_up_bundle())
    assert answer.status_code == 202
    assert answer.json()["page"] == f"/arrivals/{KEY}"
    told = until_read(ehr)
    assert told["refused"] == {FINDING: "Pleural effusion: no frontal chest film"}
    assert (told["messages"], told["left"], told["fault"], told["future"]) == (1, [], "", 0)
    assert told["subject_id"] == number_of(KEY) < 0
    sample = told["samples"][LOS]
    prediction = ehr.get(f"/api/v1/samples/{sample}/tasks/{LOS}/prediction").json()
    (posted,) = at_once["predictions"]
    same = ("risk", "low", "high", "abstains", "threshold", "base_rate", "prediction_time", "split", "simulated")
    assert {name: prediction[name] for name in same} == {name: posted[name] for name in same}
    explained = ehr.get(f"/api/v1/samples/{sample}/tasks/{LOS}/explanation").json()
    (known,) = at_once["explanations"]
    assert {**explained, "sample_id": ""} == {**known, "sample_id": ""}
    page = page_of(ehr, told)
    assert page.status_code == 200
    for words in ("Patient new-1", "data until <b>3 Mar 2024 01:00</b>", "of 1 message<", "What became of what"):
        assert words in page.text
    for part in ("/documents", "/similar", "/stay", "/ask"):
        shown = page_of(ehr, told, part=part)
        assert shown.status_code == 200, part
        assert 'class="alert"' not in shown.text, part
    for part in ("fhir", "sources", "sources/documents/0"):
        assert ehr.get(f"/api/v1/samples/{sample}/tasks/{LOS}/{part}").status_code == 200, part
    said = ehr.post(f"/patients/{sample}/{LOS}/feedback", data={"kind": "agree"}, headers=_form(served, ehr))
    assert said.status_code == 200
    assert verify(served.state.database).holds


def _form(app, client):
    from made_up_served import token_of

    return {"x-csrf-token": token_of(client, app), "accept": "application/json"}


def test_the_card_of_who_arrived_is_of_their_newest_risk(served, ehr):
    call = {"hook": "patient-view", "hookInstance": "3e8a1f0c-0000-4000-8000-000000000001", "context": {
        "userId": "Practitioner/1", "patientId": "new-1"}}  # fmt: skip
    told = arrived(ehr, made_up_bundle())
    answer = ehr.post(f"/cds-services/xhaim-{LOS}", json=call)
    assert answer.status_code == 200, answer.text
    (card,) = answer.json()["cards"]
    assert card["links"][0]["url"].endswith(f"/patients/{told['samples'][LOS]}/{LOS}")
    assert make_client(served, "few").post(f"/cds-services/xhaim-{LOS}", json=call).json()["cards"] == []


def test_a_question_finds_what_arrived(served, ehr):
    told = arrived(ehr, made_up_bundle())
    form = {**_form(served, ehr), **PAGE}
    asked = ehr.post(
        f"/patients/{told['samples'][LOS]}/{LOS}/ask", data={"question": "What is the lactate?"}, headers=form
    )
    assert asked.status_code == 200
    assert "4.2" in asked.text


def test_new_data_moves_the_page_and_the_risk_before_is_its_trend(ehr):
    first = arrived(ehr, made_up_bundle())
    second = arrived(ehr, of(new_note(), new_value(9, 9.1)))
    assert second["samples"][LOS] != first["samples"][LOS]
    assert second["latest"] == "2024-03-03T08:00:00"
    page = page_of(ehr, second)
    assert "Risks so far" in page.text
    assert "of 2 messages" in page.text
    assert "Septic shock, now on" in page_of(ehr, second, part="/documents?q=noradrenaline").text
    old = page_of(ehr, first)
    assert old.status_code == 200
    assert "Newer data was read." in old.text
    assert "noradrenaline" not in page_of(ehr, first, part="/documents?q=Restless").text
    now, before = (
        ehr.get(f"/api/v1/samples/{one['samples'][LOS]}/tasks/{LOS}/prediction").json() for one in (second, first)
    )
    assert now["prediction_time"] == "2024-03-03T08:00:01"
    change = round(100 * (now["risk"] - before["risk"]))
    listed = ehr.get("/?side=arrived&task=" + LOS, headers=PAGE).text
    assert (
        "unchanged in 7 h" if abs(now["risk"] - before["risk"]) < 0.005 else f"{abs(change)} points in 7 h"
    ) in listed
    led = ehr.get(f"/arrivals/{KEY}?task={LOS}")
    assert (led.status_code, led.headers["location"]) == (303, f"/patients/{second['samples'][LOS]}/{LOS}")


def test_a_patient_who_arrived_stands_first_in_the_worklist_marked_and_the_run_s_own_stay(served, ehr):
    before = ehr.get(f"/?task={LOS}&sort=newest", headers=PAGE).text
    assert "arrived" not in before
    arrived(ehr, made_up_bundle(patient="new-1"))
    after = ehr.get(f"/?task={LOS}&sort=newest", headers=PAGE).text
    assert after.index("Patient new-1") < after.index("Stay ")
    assert "1 arrived" in after
    assert after.count('<th scope="row">') == before.count('<th scope="row">') + 1
    found = ehr.get(f"/?task={LOS}&q=Patient+new", headers=PAGE).text
    assert found.count('<th scope="row">') == 1
    without_risk = ehr.get(f"/?task={FINDING}&side=arrived", headers=PAGE).text
    assert f'href="/arrivals/{KEY}"' in without_risk
    assert "no risk" in without_risk


# ---- what is sent ----


def test_a_resource_sent_again_replaces_the_one_before_and_one_deleted_goes(served, ehr):
    told = arrived(ehr, made_up_bundle(), of({**new_note(1, "A corrected note: lactate 1.0, warm and well.")}))
    text = page_of(ehr, told, part="/documents?q=corrected").text
    assert "corrected" in text
    record = ehr.get(f"/api/v1/samples/{told['samples'][LOS]}/tasks/{LOS}/sources").json()
    assert len(record["documents"]) == 2
    deleted = {"request": {"method": "DELETE", "url": "DocumentReference/note-1"}}
    gone = {"resourceType": "Bundle", "type": "history", "entry": [deleted, {"resource": new_value(7, 2.0)}]}
    told = arrived(ehr, gone)
    record = ehr.get(f"/api/v1/samples/{told['samples'][LOS]}/tasks/{LOS}/sources").json()
    assert len(record["documents"]) == 1
    assert 2.0 in [one["value"] for one in record["measurements"]]


def test_a_subscription_sends_one_resource_to_an_address_of_its_own(ehr):
    arrived(ehr, made_up_bundle())
    one = new_note()
    for method in ("PUT", "POST"):
        answer = send(ehr, one, f"/fhir/DocumentReference/{one['id']}", method)
        assert answer.status_code == 202
    assert until_read(ehr)["messages"] == 3
    assert send(ehr, one, "/fhir/DocumentReference/another", "PUT").status_code == 422
    assert send(ehr, one, "/fhir/Observation/note-8", "PUT").status_code == 422
    assert send(ehr, of(one), "/fhir/DocumentReference/note-8", "PUT").status_code == 202
    assert send(ehr, one, "/fhir/../../x", "PUT").status_code in {404, 405}


TWO = made_up_bundle()
TWO["entry"].append({"resource": {"resourceType": "Patient", "id": "second", "name": [{"text": SECRET}]}})
OTHERS = of(new_note(who={"reference": f"Patient/{SECRET.replace(' ', '')}"}))
SERVERS = of({"resourceType": "Patient", "id": "new-1"}, {**new_note(), "subject": {"reference": "http://a/Patient/new-1"}},
             {**new_value(3, 2.0), "subject": {"reference": "http://b/Patient/new-1"}})  # fmt: skip
REFUSED = {
    "two patients": (TWO, "more than one patient"),
    "two referred to": (
        of(new_note(), {**new_value(3, 2.0), "subject": {"reference": "Patient/other"}}),
        "more than one",
    ),
    "another's note": ({**made_up_bundle(), "entry": [*made_up_bundle()["entry"], *OTHERS["entry"]]}, "more than one"),
    "two servers": (SERVERS, "more than one server"),
    "unknown": (OTHERS, "obody of that name"),
    "of nobody": (of({"resourceType": "Location", "id": SECRET}), "refers to no patient"),
    "nothing": (of(), "refers to no patient"),
    "a nameless Patient": (of({"resourceType": "Patient", "name": [{"text": SECRET}]}), "neither id nor fullUrl"),
    "no JSON": (SECRET.encode(), "no message of FHIR"),
    "no UTF-8": (b"\xff\xfe{", "no message of FHIR"),
    "a list": (b"[]", "no message of FHIR"),
    "an object": (b"{}", "no message of FHIR"),
    "deep": (b'{"resourceType":"Bundle","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "no message of FHIR"),
    "entries that are none": ({"resourceType": "Bundle", "entry": 7}, "not one list"),
    "a key twice": (b'{"resourceType":"Patient","id":"a","id":"b"}', "cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_in_words_that_quote_nothing_and_nothing_of_it_is_kept(served, ehr, name):
    message, words = REFUSED[name]
    before, rows = sorted(served.state.arrivals.desk.folder.root.rglob("*")), len(audit_rows(served))
    answer = send(ehr, message)
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert SECRET.split(maxsplit=1)[0] not in answer.text
    assert sorted(served.state.arrivals.desk.folder.root.rglob("*")) == before
    assert len(audit_rows(served)) == rows


@pytest.mark.parametrize(
    "patient", ["../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --", "a" * 120, "\u202e", ".."]
)
def test_a_hostile_name_becomes_no_path_and_is_shown_as_text(served, ehr, patient):
    answer = send(ehr, made_up_bundle(patient))
    assert answer.status_code in {202, 422}
    if answer.status_code == 202:
        key = answer.json()["key"]
        told = until_read(ehr, key)
        assert folder_of(served, key).parent == served.state.arrivals.desk.folder.root
        page = ehr.get(f"/arrivals/{key}?sent=true", headers=PAGE).text
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert told["key"] == key
    names = [one.name for one in served.state.arrivals.desk.folder.root.rglob("*")]
    assert not any("passwd" in one or "script" in one or "new" in one for one in names)


def test_hostile_notes_stay_data_on_the_page_of_who_arrived(ehr):
    hostile = "<script>alert(1)</script> {{ 7*7 }} Blood pressure falls despite fluids. \u202egnp.exe"
    told = arrived(ehr, made_up_bundle(notes=(hostile,)))
    texts = [page_of(ehr, told, part=part).text for part in ("", "/documents?open=0", "/documents?q=fluids")]
    for text in texts:
        assert "<script>alert" not in text
        assert "\u202e" not in text
    assert "{{ 7*7 }}" in texts[1]


def test_a_patient_of_another_server_with_the_same_id_is_not_mixed_in(ehr):
    bundle = made_up_bundle()
    bundle["entry"][0]["fullUrl"] = "http://a.example/fhir/Patient/new-1"
    arrived(ehr, bundle)
    bundle["entry"][0]["fullUrl"] = "http://b.example/fhir/Patient/new-1"
    refused = send(ehr, bundle)
    assert (refused.status_code, "of another server" in refused.json()["error"]) == (422, True)
    theirs = {**new_note(), "subject": {"reference": "http://b.example/fhir/Patient/new-1"}}
    assert send(ehr, of(theirs)).status_code == 422
    assert send(ehr, of(new_note())).status_code == 202


def test_urns_of_bundles_lead_to_the_patient_who_has_an_id(ehr):
    bundle = made_up_bundle(patient="new-1")
    bundle["entry"][0]["fullUrl"] = "urn:uuid:0a0a0a0a-0000-0000-0000-000000000001"
    told = arrived(ehr, bundle, of({**new_note(), "subject": {"reference": bundle["entry"][0]["fullUrl"]}}))
    assert told["messages"] == 2
    assert told["left"] == []
    assert told["latest"] == "2024-03-03T08:00:00"


# ---- limits ----


def test_too_much_is_refused_in_words(ehr, monkeypatch):
    arrived(ehr, made_up_bundle())
    monkeypatch.setattr(desks, "MOST_PATIENTS", 1)
    assert "no room for another patient" in send(ehr, made_up_bundle("second")).json()["error"]
    monkeypatch.setattr(desks, "MOST_MESSAGES", 1)
    assert "oo many messages" in send(ehr, of(new_note())).json()["error"]
    monkeypatch.setattr(desks, "MOST_MESSAGES", 10)
    monkeypatch.setattr(desks, "MOST_BYTES", 100)
    refused = send(ehr, of(new_note()))
    assert (refused.status_code, "oo much was sent" in refused.json()["error"]) == (422, True)


def test_a_full_disk_is_told_and_nothing_is_acknowledged(served, ehr, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xhaim.serve.arrivals.folder.write_bytes", full)
    answer = send(ehr, made_up_bundle())
    assert (answer.status_code, "disk" in answer.json()["error"]) == (503, True)
    assert ehr.get(f"/api/v1/arrivals/{KEY}").status_code == 403


def test_the_folder_is_nobody_elses_and_no_name_in_it_tells_a_patient(served, ehr):
    arrived(ehr, made_up_bundle())
    root = served.state.arrivals.desk.folder.root
    for path in [root, *root.iterdir(), *folder_of(served).glob("messages*"), *folder_of(served).glob("messages/*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.name == ".lock", path
    assert (folder_of(served) / "messages").stat().st_mode & 0o777 == 0o700
    (message,) = (folder_of(served) / "messages").iterdir()
    assert message.stat().st_mode & 0o777 == 0o600
    assert message.read_bytes() == packed(made_up_bundle())
    assert not any("new-1" in one.name for one in root.rglob("*"))


# ---- who may ----


def test_a_list_of_patients_holds_on_every_way_to_who_arrived(served, ehr):
    told = arrived(ehr, made_up_bundle())
    few = make_client(served, "few")
    sample = told["samples"][LOS]
    for path in (f"/arrivals/{KEY}", f"/arrivals/{KEY}/version?task={LOS}", f"/patients/{sample}/{LOS}",
                 f"/patients/{sample}/{LOS}/documents", f"/api/v1/arrivals/{KEY}",
                 f"/api/v1/samples/{sample}/tasks/{LOS}/explanation"):  # fmt: skip
        theirs, unknown = few.get(path), few.get(path.replace(KEY, "0" * 32))
        assert (theirs.status_code, theirs.text) == (403, unknown.text), path
    assert few.delete(f"/api/v1/arrivals/{KEY}").status_code == 403
    assert send(few, of(new_note())).status_code == 403
    assert few.get("/api/v1/arrivals").json() == []
    assert "new-1" not in few.get("/?side=arrived", headers=PAGE).text
    assert ehr.get(f"/api/v1/arrivals/{KEY}").json()["messages"] == 1
    assert send(few, made_up_bundle("theirs")).status_code == 202  # theirs by number, before anybody sent them
    assert [one["key"] for one in few.get("/api/v1/arrivals").json()] == [key_of("Patient/theirs")]
    for role in ("lys",):
        assert make_client(served, role).get(f"/arrivals/{KEY}").status_code == 403
        assert send(make_client(served, role), made_up_bundle()).status_code == 403


def test_the_same_id_in_the_run_is_another_patient(served, ehr):
    """Subject 100 of the run's own store is not Patient/100 of a hospital's server, for lists of patients either."""
    subjects = served.state.watched.now().samples["subject_id"].to_list()
    bundle = made_up_bundle(patient=str(subjects[0]))
    key = key_of(f"Patient/{subjects[0]}")
    told = arrived(ehr, bundle, key=key)
    assert told["subject_id"] not in subjects
    add_account(served, "one", "clinician", [subjects[0]])
    one = make_client(served, "one")
    assert one.get(f"/api/v1/arrivals/{key}").status_code == 403
    assert one.get(f"/patients/{told['samples'][LOS]}/{LOS}").status_code == 403


def test_a_sample_of_one_patient_or_task_opens_no_other(ehr):
    told = arrived(ehr, made_up_bundle())
    other = arrived(
        ehr, made_up_bundle("second", notes=("Only of the second: a fractured hip.",)), key=key_of("Patient/second")
    )
    assert "fractured hip" not in page_of(ehr, told, part="/documents").text
    assert "noradrenaline" not in page_of(ehr, other, part="/documents").text
    sample = told["samples"][LOS]
    for wrong in (sample[:-1] + "7", sample.replace(KEY, key_of("Patient/second")), f"n{KEY}", sample.upper()):
        assert ehr.get(f"/patients/{wrong}/{LOS}").status_code == 403, wrong
    assert ehr.get(f"/patients/{sample}/{FINDING}").status_code == 403


def test_who_is_forgotten_leaves_nothing_but_the_audit_log(served, ehr):
    told = arrived(ehr, made_up_bundle())
    assert ehr.delete(f"/api/v1/arrivals/{KEY}").status_code == 204
    root = served.state.arrivals.desk.folder.root
    assert sorted(one.name for one in root.iterdir()) == [".lock", "inbox", "refused"]
    assert ehr.get(f"/patients/{told['samples'][LOS]}/{LOS}").status_code == 403
    assert ehr.delete(f"/api/v1/arrivals/{KEY}").status_code == 403
    rows = [row for row in audit_rows(served) if row["subject_id"] == number_of(KEY)]
    assert [row["action"] for row in rows if row["action"].startswith("arriv")][-1] == "arrival forgotten"
    assert not any("new-1" in row["shown"] for row in rows)
    again = arrived(ehr, made_up_bundle(notes=()))
    assert again["messages"] == 1
    assert "Blood pressure" not in page_of(ehr, again, part="/documents?q=pressure").text


def test_a_patient_forgotten_while_they_are_read_stays_forgotten(served, ehr):
    for _ in range(3):
        assert send(ehr, made_up_bundle()).status_code == 202
        time.sleep(0.05)
        assert ehr.delete(f"/api/v1/arrivals/{KEY}").status_code == 204
    arrived(ehr, made_up_bundle("second"), key=key_of("Patient/second"))  # the thread has done with the first
    assert not folder_of(served).exists()


def test_who_is_forgotten_while_they_are_read_and_sent_again_is_there_again(served, ehr, monkeypatch):
    real, begun, go_on = answering.read_chart, Event(), Event()

    def slow(*given):
        begun.set()
        go_on.wait(20)
        return real(*given)

    monkeypatch.setattr(answering, "read_chart", slow)
    send(ehr, made_up_bundle())
    assert begun.wait(20)
    assert ehr.delete(f"/api/v1/arrivals/{KEY}").status_code == 204
    send(ehr, made_up_bundle(notes=()))
    go_on.set()
    told = until_read(ehr)
    assert told["messages"] == 1
    sources = ehr.get(f"/api/v1/samples/{told['samples'][LOS]}/tasks/{LOS}/sources").json()
    assert sources["documents"] == []


# ---- clocks ----


def _in(hours):
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_is_dated_after_now_does_not_move_now_and_is_told(served, ehr):
    bundle = made_up_bundle(begins=_in(-30), notes=())
    entries = [one for one in bundle["entry"] if one["resource"]["resourceType"] != "Observation"]
    values = [
        {**value(hour, 2.0 + hour, WHO, HERE), "effectiveDateTime": _in(when)}
        for hour, when in ((1, -5), (2, -1), (3, 48))
    ]
    fresh = {**new_note(7, "Written just now: warm and well."), "date": _in(-0.01)}
    told = arrived(ehr, {**bundle, "entry": [*entries, *({"resource": one} for one in (*values, fresh))]})
    assert told["future"] == 1
    asked = datetime.fromisoformat(
        ehr.get(f"/api/v1/samples/{told['samples'][LOS]}/tasks/{LOS}/prediction").json()["prediction_time"]
    )
    now = datetime.now(UTC).replace(tzinfo=None)
    assert timedelta(0) <= now - asked + timedelta(seconds=2) < timedelta(minutes=2)
    record = ehr.get(f"/api/v1/samples/{told['samples'][LOS]}/tasks/{LOS}/sources").json()
    assert [one["value"] for one in record["measurements"]] == [3.0, 4.0]
    assert len(record["documents"]) == 1, "what has arrived is known: the source's lag of a day does not hide it"
    page = page_of(ehr, told)
    assert "dated after this server" in page.text


def test_a_clock_that_goes_back_loses_nothing_and_orders_nothing_anew(served, ehr):
    desk = served.state.arrivals.desk
    arrived(ehr, made_up_bundle())
    usual = desk._now
    desk._now = lambda: datetime(2001, 1, 1, tzinfo=UTC)
    try:
        told = arrived(ehr, of(new_note()))
    finally:
        desk._now = usual
    assert told["messages"] == 2
    assert told["future"] == 0, "what was known at the first message is known still"
    assert told["latest"] == "2024-03-03T01:00:00"
    assert verify(served.state.database).holds


# ---- another process, another run, a server that dies ----


def test_messages_put_into_the_inbox_are_taken_by_moving(served, ehr):
    inbox = served.state.arrivals.desk.folder.root / "inbox"
    (inbox / "wilhelmina.json").write_bytes(packed(made_up_bundle()))
    (inbox / "broken.json").write_bytes(b"{")
    end = time.monotonic() + 30
    while list(inbox.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    told = until_read(ehr)
    assert told["samples"]
    refused = [one.read_bytes() for one in (inbox.parent / "refused").iterdir()]
    assert refused == [b"{"]
    assert [row["login"] for row in audit_rows(served) if row["action"] == "arrived"][-1] == "inbox"
    assert not any("wilhelmina" in one.name for one in inbox.parent.rglob("*"))


SERVER = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from made_up_bundle import made_up_bundle, packed
from made_up_served import make_client
from xhaim.serve.app import create_app
from xhaim.serve.arrivals.worker import Worker
from xhaim.serve.settings import ServeSettings
Worker.start = lambda self: None
folder = Path({folder!r})
settings = ServeSettings(arrivals=folder / "arrivals")
app = create_app(Path({run!r}), settings, f"sqlite:///{{folder / 'served.sqlite'}}")
fhir = {{"content-type": "application/fhir+json"}}
answer = make_client(app).post("/api/v1/arrivals", content=packed(made_up_bundle()), headers=fhir)
print(answer.status_code, flush=True)
sys.stdin.read()
"""


def test_what_was_acknowledged_is_answered_after_the_server_was_killed(tmp_path):
    run = str(the_run().run.directory.root)
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "run")]
    code = SERVER.format(paths=paths, folder=str(tmp_path), run=run)
    killed = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert killed.stdout.readline().strip() == "202"
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    app = serve(tmp_path)
    try:
        told = until_read(make_client(app))
        assert told["samples"][LOS]
    finally:
        app.state.arrivals.close()
    again = serve(tmp_path)  # and is there at once when it was answered
    try:
        assert make_client(again).get(f"/api/v1/arrivals/{KEY}").json() == told
        assert make_client(again).get(f"/patients/{told['samples'][LOS]}/{LOS}", headers=PAGE).status_code == 200
        assert again.state.arrivals.desk.queue == {}
    finally:
        again.state.arrivals.close()


def test_a_run_that_is_replaced_answers_again_and_the_old_risks_are_no_trend_of_its(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(the_run().run.directory.root, run)
    app = serve(tmp_path, run)
    try:
        client = make_client(app)
        first = arrived(client, made_up_bundle())
        manifest = json.loads((run / "manifest.json").read_text())
        (run / "new.json").write_text(json.dumps(manifest | {"settings_hash": "another"}))
        (run / "new.json").replace(run / "manifest.json")
        end = time.monotonic() + 60
        while app.state.arrivals.desk.patient(KEY).state.run.split("-")[1] != "another" and time.monotonic() < end:
            time.sleep(0.05)
        told = until_read(client)
        assert told["samples"][LOS] == first["samples"][LOS]
        (risk,) = app.state.arrivals.view(KEY, app.state.watched.now()).risks
        assert "another" in risk.run
        assert client.get(f"/patients/{told['samples'][LOS]}/{LOS}", headers=PAGE).status_code == 200
    finally:
        app.state.arrivals.close()


def test_a_run_of_other_code_keeps_what_arrives_and_says_why_there_is_no_risk(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(the_run().run.directory.root, run)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"code": "other"}))
    app = serve(tmp_path, run)
    try:
        client = make_client(app)
        assert send(client, made_up_bundle()).status_code == 202
        told = until_read(client)
        assert told["samples"] == {}
        assert set(told["refused"]) == {FINDING, LOS}
        page = client.get(f"/arrivals/{KEY}", headers=PAGE)
        assert (page.status_code, "no model of this task" in page.text) == (200, True)
    finally:
        app.state.arrivals.close()


def test_two_servers_cannot_keep_their_arrivals_in_one_folder(served, tmp_path):
    from xhaim.errors import DataError, PrerequisiteError

    folder = served.state.arrivals.desk.folder.root.parent
    with pytest.raises(PrerequisiteError, match="another server"):
        serve(folder)
    with pytest.raises(DataError, match="run directory"):
        serve(the_run().run.directory.root)
    assert not (the_run().run.directory.root / "arrivals").exists()


def test_a_server_without_a_folder_keeps_nobody_and_says_so(tmp_path):
    from made_up_served import make_app

    app = make_app(tmp_path)
    answer = send(make_client(app), made_up_bundle())
    assert (answer.status_code, "--arrivals" in answer.json()["error"]) == (404, True)
    assert make_client(app).get(f"/arrivals/{KEY}").status_code == 403


def test_a_fault_in_one_patient_is_told_on_their_page_and_in_the_metrics_and_stops_nobody(served, ehr, monkeypatch):
    real = answering.read_chart

    def faulty(chart, folder, zone, subject_id):
        if subject_id == number_of(KEY):
            raise ValueError(SECRET)
        return real(chart, folder, zone, subject_id)

    monkeypatch.setattr(answering, "read_chart", faulty)
    told = arrived(ehr, made_up_bundle())
    assert told["fault"].startswith("failed: ValueError in serve/arrivals/")
    assert SECRET not in told["fault"]
    assert "could not be read" in ehr.get(f"/arrivals/{KEY}", headers=PAGE).text
    other = arrived(ehr, made_up_bundle("second"), key=key_of("Patient/second"))
    assert other["samples"][LOS]
    metrics = ehr.get("/metrics").text
    assert 'xhaim_arrivals_total{what="failed"}' in metrics
    assert "xhaim_arrivals 2\n" in metrics
    monkeypatch.undo()
    assert arrived(ehr, of(new_note()))["fault"] == ""
