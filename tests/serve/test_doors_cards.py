"""CDS Hooks 2.0 as it is written: the fields of discovery and cards, prefetch, and pages of other sites."""

import json
import threading
import uuid

import pytest
from made_up_bundle import made_up_bundle
from made_up_served import TASK, add_account, make_app, make_client
from posted_run import LOS, ehr, served
from sqlalchemy import select

from xhaim.errors import DataError
from xhaim.serve.access import begin_session
from xhaim.serve.audit import AUDIT, verify
from xhaim.serve.database import reading
from xhaim.serve.doors.hook_types import PREFETCH
from xhaim.serve.doors.patients import Ready
from xhaim.serve.settings import ServeSettings

SERVICE = f"/cds-services/xhaim-{LOS}"
SECRET = "Zebrafinch Wilhelmina"
SERVICES = {"hook", "title", "description", "id", "prefetch", "usageRequirements"}
CARD = {
    "uuid",
    "summary",
    "detail",
    "indicator",
    "source",
    "suggestions",
    "selectionBehavior",
    "overrideReasons",
    "links",
}
SOURCE, CODING, LINK = (
    {"label", "url", "icon", "topic"},
    {"code", "system", "display"},
    {"label", "url", "type", "appContext"},
)


def prefetched(name="new-1", **others):
    """What a client's server answered to the templates of PREFETCH."""
    resources = [one["resource"] for one in made_up_bundle(name)["entry"]]
    person, rest = resources[0], resources[1:]
    kinds = {"encounters": "Encounter", "observations": "Observation", "documents": "DocumentReference"}
    found = {name: searchset([one for one in rest if one["resourceType"] == kind]) for name, kind in kinds.items()}
    return {"patient": person, **found, "reports": searchset([]), "studies": None, **others}


def searchset(resources):
    entries = [
        {"fullUrl": f"https://ehr.example/{one['resourceType']}/{one['id']}", "resource": one} for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def call(prefetch=None, patient="new-1", **changes):
    asked = {"hook": "patient-view", "hookInstance": str(uuid.uuid4()), "fhirServer": "https://ehr.example/fhir",
             "fhirAuthorization": {"access_token": SECRET, "token_type": "Bearer", "expires_in": 300, "scope": "x",
                                   "subject": "y"},
             "context": {"userId": "Practitioner/1", "patientId": patient}}  # fmt: skip
    return asked | ({} if prefetch is None else {"prefetch": prefetch}) | changes


def audit_rows(app):
    with reading(app.state.database) as connection:
        return [row._asdict() for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number))]


def test_discovery_and_cards_have_the_fields_of_the_standard_and_no_other():
    services = ehr().get("/cds-services").json()["services"]
    assert {one["id"] for one in services} >= {f"xhaim-{LOS}"}
    for one in services:
        assert {"hook", "description", "id"} <= set(one) <= SERVICES
        assert set(one["prefetch"]) == set(PREFETCH)
        assert all("{{context.patientId}}" in query for query in one["prefetch"].values())
    answer = ehr().post(SERVICE, json=call(prefetched())).json()
    assert set(answer) == {"cards"}  # and no systemActions
    (card,) = answer["cards"]
    assert {"summary", "indicator", "source"} <= set(card) <= CARD
    assert len(card["summary"]) < 140
    assert card["indicator"] in {"info", "warning", "critical"}
    assert {"label"} <= set(card["source"]) <= SOURCE
    assert set(card["source"]["topic"]) == CODING
    assert "selectionBehavior" not in card  # for suggestions, of which there are none
    assert all(set(one) == CODING for one in card["overrideReasons"])
    assert len({one["code"] for one in card["overrideReasons"]}) == len(card["overrideReasons"]) > 1


