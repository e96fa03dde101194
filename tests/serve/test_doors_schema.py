"""The OpenAPI document is true: schemathesis asks every door by it, rightly and wrongly, and holds the answers to it.

Of every operation: each parameter and field at its limits and beyond them, missing, of other types; methods that there
are not; without a token; then examples at random, by a fixed seed.
"""

import copy

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from made_up_bundle import made_up_bundle
from posted_run import FHIR, TASKS, ehr, served
from schemathesis.specs.openapi.checks import positive_data_acceptance

from xhaim.serve.access import begin_session
from xhaim.serve.doors.document import document

HERE = "http://127.0.0.1:8080"
HOOK = "/cds-services/{service}"
OF_MEANING = ("/api/v1/fhir", "/api/v1/arrivals", "/api/v1/arrivals/{kind}/{resource_id}", HOOK)
"""Whether these take a body is more than a schema can say: whether it is the record of one patient."""


A = {"sample_id": "A-SAMPLE", "task_id": "A-TASK", "service": "A-SERVICE", "number": 0}
"""Stand in the document for ids of the run, which by chance would never be met."""


def with_places():
    made = copy.deepcopy(document())
    for methods in made["paths"].values():
        for one in methods.values():
            for parameter in one.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in A:
                    parameter["schema"] = {"enum": [A[parameter["name"]]]}
                elif (parameter["in"], parameter["name"]) == ("query", "task"):
                    parameter["schema"] = {"type": "array", "items": {"enum": list(TASKS)}, "maxItems": 20}
    return made


async def made_with_the_first_request(scope, receive, send):
    await served()(scope, receive, send)


SCHEMA = schemathesis.openapi.from_dict(with_places())
SCHEMA.app = made_with_the_first_request  # not when tests are gathered
SCHEMA.config.generation.deterministic = True
SCHEMA.config.generation.with_security_parameters = False  # the token is the real one, or none
SEEN: set[tuple[str, int]] = set()


@pytest.fixture(scope="module")
def real():
    """A sample and its task that have a stored explanation and a document."""
    root = served().state.run
    for task in TASKS:
        for path in sorted((root / "explanations" / task).glob("*.json")):
            told = ehr().get(f"/api/v1/samples/{path.stem}/tasks/{task}/sources").json()
            if told["documents"]:
                return {"sample_id": path.stem, "task_id": task, "service": f"xhaim-{task}"}
    raise AssertionError("no explained sample with a document")


@pytest.fixture(scope="module")
def token():
    return {"Authorization": f"Bearer {begin_session(served().state.database, 'all', 1)}"}


@SCHEMA.parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_door_answers_as_the_document_says(case, real, token):
    for name, place in A.items():
        if name in real and case.path_parameters.get(name) == place:
            case.path_parameters[name] = real[name]
    but = [positive_data_acceptance] if case.operation.path in OF_MEANING else []
    answer = case.call_and_validate(base_url=HERE, headers=token, excluded_checks=but)
    SEEN.add((case.operation.label, answer.status_code))
    assert answer.status_code < 400 or set(answer.json()) == {"error"}


def test_the_doors_were_met_open_and_shut():
    """Runs after the others: where only failures were asked for, nothing was held to the document."""
    every = {one.ok().label for one in SCHEMA.get_all_operations()}
    of_arrivals = {label for label in every if "/arrivals" in label}  # this server keeps nobody
    of_more = {"POST /api/v1/fhir", f"POST {HOOK}/feedback"}  # a patient, a card that was shown
    assert {label for label, status in SEEN if status < 300} == every - of_arrivals - of_more
    assert {label for label, status in SEEN if status >= 400} == every


def test_the_answer_to_a_patient_fits_the_document_too(real, token):
    for headers in (FHIR, FHIR | {"accept": "application/fhir+json"}):
        query = {"task": [TASKS[1]]}
        case = SCHEMA["/api/v1/fhir"]["POST"].Case(
            body=made_up_bundle(), media_type="application/fhir+json", query=query
        )
        assert case.call_and_validate(base_url=HERE, headers=token | headers).status_code == 200


def test_the_document_is_a_valid_one_and_tells_how_one_logs_in():
    told = document()
    SCHEMA.validate()
    assert set(told["components"]["securitySchemes"]) == {"session", "token"}
    assert told["security"] == [{"session": []}, {"token": []}]
    every = [one for methods in told["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in every}) == len(every)
    for one in every:
        assert {"400", "401", "403", "413", "422", "429", "503"} <= set(one["responses"])
