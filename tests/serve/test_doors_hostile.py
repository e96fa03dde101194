"""What hostile senders, full disks and replaced runs do to the doors: refused in plain words, nothing half done."""

import json
import resource
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest
from hostile_bundles import SECRET, WHO, bundles, deep
from hypothesis import HealthCheck, given, settings
from made_up_bundle import made_up_bundle, packed, value
from made_up_served import TASK, add_account, make_app, make_client, make_sample
from posted_run import FHIR, LOS, ehr, post, served
from sqlalchemy import select

from xhaim.errors import DataError
from xhaim.run.apply_bundle import read_bundle
from xhaim.serve.access import begin_session
from xhaim.serve.audit import AUDIT, verify
from xhaim.serve.database import reading

LAST = "2024-03-03T01:00:01"
"""One second after the last thing that was known of the made-up patient."""
MANY = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def audit_rows(app):
    with reading(app.state.database) as connection:
        return [row._asdict() for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number))]


def outcome(data, folder):
    """What is said of a bundle, and the subjects of its store."""
    try:
        patient = read_bundle(data, folder, None)
    except DataError as error:
        return f"{error.what} {error.expected}", []
    told = " ".join(f"{one.kind} {one.reason}" for one in patient.left)
    return told, patient.store.events().collect()["subject_id"].unique().to_list()


# ---- bundles --------------------------------------------------------------------------------------------------


@settings(MANY, max_examples=120)
@given(data=bundles())
def test_whatever_is_in_a_bundle_it_is_read_or_refused_and_never_quoted(data):
    with tempfile.TemporaryDirectory() as folder:
        told, whose = outcome(data, Path(folder))
        assert SECRET not in told
        assert len(whose) <= 1


@settings(MANY, max_examples=12)
@given(data=bundles())
def test_no_bundle_is_a_fault_of_ours(data):
    answer = post(data, f"?task={LOS}")
    assert answer.status_code in {200, 422}, answer.text
    if answer.status_code == 422:
        assert set(answer.json()) == {"error"}
        assert SECRET not in answer.text


def observation(**changes):
    return {**value(1, 2.2, WHO, {"reference": "Encounter/adm"}), "id": "more", **changes}


LARGE = {
    "a million entries of nothing": lambda: {"resourceType": "Bundle", "entry": [None] * 1_000_000},
    "many components": lambda: made_up_bundle(others=[observation(component=[{}] * 200_000)]),
    "a million categories": lambda: made_up_bundle(others=[observation(category=["x"] * 1_000_000)]),
    "a hundred thousand keys": lambda: made_up_bundle(others=[observation(**{f"k{n}": 1 for n in range(100_000)})]),
    "as deep as may be": lambda: made_up_bundle(others=[observation(note=deep(90))]),
    "deeper": lambda: made_up_bundle(others=[observation(note=deep(101))]),
    "a long id": lambda: made_up_bundle(others=[observation(id="9" * 1_000_000)]),
    "encounters in a circle": lambda: made_up_bundle(
        others=[
            {"resourceType": "Encounter", "id": f"e{n}", "status": "finished", "subject": WHO,
             "partOf": {"reference": f"Encounter/e{(n + 1) % 500}"}}
            for n in range(500)
        ]
    ),
    "bundles in bundles": lambda: made_up_bundle(others=[bundles_within(20)]),
}  # fmt: skip


def bundles_within(levels):
    made = {"resourceType": "Observation", "id": "inside"}
    for _ in range(levels):
        made = {"resourceType": "Bundle", "entry": [{"resource": made}]}
    return made


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_or_deep_is_answered_all_the_same(name):
    answer = post(LARGE[name](), f"?task={LOS}")
    assert answer.status_code in {200, 422}
    assert answer.status_code == (422 if name in {"deeper", "a million entries of nothing"} else 200)


@pytest.mark.parametrize(
    ("year", "now"),
    [("2999", "2999-01-01T06:00:01"), ("8999", "8999-01-01T06:00:01"), ("9998", LAST), ("0999", LAST), ("-044", LAST)],
)
def test_a_value_of_the_future_is_known_then_and_never_before_and_one_of_no_year_that_is_read_is_not(year, now):
    later = made_up_bundle(others=[observation(effectiveDateTime=f"{year}-01-01T00:00:00Z")])
    told = post(later, f"?task={LOS}").json()
    assert told["predictions"][0]["prediction_time"] == now  # a value of the laboratory is known six hours later
    assert [one["n"] for one in told["left"]] == ([] if now != LAST else [1])
    before, without = (post(one, f"?task={LOS}&at={LAST}").json() for one in (later, made_up_bundle()))
    assert before["predictions"] == without["predictions"]


def test_a_value_in_a_unit_that_is_not_its_own_is_not_read_as_if_it_were():
    def cited(unit):
        odd = observation(valueQuantity={"value": 77.7, "unit": unit})
        told = post(made_up_bundle(others=[odd]), f"?task={LOS}").json()
        return [one["quote"] for one in told["explanations"][0]["citations"] if "77.7" in one["quote"]], told[
            "predictions"
        ]

    plain = post(made_up_bundle(), f"?task={LOS}").json()["predictions"]
    assert cited("furlong") == ([], plain)
    assert cited("kg") == ([], plain)


# ---- bodies ---------------------------------------------------------------------------------------------------


