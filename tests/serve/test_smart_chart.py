"""A chart read from a FHIR server: page after page, from that server alone, within limits."""

import json
import sys
from pathlib import Path

import pytest
from fake_provider import fake_provider, huge
from made_up_bundle import made_up_bundle
from sso_visits import NEW, TOKEN, tell

from xhaim.errors import BackendError
from xhaim.serve.sso import chart, launched
from xhaim.serve.sso.chart import read_chart

sys.path.append(str(Path(__file__).parents[1] / "run"))


@pytest.fixture(scope="module")
def server():
    with fake_provider() as server:
        yield server


@pytest.fixture
def fhir(server):
    server.reset()
    return server


def read(fhir, **wrong):
    return read_chart(fhir.base, wrong.get("patient", NEW), wrong.get("token", TOKEN))


def resources(found):
    return [(one["resourceType"], one["id"]) for one in found.resources]


def test_every_page_is_read_and_nobody_elses_resources(fhir):
    bundle = made_up_bundle(NEW, notes=("One.", "Two.", "Three."))
    stranger = {**bundle["entry"][-1]["resource"], "id": "not-theirs", "subject": {"reference": "Patient/other"}}
    elsewhere = {**stranger, "id": "elsewhere", "subject": {"reference": f"{fhir.base}/Patient/{NEW}"}}
    nobody = {"resourceType": "Observation", "id": "nobodys"}
    bundle["entry"] += [{"resource": one} for one in (stranger, elsewhere, nobody, {"resourceType": "Observation"})][:3]
    for most in (1, 2, 100):
        fhir.chart = {}
        tell(fhir, bundle, most)
        found = read(fhir)
        wanted = {(one["resource"]["resourceType"], one["resource"]["id"]) for one in bundle["entry"]}
        assert set(resources(found)) == wanted - {("Observation", "not-theirs"), ("Observation", "nobodys")}
        assert found.others == 2
        assert found.not_given == ()


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example/fhir?next",
        "http://127.0.0.1:1/fhir",
        "//evil.example/x",
        "http://evil.example",
        "file:///etc/passwd",
        "http://[",
        "http://x@127.0.0.1/",
    ],
)
def test_a_next_page_on_another_server_is_not_asked_for_and_ends_it(fhir, there):
    tell(fhir, made_up_bundle(NEW), most=1)
    fhir.chart[f"/fhir/Observation?patient={NEW}&_count=500"]["link"] = [{"relation": "next", "url": there}]
    with pytest.raises(BackendError, match="another server"):
        read(fhir)


def test_pages_without_end_are_given_up(fhir, monkeypatch):
    tell(fhir, made_up_bundle(NEW))
    address = f"/fhir/Observation?patient={NEW}&_count=500"
    fhir.chart[address]["link"] = [{"relation": "next", "url": f"{fhir.address}{address}"}]
    monkeypatch.setattr(chart, "MOST_PAGES", 20)
    with pytest.raises(BackendError, match="more than can be read"):
        read(fhir)
    assert sum(path == address for path, _ in fhir.asked) < 20
    monkeypatch.setattr(chart, "MOST_PAGES", 10**9)
    monkeypatch.setattr(chart, "MOST_S", 0.5)
    with pytest.raises(BackendError, match=r"more than can be read|takes too long|does not answer"):
        read(fhir)


@pytest.mark.parametrize("path", [f"/fhir/Patient/{NEW}", "/fhir/Observation"])
def test_answers_that_are_huge_broken_or_refused_end_it(fhir, path, monkeypatch):
    tell(fhir, made_up_bundle(NEW))
    monkeypatch.setattr(chart, "MAX_BYTES", 1_000_000)
    for broken in (
        huge,
        lambda one: one.json([]),
        lambda one: one.json({}, 500),
        lambda one: one.json({"resourceType": "Patient"}),
    ):
        fhir.instead = {path: broken}
        with pytest.raises(BackendError):
            read(fhir)
    fhir.instead = {}
    with pytest.raises(BackendError):
        read(fhir, token="another")


def test_answers_that_are_too_large_only_together_end_it(fhir, monkeypatch):
    tell(fhir, made_up_bundle(NEW), most=1)
    whole = sum(len(json.dumps(fhir.chart[path])) for path in fhir.chart)
    monkeypatch.setattr(chart, "MAX_BYTES", whole)
    assert read(fhir).resources
    monkeypatch.setattr(chart, "MAX_BYTES", whole - 1)
    with pytest.raises(BackendError, match=r"too large|more than"):
        read(fhir)


def test_observations_are_asked_for_by_category_where_the_server_wants_one(fhir):
    tell(fhir, made_up_bundle(NEW))
    whole = fhir.chart.pop(f"/fhir/Observation?patient={NEW}&_count=500")
    entries = [
        one["resource"]
        for number in (0, 1)
        for one in ([whole, fhir.chart["/fhir?pages=Observation-1"]][number])["entry"]
    ]
    fhir.chart[f"/fhir/Observation?patient={NEW}&_count=500&category=laboratory"] = {
        "resourceType": "Bundle",
        "entry": [{"resource": one} for one in entries],
    }

    def wants_category(answering):
        right = "category" in answering.path
        answering.json(fhir.chart.get(answering.path, {"resourceType": "Bundle"}), 200 if right else 400)

    fhir.instead = {"/fhir/Observation": wants_category}
    found = read(fhir)
    assert sum(kind == "Observation" for kind, _ in resources(found)) == 3
    assert found.not_given == ()


def test_the_words_of_a_note_that_lie_apart_are_fetched_from_the_same_server_alone(fhir):
    bundle = made_up_bundle(NEW, notes=("One.", "Two.", "Three.", "Four."))
    notes = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "DocumentReference"]
    words = [one["content"][0]["attachment"].pop("data") for one in notes]
    parts = [one["content"][0]["attachment"] for one in notes]
    parts[0]["url"], parts[1]["url"] = "Binary/one", f"{fhir.base}/Binary/gone"
    parts[2]["url"], parts[3]["url"] = "https://evil.example/Binary/3", f"{fhir.base}/Binary/picture"
    parts[3]["contentType"] = "image/png"
    fhir.instead = {"/fhir/Binary/gone": lambda one: one.json({}, 404)}
    fhir.chart["/fhir/Binary/one"] = {"resourceType": "Binary", "contentType": "text/plain", "data": words[0]}
    tell(fhir, bundle)
    found = read(fhir).resources
    told = [one["content"][0]["attachment"].get("data") for one in found if one["resourceType"] == "DocumentReference"]
    assert told == [words[0], None, None, None]
    assert not [path for path, _ in fhir.asked if "picture" in path or "evil" in path]


def test_only_some_charts_are_read_at_a_time(monkeypatch):
    import threading

    monkeypatch.setattr(launched, "_READING", threading.BoundedSemaphore(1))
    monkeypatch.setattr(launched, "WAIT_S", 0.01)
    assert launched._READING.acquire()
    with pytest.raises(BackendError, match="other charts"):
        launched._read("http://127.0.0.1:9", NEW, TOKEN)
    launched._READING.release()
    for _ in range(2):  # a failure gives its place back
        with pytest.raises(BackendError, match="does not answer"):
            launched._read("http://127.0.0.1:9", NEW, TOKEN)
