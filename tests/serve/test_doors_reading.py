"""The JSON API and FHIR out, over a made-up run: what it tells, to whom, and that its OpenAPI document is true."""

import json
import re
from hashlib import sha256

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_served import HOSTILE, TASK, WORDS, add_account, make_app, make_client, make_sample
from sqlalchemy import select

from xhaim.explain.render import from_json
from xhaim.serve.access import routes_of
from xhaim.serve.audit import AUDIT, verify
from xhaim.serve.database import reading
from xhaim.serve.doors import routes as doors

ONE = f"/api/v1/samples/{make_sample(2).sample_id}/tasks/{TASK}"
N = 8


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    app = make_app(tmp_path_factory.mktemp("doors"), n=N, hostile=True)
    add_account(app, "all", "clinician")
    add_account(app, "few", "clinician", [make_sample(2).subject_id, make_sample(5).subject_id])
    add_account(app, "lys", "analyst")
    return app


@pytest.fixture(scope="module")
def all_(app):
    return make_client(app, "all")


@pytest.fixture(scope="module")
def few(app):
    return make_client(app, "few")


def rows_of(app):
    with reading(app.state.database) as connection:
        return [row._asdict() for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number))]


def test_the_run_and_its_tasks(all_):
    told = all_.get("/api/v1/run").json()
    assert (told["simulated"], told["samples"], [task["task_id"] for task in told["tasks"]]) == (True, N, [TASK])
    assert told["tasks"][0]["report_policy"] == "admissible"


def test_samples_come_in_pages_each_once(all_):
    seen, after, pages = [], "", 0
    while after is not None:
        page = all_.get("/api/v1/samples", params={"limit": 3, "after": after}).json()
        seen += [one["sample_id"] for one in page["samples"]]
        after, pages = page["after"], pages + 1
    assert seen == [make_sample(number).sample_id for number in range(N)]
    assert pages == 3
    one = all_.get("/api/v1/samples", params={"subject": make_sample(4).subject_id}).json()["samples"]
    assert [row["stay_id"] for row in one] == [make_sample(4).stay_id]


def test_only_ones_own_patients_are_listed_and_counted_in_pages(few):
    page = few.get("/api/v1/samples", params={"limit": 1}).json()
    assert [one["subject_id"] for one in page["samples"]] == [make_sample(2).subject_id]
    rest = few.get("/api/v1/samples", params={"after": page["after"]}).json()
    assert [one["subject_id"] for one in rest["samples"]] == [make_sample(5).subject_id]
    assert rest["after"] is None


def test_an_explanation_is_the_stored_one_to_the_last_character(app, all_):
    told = all_.get(f"{ONE}/explanation")
    stored = app.state.run / "explanations" / TASK / f"{make_sample(2).sample_id}.json"
    assert from_json(told.text) == from_json(stored.read_text())
    assert told.headers["content-type"] == "application/json"


def test_sources_are_listed_and_a_document_is_told_word_for_word(all_):
    listed = all_.get(f"{ONE}/sources").json()
    assert [one["signal"] for one in listed["measurements"]] == ["lactate"] * 3
    assert {one["text"] for one in listed["documents"]} == {None}
    nursing = next(one for one in listed["documents"] if one["title"] == "Nursing")
    whole = all_.get(f"{ONE}/sources/documents/{nursing['number']}").json()
    assert WORDS in whole["text"]
    assert HOSTILE[2].replace("\r", "") in whole["text"] or HOSTILE[2][:10] in whole["text"]
    assert whole["length"] == len(whole["text"])
    assert all_.get(f"{ONE}/sources/documents/99").status_code == 404


def test_without_a_stored_prediction_there_is_no_number(all_):
    told = all_.get(f"{ONE}/prediction")
    assert (told.status_code, list(told.json())) == (404, ["error"])


def test_fhir_out_is_a_risk_assessment_and_its_provenance(all_):
    told = all_.get(f"{ONE}/fhir")
    assert told.headers["content-type"] == "application/fhir+json"
    risk, provenance = [one["resource"] for one in told.json()["entry"]]
    assert (risk["resourceType"], provenance["resourceType"]) == ("RiskAssessment", "Provenance")
    assert risk["prediction"][0]["probabilityDecimal"] == pytest.approx(100 * 2.5 / N, abs=0.06)
    assert {"system": "urn:xhaim:warning", "code": "simulated"} in risk["meta"]["tag"]


