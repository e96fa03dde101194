"""SMART on FHIR against a server on loopback: launched by it or alone, for a patient of the run; who is let in."""

import json
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from fake_provider import fake_provider
from made_up_served import PAGE, TASK, add_account, make_app, make_client, make_sample
from sso_visits import (
    go,
    land,
    led_to,
    rows,
    smart_settings,
)

from xhaim.serve.access import COOKIE
from xhaim.serve.accounts import lock
from xhaim.serve.identities import identify
from xhaim.serve.login import WAY
from xhaim.serve.security import Rates
from xhaim.serve.sso.chart import is_id
from xhaim.serve.sso.entry import FLOW
from xhaim.serve.sso.start import begin

sys.path.append(str(Path(__file__).parents[1] / "run"))


@pytest.fixture(scope="module")
def fhir():
    with fake_provider() as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory, fhir):
    """Made-up results, of samples of patients 100 to 107; ``paul`` may see them all, ``few`` one of them."""
    app = make_app(tmp_path_factory.mktemp("smart"), settings=smart_settings(fhir))
    for login, role, subjects in (("paul", "clinician", None), ("few", "clinician", [102]), ("ann", "annotator", None)):
        add_account(app, login, role, subjects)
        identify(app.state.database, login, fhir.address, "fhirUser", f"{fhir.base}/Practitioner/{login}")
    return app


@pytest.fixture
def app(served, fhir):
    fhir.reset()
    fhir.claims = {"fhirUser": f"{fhir.base}/Practitioner/paul"}
    fhir.token = {"patient": "102"}
    served.state.sso = begin(served.state.settings)
    return served


def test_a_launch_leads_its_user_to_the_newest_page_of_its_patient(app, fhir):
    browser, back, asked = go(app, fhir)
    assert asked["aud"] == [fhir.base]
    assert asked["launch"] == ["abc"]
    assert set(asked["scope"][0].split()) >= {
        "openid",
        "fhirUser",
        "launch",
        "patient/Patient.rs",
        "patient/Observation.rs",
    }
    page = browser.get(back, headers=PAGE)
    assert page.status_code == 200, page.text
    assert led_to(page) == f"/patients/{make_sample(2).sample_id}/{TASK}"
    assert "max-age=0" in next(one for one in page.headers.get_list("set-cookie") if one.startswith(FLOW)).lower()
    assert browser.get(led_to(page), headers=PAGE).status_code == 200
    row = next(one for one in reversed(rows(app)) if one["action"] == "login")
    assert (row["login"], json.loads(row["shown"])) == ("paul", {"by": "smart"})
    assert not [path for path, token in fhir.asked if token]  # what is stored is shown: nothing is read there


def test_alone_it_asks_for_a_patient_to_be_chosen_there(app, fhir):
    browser, back, asked = go(app, fhir, "")
    assert "launch/patient" in asked["scope"][0].split()
    assert "launch" not in asked
    assert led_to(browser.get(back, headers=PAGE)) == f"/patients/{make_sample(2).sample_id}/{TASK}"
    assert f'href="/smart/launch"' in make_client(app).get("/login", headers=PAGE).text  # noqa: F541


def test_an_older_server_is_asked_in_its_own_words(app, fhir):
    fhir.smart_said = {"capabilities": ["launch-ehr", "permission-v1"]}
    _, _, asked = go(app, fhir)
    assert "patient/Patient.read" in asked["scope"][0].split()


