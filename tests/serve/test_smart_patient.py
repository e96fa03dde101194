"""SMART on FHIR: a launch for a patient whom the run has never seen, shown for a while or handed on to arrivals."""

import json
import sys
from pathlib import Path

import pytest
from fake_provider import fake_provider
from made_up_bundle import made_up_bundle, packed
from made_up_served import PAGE, make_client
from sso_visits import (
    NEW,
    TOKEN,
    fitted_app,
    land,
    led_to,
    rows,
    tell,
)

from xhaim.serve.arrivals.folder import key_of
from xhaim.serve.arrivals.view import number_of
from xhaim.serve.sso import opened
from xhaim.serve.sso.start import begin

sys.path.append(str(Path(__file__).parents[1] / "run"))


@pytest.fixture(scope="module")
def fhir():
    with fake_provider() as server:
        yield server


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, fhir):
    """A tiny run that was fitted, and can be asked of new patients."""
    return fitted_app(tmp_path_factory.mktemp("smart-fitted"), fhir, {"paul": None, "eve": None, "few": [1]})


@pytest.fixture
def asked(fitted, fhir):
    fhir.reset()
    fhir.claims = {"fhirUser": f"{fhir.base}/Practitioner/paul"}
    fhir.token = {"patient": NEW}
    fitted.state.sso = begin(fitted.state.settings)
    return fitted


def test_a_new_patient_is_read_from_the_server_and_gets_the_risk_that_their_bundle_gets(asked, fhir):
    words = "Stable on room air, walks with help, discharge home is planned for tomorrow."
    bundle = made_up_bundle(NEW, notes=(words,))
    tell(fhir, bundle)
    browser, page = land(asked, fhir)
    assert page.status_code == 200, page.text
    there = led_to(page)
    assert there.startswith("/smart/patients/")
    shown = browser.get(there, headers=PAGE)
    assert shown.status_code == 200
    posted = make_client(asked, "paul").post(
        "/api/v1/fhir", content=packed(bundle), headers={"content-type": "application/fhir+json"}
    )
    (risk,) = posted.json()["predictions"]
    assert f"{100 * min(max(risk['risk'], 0.01), 0.99):.0f} %" in shown.text
    assert words in shown.text
    assert "no frontal chest film" in shown.text
    assert f"<h1>Patient {NEW}</h1>" in shown.text
    assert "SIMULATED" in shown.text
    assert {token for path, token in fhir.asked if path.startswith("/fhir/") and "well-known" not in path} == {
        f"Bearer {TOKEN}"
    }
    told = [json.loads(row["shown"]) for row in rows(asked) if row["action"] in {"smart patient", "smart page"}]
    assert all(NEW not in str(one) and len(one["patient"]) == 64 for one in told)
    assert len(told) == 2


def test_what_was_made_is_seen_by_who_launched_it_alone_and_for_some_minutes(asked, fhir, monkeypatch):
    tell(fhir, made_up_bundle(NEW))
    browser, page = land(asked, fhir)
    there = led_to(page)
    assert make_client(asked).get(there).status_code == 401
    assert make_client(asked, "eve").get(there).status_code == 403
    assert make_client(asked, "paul").get(f"{there}x").status_code == 403
    assert browser.get(f"{there}?task=nothing").status_code == 403
    assert browser.get(there, headers=PAGE).status_code == 200
    monkeypatch.setattr(opened, "MINUTES", 0)
    soon = opened.Opened()
    key = soon.keep(opened.OPENED.get("paul", there.rsplit("/", 1)[1]))
    while soon.get("paul", key) is not None:
        pass
    monkeypatch.setattr(opened, "_MOST", 2)
    monkeypatch.setattr(opened, "MINUTES", 1)
    keys = [soon.keep(opened.OPENED.get("paul", there.rsplit("/", 1)[1])) for _ in range(3)]
    assert [soon.get("paul", one) is not None for one in keys] == [False, True, True]


def test_what_the_server_does_not_tell_of_is_said(asked, fhir):
    tell(fhir, made_up_bundle(NEW))
    fhir.instead = {
        "/fhir/ImagingStudy": lambda one: one.json({}, 403),
        "/fhir/DiagnosticReport": lambda one: one.json({}, 404),
    }
    bundle = fhir.chart[f"/fhir/Encounter?patient={NEW}&_count=500"]
    bundle["entry"].append(
        {"resource": {**bundle["entry"][0]["resource"], "id": "x", "subject": {"reference": "Patient/y"}}}
    )
    browser, page = land(asked, fhir)
    shown = browser.get(led_to(page), headers=PAGE).text
    assert "Resources of somebody else that it told of were left out: 1." in shown
    assert "did not tell of: DiagnosticReport, ImagingStudy." in shown


