"""Every route that there is, by everybody who may not: generated from the router, so that none is forgotten."""

import re
import time

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from made_up_served import HERE, PAGE, PASSWORD, TASK, add_account, make_app, make_client, make_sample, token_of
from sqlalchemy import update

from xhaim.serve.access import PUBLIC, ROLES, SAFE, allow, begin_session, declared, routes_of, undeclared
from xhaim.serve.accounts import SESSIONS, lock, set_password, set_subjects
from xhaim.serve.annotate.drawing import draw, items
from xhaim.serve.database import open_database, writing
from xhaim.serve.settings import ServeSettings

NAMES = {"clinician": "cli", "annotator": "ann", "analyst": "lys", "admin": "adm"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    app = make_app(tmp_path_factory.mktemp("access"))
    for role, login in NAMES.items():
        add_account(app, login, role)
    draw(app.state.watched.now(), app.state.database, per_task=8)
    return app


@pytest.fixture(scope="module")
def browsers(app):
    return {role: make_client(app, login) for role, login in NAMES.items()}


def every(app, **places):
    """Method, path with something in each of its places, and what the route declares."""
    for route in routes_of(app.routes):
        for method in sorted(route.methods):
            yield method, re.sub(r"\{(\w+)[^}]*\}", lambda one: places.get(one[1], "7"), route.path), declared(route)


def test_nobody_gets_in_without_a_login_and_a_program_is_told_so(app):
    stranger, tried = make_client(app), 0
    for method, path, allowed in every(app):
        if allowed is not None:
            answer = stranger.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert answer.json() == {"error": "Log in first."}
            tried += 1
    assert tried >= 14


def test_a_session_that_has_expired_opens_no_route(app):
    late = make_client(app, "ann")
    with writing(app.state.database) as connection:
        connection.execute(update(SESSIONS).values(expires=SESSIONS.c.expires - 7200))
    codes = {late.request(method, path).status_code for method, path, allowed in every(app) if allowed is not None}
    with writing(app.state.database) as connection:
        connection.execute(update(SESSIONS).values(expires=SESSIONS.c.expires + 7200))
    assert codes == {401}
    assert late.get("/annotate").status_code == 200


def test_a_person_who_is_not_logged_in_is_asked_to(app):
    page = make_client(app).get("/annotate", headers=PAGE)
    assert page.status_code == 401
    assert 'name="after" value="/annotate"' in page.text


def test_a_role_opens_what_declares_it_and_nothing_else(app, browsers):
    refused = 0
    for method, path, allowed in every(app):
        for role in ROLES:
            if allowed is not None and role != "admin" and role not in allowed.roles:
                answer = browsers[role].request(method, path)
                assert (answer.status_code, answer.json()) == (403, {"error": "Your role does not include this."})
                refused += 1
    assert refused >= 20


def test_whatever_changes_something_needs_the_token_of_the_session(app, browsers):
    tried = 0
    for method, path, allowed in every(app):
        if method in SAFE or allowed is None or not allowed.csrf:
            continue
        for sent in ({}, {"x-csrf-token": "0" * 64}, {"x-csrf-token": token_of(browsers["annotator"], app)}):
            answer = browsers["admin"].request(method, path, headers=sent)
            assert answer.status_code == 403, (method, path)
            assert "out of date" in answer.json()["error"]
        tried += 1
    assert tried >= 6


def test_another_site_cannot_send_a_form_even_with_the_token(app, browsers):
    admin = browsers["admin"]
    right = {"x-csrf-token": token_of(admin, app)}
    for sent in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert admin.post("/annotate/draw", data={"per_task": 1}, headers=right | sent).status_code == 403
    ours = {"origin": "null", "sec-fetch-site": "same-origin"}  # what a browser sends of a page without a referrer
    assert admin.post("/annotate/draw", data={"per_task": 1}, headers=right | ours).status_code == 200
    assert admin.post("/annotate/draw", data={"per_task": 1}, headers=right | {"origin": HERE}).status_code == 200


def test_a_session_that_has_ended_opens_nothing(app):
    for end in ("expired", "other password", "locked", "another role", "logged out"):
        login = f"x-{end.split()[0]}"
        add_account(app, login, "annotator")
        browser = make_client(app, login)
        assert browser.get("/annotate").status_code == 200
        if end == "expired":
            with writing(app.state.database) as connection:
                connection.execute(update(SESSIONS).where(SESSIONS.c.login == login).values(expires=int(time.time())))
        elif end == "other password":
            set_password(app.state.database, login, "another horse battery")
        elif end == "locked":
            lock(app.state.database, login)
        elif end == "another role":
            set_subjects(app.state.database, login, [1])
        else:
            left = browser.post("/logout", headers={"x-csrf-token": token_of(browser, app)})
            assert left.status_code == 303
            browser = make_client(app)
        assert browser.get("/annotate").status_code == 401, end


def test_a_patient_who_is_not_theirs_is_answered_as_one_who_is_not_there(app):
    add_account(app, "few", "annotator", [make_sample(2).subject_id])
    browser = make_client(app, "few")
    drawn = {item.sample_id: item for item in items(app.state.database)}
    own, other = drawn[make_sample(2).sample_id].explanation, drawn[make_sample(3).sample_id].explanation
    assert browser.get(f"/annotate/item/{own}").status_code == 200
    assert "1 left" in browser.get("/annotate", headers=PAGE).text
    header = {"x-csrf-token": token_of(browser, app)}
    for path, form in (("", {"citation": 1}), ("/score", {"dimension": "citation", "score": 1}), ("/comment", {})):
        answers = [browser.post(f"/annotate/item/{one}{path}", data=form, headers=header) for one in (other, "0" * 64)]
        assert [answer.status_code for answer in answers] == [403, 403]
        assert answers[0].text == answers[1].text
    shown = [browser.get(f"/annotate/item/{one}", headers=PAGE) for one in (other, "0" * 64, "../../manifest.json")]
    assert shown[0].text == shown[1].text
    assert [one.status_code for one in shown] == [403, 403, 404]


def test_a_machine_logs_in_by_a_token_and_needs_no_form(app):
    browser = make_client(app)
    token = begin_session(app.state.database, "adm", 1)
    header = {"authorization": f"Bearer {token}"}
    assert browser.post("/annotate/draw", data={"per_task": 1}, headers=header).status_code == 200
    assert browser.get("/annotate", headers={"authorization": f"Basic {token}"}).status_code == 401
    for wrong in (f"Bearer {token}x", "Bearer ", "Bearer"):
        assert browser.get("/annotate", headers={"authorization": wrong}).status_code == 401
    lock(app.state.database, "adm")
    assert browser.get("/annotate", headers=header).status_code == 401
    set_password(app.state.database, "adm", PASSWORD)


def test_another_sites_page_opens_no_door_of_machines_either(tmp_path):
    app, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter()
    router.add_api_route("/door", lambda: "x", methods=["POST"], dependencies=[Depends(allow("clinician", csrf=False))])
    app.include_router(router)
    app.state.database, app.state.settings = open_database(f"sqlite:///{tmp_path / 'd.sqlite'}"), ServeSettings()
    browser = TestClient(app, base_url=HERE)
    assert browser.post("/door").status_code == 200
    assert browser.post("/door", headers={"origin": "https://evil.example"}).status_code == 403
    assert browser.post("/door", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_no_route_of_a_patient_tells_one_who_is_not_theirs_from_one_who_is_not_there(app):
    logins = {"clinician": "few-cli", "annotator": "few-ann"}
    drawn = {item.sample_id: item.explanation for item in items(app.state.database)}
    theirs, unknown = ({"task_id": TASK, "sample_id": one, "explanation": two} for one, two in (
        (make_sample(3).sample_id, drawn[make_sample(3).sample_id]), ("999-21800101T000000", "0" * 64)
    ))  # fmt: skip
    tried = 0
    for role, login in logins.items():
        add_account(app, login, role, [make_sample(2).subject_id])
        browser = make_client(app, login)
        header = {"x-csrf-token": token_of(browser, app)}
        pairs = zip(every(app, **theirs), every(app, **unknown), strict=True)
        for (method, path, allowed), (_, other, _) in pairs:
            if path != other and allowed is not None and role in allowed.roles:
                answers = [browser.request(method, one, headers=header) for one in (path, other)]
                assert answers[0].status_code == answers[1].status_code, (method, path)
                assert answers[0].status_code in ({403} if method in SAFE else {403, 422, 415}), (method, path)
                assert answers[0].text == answers[1].text, (method, path)
                tried += 1
    assert tried >= 12


def test_a_route_that_says_nothing_keeps_the_server_from_starting():
    app, router, inner = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter(), APIRouter()
    inner.add_api_route("/forgotten", lambda: "x")
    router.include_router(inner)
    app.include_router(router)
    assert undeclared(app.routes) == ["/forgotten"]


def test_the_public_routes_are_these_and_show_no_patient(app):
    others = {"/oidc/login", "/oidc/callback", "/smart/launch", "/smart/callback"}
    assert {"/login", "/healthz", "/readyz", "/metrics"} | others == PUBLIC
    browser = make_client(app)
    for path in sorted(PUBLIC):
        text = browser.get(path, headers=PAGE).text
        assert not any(make_sample(number).sample_id in text for number in range(8))


def test_login_gives_a_cookie_that_scripts_and_other_sites_cannot_use_and_goes_to_our_pages_only(app):
    for after, there in (("/annotate/next", "/annotate/next"), ("//evil.example", "/"), ("/\\evil.example", "/"),
                         ("https://evil.example", "/"), ("/", "/annotate")):  # fmt: skip
        app.state.logins.__init__(10)
        answer = make_client(app).post("/login", data={"login": "ann", "password": PASSWORD, "after": after})
        assert (answer.status_code, answer.headers["location"]) == (303, there)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
    wrong = [
        make_client(app).post("/login", data={"login": one, "password": "x"}, headers=PAGE) for one in ("ann", "no")
    ]
    assert [one.status_code for one in wrong] == [401, 401]
    assert wrong[0].text == wrong[1].text
