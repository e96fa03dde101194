"""CDS Hooks: discovery, the card of a patient, and what became of it."""

import json
import uuid
from datetime import timedelta

import polars as pl
import pytest
from made_up_served import HERE, TASK, T, add_account, make_app, make_client, make_sample
from sqlalchemy import func, select

from xhaim.serve.audit import AUDIT, verify
from xhaim.serve.database import reading
from xhaim.serve.doors.cards import CARD_FEEDBACK, CARDS
from xhaim.serve.predicted import SCHEMA

SERVICE = f"/cds-services/xhaim-{TASK}"


def predictions(n):
    """Two predictions of each stay, half a day apart; risks go up, the third abstains, the last has no threshold."""
    rows = []
    for number in range(n):
        one = make_sample(number)
        risk = (number + 0.5) / n
        row = {"sample_id": one.sample_id, "subject_id": one.subject_id, "stay_id": one.stay_id, "task_id": TASK}
        row |= {"prediction_time": T, "split": 0, "part": "test", "label": 0, "raw": risk, "risk": risk}
        row |= {"abstains": number == 2, "threshold": None if number == n - 1 else 0.4}
        older = row | {"sample_id": f"older-{number}", "prediction_time": T - timedelta(hours=12), "risk": 0.999}
        rows += [older, row]
    return pl.DataFrame(rows, schema=SCHEMA)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    app = make_app(tmp_path_factory.mktemp("hooks"))
    app.state.watched.now().__dict__["predictions"] = predictions(8)
    add_account(app, "all", "clinician")
    add_account(app, "few", "clinician", [make_sample(1).subject_id])
    add_account(app, "ann", "annotator")
    return app


@pytest.fixture(scope="module")
def ehr(app):
    return make_client(app, "all")


def call(number, **changes):
    context = {"userId": "Practitioner/1", "patientId": str(make_sample(number).subject_id)}
    return {"hook": "patient-view", "hookInstance": str(uuid.uuid4()), "context": context, **changes}


def counted(app, table):
    with reading(app.state.database) as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_discovery_names_a_service_for_each_task(ehr):
    (service,) = ehr.get("/cds-services").json()["services"]
    assert (service["hook"], service["id"]) == ("patient-view", f"xhaim-{TASK}")
    assert "SIMULATED" in service["description"]


@pytest.mark.parametrize(
    ("number", "indicator", "words"),
    [
        (0, "info", "6 %, below the operating point of 40 %"),
        (5, "warning", "69 %, at or above the operating point of 40 %"),
        (2, "info", "31 %, the model abstains"),
        (7, "info", "94 %, no operating point"),
    ],
)
def test_a_card_tells_the_newest_risk_and_its_side_of_the_operating_point(ehr, number, indicator, words):
    (card,) = ehr.post(SERVICE, json=call(number)).json()["cards"]
    assert card["indicator"] == indicator
    assert card["summary"] == f"SIMULATED. Death within 48 hours: {words}"
    assert len(card["summary"]) < 140
    assert card["links"][0]["url"] == f"{HERE}/patients/{make_sample(number).sample_id}/{TASK}"
    assert uuid.UUID(card["uuid"])
    assert card["source"]["label"]


def test_who_is_not_here_and_whom_one_may_not_see_have_no_card_and_leave_no_trace(app):
    few, before = make_client(app, "few"), (counted(app, AUDIT), counted(app, CARDS))
    strange = ("999999", "", "Patient/1", "'; DROP TABLE audit --", "../../etc/passwd", "<b>", "٣", "1" * 200)
    for patient in (str(make_sample(3).subject_id), *strange):
        asked = call(1, context={"userId": "x", "patientId": patient})
        answer = few.post(SERVICE, json=asked)
        assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert (counted(app, AUDIT), counted(app, CARDS)) == before
    assert len(few.post(SERVICE, json=call(1)).json()["cards"]) == 1


def test_a_shown_card_and_what_became_of_it_are_kept_and_written_down(app, ehr):
    (card,) = ehr.post(SERVICE, json=call(5)).json()["cards"]
    reason = {"reason": {"code": "known", "system": "x"}, "userComment": "SECRET WORDS of a patient"}
    said = {"card": card["uuid"], "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": "2024"}
    assert ehr.post(f"{SERVICE}/feedback", json={"feedback": [said]}).json() == {}
    with reading(app.state.database) as connection:
        kept = connection.execute(select(CARD_FEEDBACK).where(CARD_FEEDBACK.c.card == card["uuid"])).one()
        rows = connection.execute(select(AUDIT).order_by(AUDIT.c.number.desc()).limit(2)).all()
    assert (kept.outcome, kept.code, kept.words, kept.login) == ("overridden", "known", reason["userComment"], "all")
    assert [row.action for row in rows] == ["cds feedback", "cds card"]
    assert {row.subject_id for row in rows} == {make_sample(5).subject_id}
    assert {json.loads(row.shown)["card"] for row in rows} == {card["uuid"]}
    assert "SECRET" not in "".join(row.shown for row in rows)
    assert verify(app.state.database).holds


def test_feedback_of_a_card_that_was_not_shown_or_is_anothers_keeps_nothing(app, ehr):
    (card,) = ehr.post(SERVICE, json=call(4)).json()["cards"]
    mine, none = ({"card": one, "outcome": "accepted"} for one in (card["uuid"], str(uuid.uuid4())))
    before = counted(app, CARD_FEEDBACK)
    assert ehr.post(f"{SERVICE}/feedback", json={"feedback": [mine, none]}).status_code == 404
    assert make_client(app, "few").post(f"{SERVICE}/feedback", json={"feedback": [mine]}).status_code == 404
    assert counted(app, CARD_FEEDBACK) == before
    assert ehr.post(f"{SERVICE}/feedback", json={"feedback": [mine]}).status_code == 200
    assert counted(app, CARD_FEEDBACK) == before + 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b"[" * 100_000, 422),
        (b"\xff\xfe", 422),
        (json.dumps({"hook": "order-select", "hookInstance": "1", "context": {"patientId": "1"}}).encode(), 422),
        (
            json.dumps({"hook": "patient-view", "hookInstance": "", "context": {"patientId": 99 * "SECRET"}}).encode(),
            422,
        ),
        (b" " * 50_000_001, 413),
    ],
)
def test_what_is_no_call_is_refused_without_quoting_it(ehr, body, status):
    for path in (SERVICE, f"{SERVICE}/feedback"):
        answer = ehr.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status
        assert "SECRET" not in answer.text


def test_a_page_of_another_site_cannot_send_and_strangers_are_known_before_a_byte_is_read(app, ehr):
    sent = json.dumps(call(5)).encode()
    plain = {"content-type": "text/plain"}
    assert ehr.post(SERVICE, content=sent, headers=plain).status_code == 415
    there = {"content-type": "application/json", "origin": "https://evil.example"}
    assert ehr.post(SERVICE, content=sent, headers=there).status_code == 403
    assert make_client(app).post(SERVICE, content=b"{", headers=plain).status_code == 401
    assert make_client(app, "ann").post(SERVICE, content=b"{", headers=plain).status_code == 403
    assert ehr.post("/cds-services/other", json=call(5)).status_code == 404
    assert ehr.post("/cds-services/xhaim-..%2f..%2fmanifest", json=call(5)).status_code == 404