def test_a_chart_that_cannot_be_read_is_said_in_words_without_anything_of_it(asked, fhir, caplog):
    secret = "Zebrafinch Wilhelmina"
    fhir.chart = {f"/fhir/Patient/{NEW}": {"resourceType": "Patient", "id": "other", "name": [{"text": secret}]}}
    browser, page = land(asked, fhir)
    assert page.status_code == 503
    assert "another patient" in page.text
    assert browser.get("/", headers=PAGE).status_code == 200  # logged in all the same
    fhir.chart = {f"/fhir/Patient/{NEW}": {"resourceType": "Patient", "id": NEW, "name": [{"text": secret}]}}
    _, page = land(asked, fhir)
    assert page.status_code == 422
    fhir.token = {"patient": NEW, "access_token": None}
    _, page = land(asked, fhir)
    assert "no access to the chart" in page.text
    fhir.token = {"patient": NEW, "access_token": "a\nb: c"}
    assert land(asked, fhir)[1].status_code == 503
    assert secret not in caplog.text + page.text
    assert TOKEN not in caplog.text


@pytest.fixture
def keeping(fhir, tmp_path):
    """The tiny run's server, which keeps those who arrive."""
    fhir.reset()
    fhir.claims = {"fhirUser": f"{fhir.base}/Practitioner/paul"}
    fhir.token = {"patient": NEW}
    users = {"paul": None, "few": [number_of(key_of(f"Patient/{NEW}"))], "eve": [1]}
    app = fitted_app(tmp_path, fhir, users, arrivals=tmp_path / "arrivals")
    yield app
    app.state.arrivals.close()


def test_where_arrivals_are_kept_a_launch_hands_on_what_is_new_and_leads_to_their_page(keeping, fhir):
    bundle = made_up_bundle(NEW)
    tell(fhir, bundle)
    browser, page = land(keeping, fhir)
    assert led_to(page) == f"/arrivals/{key_of(f'Patient/{NEW}')}"
    assert browser.get(f"{led_to(page)}?sent=1", headers=PAGE).status_code == 200
    assert messages(browser) == 1
    land(keeping, fhir)
    assert messages(browser) == 1  # the same chart again
    changed = fhir.chart[f"/fhir/Patient/{NEW}"] | {"birthDate": "1950-05-05"}
    fhir.chart[f"/fhir/Patient/{NEW}"] = changed
    land(keeping, fhir)
    assert messages(browser) == 2
    kept = keeping.state.arrivals.desk.folder.messages(key_of(f"Patient/{NEW}"))[-1].path.read_bytes()
    assert [one["resource"] for one in json.loads(kept)["entry"]] == [changed]
    assert TOKEN.encode() not in kept
    keeping.state.arrivals.desk.forget(key_of(f"Patient/{NEW}"))
    land(keeping, fhir)
    assert messages(browser) == 1  # whole once more
    told = [json.loads(row["shown"]) for row in rows(keeping) if row["action"] == "arrived"]
    assert [one["number"] for one in told] == [1, 2, 1]


def messages(browser):
    (found,) = browser.get("/api/v1/arrivals").json()
    return found["messages"]


@pytest.mark.parametrize(("login", "status"), [("few", 200), ("eve", 403)])
def test_whoever_may_see_somebody_who_arrives_and_no_other_is_led_there(keeping, fhir, login, status):
    tell(fhir, made_up_bundle(NEW))
    fhir.claims = {"fhirUser": f"{fhir.base}/Practitioner/{login}"}
    browser, page = land(keeping, fhir)
    assert page.status_code == status
    assert bool([path for path, token in fhir.asked if token]) == (status == 200)
    assert browser.get(f"/arrivals/{key_of(f'Patient/{NEW}')}", headers=PAGE).status_code in (
        {200, 303} if status == 200 else {403}
    )


def test_what_a_kept_chart_lacks_is_said_before_it_is_opened(keeping, fhir):
    tell(fhir, made_up_bundle(NEW))
    fhir.instead = {"/fhir/ImagingStudy": lambda one: one.json({}, 403)}
    _, page = land(keeping, fhir)
    assert "did not tell of: ImagingStudy." in page.text
    assert "http-equiv" not in page.text
    assert f'href="/arrivals/{key_of(f"Patient/{NEW}")}"' in page.text