def test_logging_out_after_a_launch_leaves_the_health_record_alone(app, fhir):
    browser, _ = land(app, fhir)
    assert browser.cookies[WAY] == "smart"
    from made_up_served import token_of

    left = browser.post("/logout", headers={"x-csrf-token": token_of(browser, app)})
    assert (left.status_code, left.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("patient", ["103", "1000", "new-1"])
def test_a_patient_who_is_not_theirs_is_answered_as_one_who_is_not_there_and_nothing_is_read(app, fhir, patient):
    fhir.claims = {"fhirUser": f"{fhir.base}/Practitioner/few"}
    fhir.token = {"patient": patient}
    browser, page = land(app, fhir)
    assert page.status_code == 403
    assert "There is no such patient here, or you may not see their record." in page.text
    assert browser.get("/", headers=PAGE).status_code == 200  # they are logged in
    assert not [path for path, token in fhir.asked if token]


def test_a_role_that_opens_no_patients_is_told_so(app, fhir):
    fhir.claims = {"fhirUser": f"{fhir.base}/Practitioner/ann"}
    browser, page = land(app, fhir)
    assert "Your role opens no patients." in page.text
    assert 'href="/annotate"' in page.text
    assert "/patients/" not in page.text
    assert browser.get("/annotate").status_code == 200


@pytest.mark.parametrize("patient", [None, "", 7, "..", ".", "a/b", "a?b", "x" * 65, "ü", ["102"], "102\n"])
def test_a_patient_that_is_no_id_is_none(app, fhir, patient):
    fhir.token = {"patient": patient}
    _, page = land(app, fhir)
    assert page.status_code == 200
    assert "The launch names no patient." in page.text
    assert not [path for path, token in fhir.asked if token]
    assert not is_id(patient)


def test_a_launch_of_another_server_is_not_taken(app, fhir):
    app.state.logins = Rates(1000)
    browser = make_client(app)
    wrong = (
        "https://evil.example/fhir",
        f"{fhir.base}/x",
        f"{fhir.base}@evil.example",
        fhir.address,
        fhir.base.upper(),
    )
    for iss in wrong:
        page = browser.get("/smart/launch", params={"iss": iss, "launch": "abc"}, headers=PAGE)
        assert page.status_code == 403, iss
        assert "evil" not in page.text
    assert browser.get("/smart/launch?launch=abc").status_code == 403
    assert browser.get("/smart/launch", params={"iss": fhir.base}).status_code == 400
    assert FLOW not in browser.cookies
    assert json.loads(rows(app)[-1]["shown"]) == {"by": "smart", "why": "no launch"}
    assert go(app, fhir, f"?iss={quote(fhir.base)}%2F&launch=abc")  # a slash more is the same server
    assert not [path for path, _ in fhir.asked if "evil" in path]


@pytest.mark.parametrize(
    ("wrong", "status", "why"),
    [
        ({"token": {"id_token": None, "patient": "102"}}, 401, "token: no ID token"),
        ({"claims": {"fhirUser": "Practitioner/nobody"}}, 403, "no account"),
        ({"claims": {"nonce": "another"}}, 401, "token: nonce"),
        ({"claims": {"aud": "another"}}, 401, "token: audience"),
    ],
)
def test_whom_the_server_does_not_vouch_for_is_not_let_in(app, fhir, wrong, status, why):
    for name, value in wrong.items():
        setattr(fhir, name, value)
    browser, page = land(app, fhir)
    assert page.status_code == status
    assert COOKIE not in browser.cookies
    assert json.loads(rows(app)[-1]["shown"])["why"] == why


def test_a_locked_account_is_not_let_in(app, fhir):
    add_account(app, "gone", "clinician")
    identify(app.state.database, "gone", fhir.address, "fhirUser", "Practitioner/7")
    lock(app.state.database, "gone")
    fhir.claims = {"fhirUser": "Practitioner/7"}
    browser, page = land(app, fhir)
    assert (page.status_code, COOKIE in browser.cookies) == (403, False)


def test_a_state_of_the_other_way_of_logging_in_is_not_taken(app, fhir):
    browser, back, _ = go(app, fhir)
    assert make_client(app).get(back, headers=PAGE).status_code == 400
    assert browser.get(back, headers=PAGE).status_code == 400  # it is spent


@pytest.mark.parametrize(
    "said",
    [
        {"code_challenge_methods_supported": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"issuer": None},
        {"token_endpoint": "http://elsewhere.example/token"},
    ],
)
def test_a_server_that_cannot_do_it_safely_is_not_asked(app, fhir, said):
    fhir.smart_said = said
    app.state.logins = Rates(1000)
    page = make_client(app).get(f"/smart/launch?iss={quote(fhir.base)}&launch=abc", headers=PAGE)
    assert page.status_code == 503


def test_keys_are_found_where_the_issuer_names_them(app, fhir):
    fhir.smart_said = {"jwks_uri": None}
    browser, _ = land(app, fhir)
    assert COOKIE in browser.cookies
    assert any(path == "/.well-known/openid-configuration" for path, _ in fhir.asked)
