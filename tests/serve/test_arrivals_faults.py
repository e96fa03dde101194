"""What goes wrong between a message and its answer loses nothing, mixes nobody up, and stops nobody else."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from xhaim.errors import DataError, PrerequisiteError
from xhaim.serve.arrivals import sent as sending
from xhaim.serve.arrivals.chart import Chart
from xhaim.serve.arrivals.desk import Desk
from xhaim.serve.arrivals.folder import Folder, key_of
from xhaim.serve.arrivals.sent import sent
from xhaim.serve.arrivals.worker import Worker

URN = "urn:uuid:11111111-1111-4111-8111-111111111111"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def bundle(*entries):
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": list(entries)}).encode()


def anybody(_):
    """Everybody may be sent."""


@pytest.fixture
def desk(tmp_path):
    folder = Folder.open(tmp_path / "arrivals")
    yield Desk(folder)
    folder.close()


def test_nobody_takes_over_the_urn_that_another_patient_was_sent_under(desk):
    first = desk.take(bundle({"fullUrl": URN, "resource": {"resourceType": "Patient", "gender": "male"}}), anybody)
    with pytest.raises(DataError, match="another patient was sent under that urn"):
        desk.take(bundle({"fullUrl": URN, "resource": {"resourceType": "Patient", "id": "B"}}), anybody)
    assert desk.patient(key_of("Patient/B")) is None
    more = {"resource": {"resourceType": "Observation", "id": "1", "subject": {"reference": URN}}}
    assert desk.take(bundle(more), anybody) is first


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=400)])
def test_a_correction_stands_though_the_clock_went_back_before_it_came(back):
    chart = Chart()
    for number, (value, when) in enumerate([(5, NOON), (6, NOON - back)], 1):
        about = {"subject": {"reference": "Patient/7"}, "valueQuantity": {"value": value}}
        chart.add(
            sent(bundle({"resource": {"resourceType": "Observation", "id": "1", **about}})),
            number,
            when,
        )
    (entry,) = json.loads(chart.bundle())["entry"]
    assert entry["resource"]["valueQuantity"]["value"] == 6


def test_what_has_no_name_came_when_its_own_message_came():
    note = {"resourceType": "Observation", "subject": {"reference": "Patient/7"}, "valueString": "nameless"}
    chart = Chart()
    chart.add(sent(bundle({"resource": {"resourceType": "Patient", "id": "7"}}, {"resource": note})), 1, NOON)
    before = chart.arrivals()
    later = {"resourceType": "Observation", "id": "2", "subject": {"reference": "Patient/7"}}
    chart.add(sent(bundle({"resource": later})), 2, NOON + timedelta(hours=6))
    told = chart.arrivals()
    assert {name: told[name] for name in before} == before
    assert any(name.startswith("Observation/#") for name in before)


def test_a_message_that_may_not_be_on_the_disk_leaves_nothing_under_its_number(desk, monkeypatch):
    patient = {"resource": {"resourceType": "Patient", "id": "7"}}
    desk.take(bundle(patient), anybody)
    key = key_of("Patient/7")
    from xhaim.serve.arrivals import folder as module

    whole = module.write_bytes

    def torn(path, data):
        whole(path, data)
        raise OSError("the folder could not be synced")

    monkeypatch.setattr(module, "write_bytes", torn)
    with pytest.raises(OSError, match="synced"):
        desk.take(bundle(patient, {"resource": {"resourceType": "Observation", "id": "1"}}), anybody)
    monkeypatch.undo()
    desk.take(bundle(patient), anybody)
    assert [one.number for one in desk.folder.messages(key)] == [1, 2]


def test_a_patient_who_could_not_be_removed_is_still_there(desk, monkeypatch):
    desk.take(bundle({"resource": {"resourceType": "Patient", "id": "7"}}), anybody)
    key = key_of("Patient/7")

    def fails(_, __):
        raise OSError("no")

    monkeypatch.setattr(Folder, "forget", fails)
    with pytest.raises(OSError, match="no"):
        desk.forget(key)
    assert desk.patient(key) is not None
    monkeypatch.undo()
    assert desk.forget(key)
    assert desk.folder.everybody() == []


class Unwilling:
    """In the place of what answers: nothing is warm, nothing can be read."""

    def warm_up(self, _):
        raise FileNotFoundError("no model is there yet")

    def read(self, *_):
        raise DataError("what was sent cannot be read")

    def forget(self, _):
        pass


def test_the_one_who_answers_outlives_a_run_that_is_not_there_and_comes_back_to_who_waited(desk):
    run = SimpleNamespace(manifest={"code": "c", "settings_hash": "s", "data_fingerprint": "d"}, tasks=())
    tries = iter([False, False, False])

    def ready():
        if next(tries, True):
            return SimpleNamespace(run=run, zone=None)
        raise PrerequisiteError("the run is being replaced")

    worker = Worker(desk, Unwilling(), ready)
    worker.start()
    patient = desk.take(bundle({"resource": {"resourceType": "Patient", "id": "7"}}), anybody)
    begun = time.monotonic()
    while patient.state.read < 1 and time.monotonic() - begun < 60:
        time.sleep(0.05)
    assert worker.lives
    desk.close()
    worker.join()
    assert (patient.state.read, patient.state.fault) == (1, "what was sent cannot be read")


def test_a_message_of_very_many_entries_is_refused(monkeypatch):
    monkeypatch.setattr(sending, "MAX_ENTRIES", 3)
    inner = {"resource": {"resourceType": "Bundle", "entry": [{}, {}]}}
    with pytest.raises(DataError, match="too many entries"):
        sent(bundle({}, {}, inner))