def in_chunks(size, piece=1 << 16):
    return (b" " * piece for _ in range(size // piece + 1))


@pytest.mark.parametrize("path", ["/api/v1/fhir", f"/cds-services/xhaim-{LOS}"])
def test_a_body_without_a_length_is_cut_off_at_the_limit(path):
    answer = ehr().post(path, content=in_chunks(60_000_000), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert list(answer.json()) == ["error"]


async def asked_in_pieces(app, path, token, size, piece):
    """Ask as a server of ASGI does, and count what is taken."""
    taken, answers = 0, []

    async def receive():
        nonlocal taken
        taken += piece
        return {"type": "http.request", "body": b" " * piece, "more_body": taken < size}

    async def send(message):
        answers.append(message)

    headers = [(b"host", b"127.0.0.1:8080"), (b"content-type", b"application/fhir+json"),
               (b"authorization", b"Bearer " + token.encode())]  # fmt: skip
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080), "scheme": "http",
             "root_path": "", "http_version": "1.1", "asgi": {"version": "3.0"}}  # fmt: skip
    await app(scope, receive, send)
    return taken, answers[0]["status"]


def test_no_more_is_taken_than_the_limit_and_of_a_stranger_nothing():
    token = begin_session(served().state.database, "all", 1)
    taken, status = anyio.run(asked_in_pieces, served(), "/api/v1/fhir", token, 10**10, 1 << 20)
    assert status == 413
    assert taken <= 50_000_000 + 2 * (1 << 20)
    taken, status = anyio.run(asked_in_pieces, served(), "/api/v1/fhir", "wrong", 10**10, 1 << 20)
    assert (status, taken) == (401, 0)


# ---- ids ------------------------------------------------------------------------------------------------------

IDS = ["../../etc/passwd", "..%2f..%2fmanifest.json", "' OR 1=1 --", "<script>alert(1)</script>", "\0", "%00",
       "a" * 5000, "\u202e", "C:\\x", "*", "%", "{{7*7}}", "1; DROP TABLE audit"]  # fmt: skip


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    app = make_app(tmp_path_factory.mktemp("hostile"))
    add_account(app, "all", "clinician")
    return app


@pytest.mark.parametrize("hostile", IDS)
def test_a_hostile_id_is_nobody_and_is_not_told_again(app, hostile):
    client, written = make_client(app, "all"), quote(hostile, safe="%")
    before = len(audit_rows(app))
    for path in (
        f"/api/v1/samples/{written}/tasks/{TASK}/prediction",
        f"/api/v1/samples/{make_sample(1).sample_id}/tasks/{written}/explanation",
        f"/api/v1/samples/{make_sample(1).sample_id}/tasks/{TASK}/sources/documents/{written}",
        f"/cds-services/{written}",
    ):
        answer = client.get(path) if "samples" in path else client.post(path, json={})
        assert answer.status_code in {403, 404, 405, 422}
        assert set(answer.json()) == {"error"}
        assert hostile not in answer.text or len(hostile) < 3
    assert len(audit_rows(app)) == before
    listed = client.get("/api/v1/samples", params={"after": hostile[:200]})
    assert listed.status_code == 200
    assert verify(app.state.database).holds


@pytest.mark.parametrize("path", ["/api/v1/run", "/api/v1/nothing", "/cds-services", f"/cds-services/xhaim-{TASK}"])
def test_a_failure_is_json_of_one_shape_whatever_the_program_accepts(app, path):
    answer = make_client(app).get(path, headers={"accept": "text/html"})
    assert answer.status_code in {401, 404, 405}
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    if answer.status_code == 405:
        assert answer.headers["allow"] == "POST"


# ---- the machine ----------------------------------------------------------------------------------------------


@contextmanager
def full_disk(size=2000):
    """No file may grow beyond so many bytes: the system itself refuses the write, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert post(made_up_bundle(), f"?task={LOS}").status_code == 200
    before = audit_rows(served())
    body = packed(made_up_bundle(notes=("Restless overnight. " * 300,)))
    with full_disk():
        answer = ehr().post(f"/api/v1/fhir?task={LOS}", content=body, headers=FHIR)
    assert (answer.status_code, list(answer.json())) == (503, ["error"])
    assert answer.headers["retry-after"]
    assert str(tmp_path) not in answer.text
    assert audit_rows(served()) == before
    assert list(tmp_path.iterdir()) == []
    assert post(made_up_bundle(), f"?task={LOS}").status_code == 200
    assert verify(served().state.database).holds


def test_a_database_that_cannot_be_written_shows_nobody(tmp_path):
    app = make_app(tmp_path)
    add_account(app, "all", "clinician")
    client, path = make_client(app, "all"), f"/api/v1/samples/{make_sample(1).sample_id}/tasks/{TASK}/explanation"
    assert client.get(path).status_code == 200
    before = audit_rows(app)
    with full_disk():
        answer = client.get(path)
    assert (answer.status_code, list(answer.json())) == (503, ["error"])
    assert audit_rows(app) == before
    assert client.get(path).status_code == 200
    assert verify(app.state.database).holds


def test_a_run_of_another_version_in_the_place_of_the_one_that_is_served_is_said_without_its_place(tmp_path):
    app = make_app(tmp_path)
    add_account(app, "all", "clinician")
    client, manifest = make_client(app, "all"), tmp_path / "run" / "manifest.json"
    assert client.get("/api/v1/run").status_code == 200
    kept = manifest.read_bytes()
    manifest.unlink()
    manifest.write_text(json.dumps(json.loads(kept) | {"layout": 99}))
    for answer in (client.get("/api/v1/run"), client.get("/cds-services"), post_to(client)):
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
        assert str(tmp_path) not in answer.text
    manifest.unlink()
    manifest.write_bytes(kept)
    assert client.get("/api/v1/run").status_code == 200
    shutil.rmtree(tmp_path / "run")
    assert client.get("/api/v1/run").status_code == 200  # while it is being replaced, as it lay before


def post_to(client):
    return client.post("/api/v1/fhir", content=b"{}", headers=FHIR)