def test_what_shows_a_patient_is_written_down_with_ids_alone(app, all_):
    before = len(rows_of(app))
    for path in ("explanation", "sources", "sources/documents/0", "fhir"):
        assert all_.get(f"{ONE}/{path}").status_code == 200
    rows = rows_of(app)[before:]
    assert [row["action"] for row in rows] == ["api explanation", "api sources", "api document", "api explanation"]
    assert {(row["login"], row["subject_id"]) for row in rows} == {("all", make_sample(2).subject_id)}
    assert WORDS not in json.dumps(rows)
    all_.get("/api/v1/samples", params={"limit": 2})
    listed = rows_of(app)[-1]
    assert json.loads(listed["shown"]) == {"samples": [make_sample(0).sample_id, make_sample(1).sample_id]}
    assert verify(app.state.database).holds


@pytest.mark.parametrize("path", ["prediction", "explanation", "fhir", "sources", "sources/documents/0"])
def test_another_ones_patient_is_answered_as_one_who_is_not_there(app, few, path):
    before = len(rows_of(app))
    there = f"/api/v1/samples/{make_sample(3).sample_id}/tasks/{TASK}/{path}"
    answers = [few.get(one) for one in (there, there.replace("3003", "9999"), there.replace(TASK, "other"))]
    assert [one.status_code for one in answers] == [403] * 3
    assert len({sha256(one.content).hexdigest() for one in answers}) == 1
    assert make_client(app, "lys").get(there).status_code == 403
    assert make_client(app).get(there).status_code == 401
    assert len(rows_of(app)) == before


def test_a_run_that_other_code_made_takes_no_patients_and_does_not_say_where_it_lies(app, all_):
    answer = all_.post("/api/v1/fhir", content=b"{}", headers={"content-type": "application/fhir+json"})
    assert (answer.status_code, list(answer.json())) == (503, ["error"])
    assert str(app.state.run) not in answer.text


# ---- the document is true -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(all_):
    return all_.get("/api/v1/openapi.json").json()


def schema_of(document, path, method, status, kind):
    found = document["paths"][path][method]["responses"][str(status)]["content"][kind]["schema"]
    return {**found, "components": document["components"]}


def test_every_door_is_in_the_document_and_every_answer_fits_it(app, all_, document):
    jsonschema.Draft202012Validator.check_schema(schema_of(document, "/api/v1/run", "get", 200, "application/json"))
    assert set(document["paths"]) == {route.path for route in routes_of(doors.router.routes)}
    fill = {"sample_id": make_sample(2).sample_id, "task_id": TASK, "number": "0", "service": f"xhaim-{TASK}"}
    fill |= {"key": "0" * 32, "kind": "Patient", "resource_id": "1"}
    tried = other = 0
    for path, methods in document["paths"].items():
        for method in methods:
            answer = all_.request(method, re.sub(r"\{(\w+)\}", lambda found: fill[found[1]], path))
            kind = answer.headers["content-type"].partition(";")[0]
            if kind == "application/fhir+json":
                other += 1
                continue
            jsonschema.validate(answer.json(), schema_of(document, path, method, answer.status_code, kind))
            tried += 1
    assert other == 1
    assert tried + other == sum(map(len, document["paths"].values()))


def places(document):
    return [(path, one) for path, methods in document["paths"].items() for one in methods if one == "get"]


TEXT = st.one_of(
    st.text(max_size=30).map(lambda one: one.replace("/", "").replace(".", "") or "7"),
    st.sampled_from([make_sample(1).sample_id, TASK, "0", "-1", "9" * 40, "' OR 1=1 --", "<b>", "%2e%2e%2fmanifest"]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_asked_gets_an_answer_that_the_document_foretells(few, document, data):
    from urllib.parse import quote

    path, method = data.draw(st.sampled_from(places(document)))
    address = re.sub(r"\{\w+\}", lambda _: quote(data.draw(TEXT).encode("utf-8", "replace"), safe=""), path)
    named = [one["name"] for one in document["paths"][path][method].get("parameters", []) if one["in"] == "query"]
    asked = {name: data.draw(st.one_of(TEXT, st.integers())) for name in named if data.draw(st.booleans())}
    answer = few.request(method, address, params=asked)
    assert answer.status_code < 500
    kind = answer.headers["content-type"].partition(";")[0]
    if answer.status_code in {404, 405} and answer.json()["error"] in {"Not found", "Not done that way"}:
        return  # no such route, or another: a part of the address was empty, or held a slash
    if kind == "application/json":
        jsonschema.validate(answer.json(), schema_of(document, path, method, answer.status_code, kind))