def test_a_patient_of_no_run_gets_the_card_of_the_risk_that_their_bundle_gets_and_nothing_is_kept(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    posted = ehr().post(f"/api/v1/fhir?task={LOS}", json=made_up_bundle()).json()["predictions"][0]
    (card,) = ehr().post(SERVICE, json=call(prefetched())).json()["cards"]
    share = "<1" if posted["risk"] < 0.01 else ">99" if posted["risk"] > 0.99 else f"{100 * posted['risk']:.0f}"
    assert f": {share} %" in card["summary"]
    assert "links" not in card
    assert "SIMULATED" in card["summary"]
    assert list(tmp_path.iterdir()) == []
    row = audit_rows(served())[-1]
    assert (row["action"], row["subject_id"]) == ("cds card", None)
    told = json.loads(row["shown"])
    assert set(told) == {"task", "card", "bundle", "patient"}
    assert "new-1" not in row["shown"]
    reason = {"reason": card["overrideReasons"][0], "userComment": "seen"}
    said = {"card": card["uuid"], "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": "2024-03-02"}
    assert ehr().post(f"{SERVICE}/feedback", json={"feedback": [said]}).status_code == 200
    assert (audit_rows(served())[-1]["action"], audit_rows(served())[-1]["subject_id"]) == ("cds feedback", None)
    assert verify(served().state.database).holds


def test_without_prefetch_or_a_risk_there_is_no_card(monkeypatch):
    for nobody in (None, {}, {"patient": None}, {"other": prefetched()["patient"]}, prefetched(patient=None)):
        assert ehr().post(SERVICE, json=call(nobody)).json() == {"cards": []}
    film = f"/cds-services/xhaim-{'pleural_effusion'}"
    assert ehr().post(film, json=call(prefetched())).json() == {"cards": []}
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    assert len(ehr().post(SERVICE, json=call(prefetched(reports=failed))).json()["cards"]) == 1


@pytest.mark.parametrize(
    "prefetch",
    [
        {"patient": {"resourceType": "Patient", "id": "another"}},
        {"patient": {"resourceType": "OperationOutcome", "id": "new-1"}},
        prefetched(encounters={"resourceType": "Patient", "id": "second", "birthDate": "1950", "name": SECRET}),
        prefetched() | {"patient": prefetched()["patient"] | {"birthDate": SECRET, "gender": float("nan")}},
    ],
)
def test_what_is_not_the_record_of_the_patient_is_said_with_412_and_not_quoted(prefetch):
    before = len(audit_rows(served()))
    body = json.dumps(call(prefetch)).encode()
    answer = ehr().post(SERVICE, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, list(answer.json())) == (412, ["error"])
    assert SECRET not in answer.text
    assert len(audit_rows(served())) == before


def test_a_card_that_is_not_made_in_time_is_none_and_the_next_is_made(monkeypatch):
    goes_on = threading.Event()

    def slow(*_, **__):
        goes_on.wait(60)
        raise DataError("late")

    with monkeypatch.context() as patch:
        patch.setattr("xhaim.serve.doors.prefetch.SECONDS", 0.1)
        patch.setattr(Ready, "apply", slow)
        answers = [ehr().post(SERVICE, json=call(prefetched())).json() for _ in range(5)]
        assert answers == [{"cards": []}] * 5
        assert sum(one.name.startswith("hooks") for one in threading.enumerate()) <= 2
        goes_on.set()
    assert len(ehr().post(SERVICE, json=call(prefetched())).json()["cards"]) == 1


def test_the_card_of_a_film_that_was_prefetched_is_made_of_its_picture():
    from test_doors_pictures import media

    film = ehr().post("/cds-services/xhaim-pleural_effusion", json=call(prefetched(films=searchset([media()]))))
    assert len(film.json()["cards"]) == 1


# ---- pages of other sites -------------------------------------------------------------------------------------

EHR = "https://ehr.example"
ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


@pytest.fixture(scope="module")
def open_app(tmp_path_factory):
    app = make_app(tmp_path_factory.mktemp("origins"), settings=ServeSettings(cds_origins=(EHR,)))
    add_account(app, "all", "clinician")
    return app


def test_a_page_of_a_named_site_may_ask_for_cards_with_a_token(open_app):
    client, hook = make_client(open_app), f"/cds-services/xhaim-{TASK}"
    asked = client.options(hook, headers={"origin": EHR, **ASKS})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == EHR
    assert "access-control-allow-credentials" not in asked.headers
    token = begin_session(open_app.state.database, "all", 1)
    headers = {"origin": EHR, "sec-fetch-site": "cross-site", "authorization": f"Bearer {token}"}
    for answer in (client.get("/cds-services", headers=headers), client.post(hook, json=call(), headers=headers)):
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == EHR
        assert "Origin" in answer.headers["vary"]
    tokenless = make_client(open_app, "all").post(hook, json=call(), headers={"origin": EHR})
    assert tokenless.status_code == 403


def test_no_other_page_and_no_other_address_is_open(open_app):
    client, hook = make_client(open_app), f"/cds-services/xhaim-{TASK}"
    token = {"authorization": f"Bearer {begin_session(open_app.state.database, 'all', 1)}"}
    for origin in ("https://evil.example", "null", f"{EHR}.evil.example", "http://ehr.example", EHR.upper()):
        assert "access-control-allow-origin" not in client.options(hook, headers={"origin": origin, **ASKS}).headers
        assert client.post(hook, json=call(), headers={"origin": origin} | token).status_code == 403
    for path in ("/api/v1/run", "/login", "/cds-services-x"):
        answer = client.options(path, headers={"origin": EHR, **ASKS})
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-origin" not in client.get(path, headers={"origin": EHR} | token).headers
    assert client.post("/api/v1/fhir", json={}, headers={"origin": EHR} | token).status_code == 403
    shut = make_client(served()).options(hook, headers={"origin": EHR, **ASKS})
    assert shut.status_code == 405
    assert "access-control-allow-origin" not in shut.headers


@pytest.mark.parametrize(
    "origin", ["*", "null", "ehr.example", "https://ehr.example/", "https://e\nx", "https://EHR.x"]
)
def test_what_is_no_origin_is_refused_at_the_start(origin):
    with pytest.raises(DataError, match="no such origin"):
        ServeSettings(cds_origins=(origin,))
