"""What stands of what was sent: any order, any number of messages, the same chart; and what it is read as."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from arriving import HERE, WHO, new_note, new_value, of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_bundle import made_up_bundle, note, packed, value

from xhaim.errors import DataError
from xhaim.run.apply_bundle import read_bundle
from xhaim.serve.arrivals.chart import Chart
from xhaim.serve.arrivals.reading import TOLERANCE, read_chart
from xhaim.serve.arrivals.sent import sent

LONG_AFTER = datetime(2026, 1, 1, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "new-1", "gender": "female", "birthDate": "1950-05-04"}


def chart_of(*messages, at=LONG_AFTER, apart=timedelta(0)):
    chart = Chart()
    for number, one in enumerate(messages, 1):
        chart.add(sent(packed(one)), number, at + number * apart)
    return chart


def events_of(chart, folder):
    folder.mkdir()
    return read_chart(chart, folder, None, -7).store.events().collect()


def stamped(resource, updated, version="1"):
    return {**resource, "meta": {"lastUpdated": updated, "versionId": version}}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), parts=st.integers(1, 6))
def test_messages_in_any_cut_and_order_are_read_as_the_whole_ingested_at_once(tmp_path_factory, seed, parts):
    """Long after the last fact, when no lag is cut short: the same events as one bundle of all of it."""
    drawn, folder = random.Random(seed), tmp_path_factory.mktemp("chart")
    entries = made_up_bundle()["entry"]
    for one in entries:
        one.pop("fullUrl")
    drawn.shuffle(entries)
    cuts = sorted(drawn.randrange(len(entries) + 1) for _ in range(parts - 1))
    pieces = [entries[a:b] for a, b in itertools.pairwise([0, *cuts, len(entries)])]
    messages = [{"resourceType": "Bundle", "type": "collection", "entry": one} for one in pieces if one]
    (folder / "whole").mkdir()
    whole = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    expected = read_bundle(packed(whole), folder / "whole", None).store.events().collect()
    found = events_of(chart_of(*messages), folder / "parts")
    assert found.drop("subject_id").equals(expected.drop("subject_id"))
    assert found["subject_id"].unique().to_list() == [-7]
    drawn.shuffle(messages)
    assert chart_of(*messages).bundle() == chart_of(*reversed(messages)).bundle()


def test_the_newest_version_stands_whichever_comes_first():
    old = stamped(new_value(3, 2.0), "2024-03-02T03:40:00Z")
    new = stamped(new_value(3, 9.0), "2024-03-02T04:40:00Z", "2")
    charts = [chart_of(of(PATIENT), of(one), of(two)) for one, two in ((old, new), (new, old))]
    assert charts[0].bundle() == charts[1].bundle()
    standing = [one["resource"] for one in json.loads(charts[0].bundle())["entry"]]
    assert [one["valueQuantity"]["value"] for one in standing if "valueQuantity" in one] == [9.0]


def test_without_a_word_of_when_the_last_that_arrived_stands():
    first, second = new_value(3, 2.0), new_value(3, 9.0)
    for one, two, expected in ((first, second, 9.0), (second, first, 2.0)):
        chart = chart_of(of(PATIENT), of(one), of(two), apart=timedelta(seconds=1))
        assert chart.held["Observation/lactate-3"].entry["resource"]["valueQuantity"]["value"] == expected


def test_a_version_dated_after_its_arrival_does_not_stand_for_ever():
    wrong = stamped(new_value(3, 2.0), "2099-01-01T00:00:00Z")
    chart = chart_of(of(PATIENT), of(wrong), of(new_value(3, 9.0)), apart=timedelta(seconds=1))
    assert chart.held["Observation/lactate-3"].entry["resource"]["valueQuantity"]["value"] == 9.0


def test_of_a_history_the_first_listed_stands_of_any_other_the_last():
    two = [new_value(3, 9.0), new_value(3, 2.0)]
    for kind, expected in (("history", 9.0), ("collection", 2.0)):
        chart = chart_of(of(PATIENT), of(*two, kind=kind))
        assert chart.held["Observation/lactate-3"].entry["resource"]["valueQuantity"]["value"] == expected


def test_the_same_again_is_known_since_it_first_came():
    chart = chart_of(of(PATIENT, new_value(3, 2.0)), of(new_value(3, 2.0)), apart=timedelta(hours=1))
    assert chart.arrivals()["Observation/lactate-3"] == LONG_AFTER + timedelta(hours=1)
    assert len(chart.held) == 2


def test_what_was_deleted_stays_so_though_an_older_version_comes_late():
    deleted = {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Observation/lactate-3"}}]}
    old = stamped(new_value(3, 2.0), "2024-03-02T03:40:00Z")
    chart = chart_of(of(PATIENT), deleted, of(old), apart=timedelta(seconds=1))
    assert b"lactate-3" not in chart.bundle()


def test_an_urn_that_two_resources_were_called_by_leads_to_none():
    urn = "urn:uuid:00000000-0000-0000-0000-00000000000a"
    messages = [of(PATIENT)]
    for nth, name in enumerate(("adm-a", "adm-b")):
        stay = {"resourceType": "Encounter", "id": name, "subject": WHO}
        told = {**new_note(nth), "context": {"encounter": [{"reference": urn}]}}
        messages.append({"resourceType": "Bundle", "entry": [{"fullUrl": urn, "resource": stay}, {"resource": told}]})
    entries = {one["resource"]["id"]: one for one in json.loads(chart_of(*messages).bundle())["entry"]}
    assert [entries[f"note-{nth}"]["resource"]["context"]["encounter"][0]["reference"] for nth in (0, 1)] == [
        "Encounter/adm-a", "Encounter/adm-b"]  # fmt: skip
    assert "fullUrl" not in entries["adm-a"]


def test_what_has_arrived_is_known_and_a_static_fact_stays_without_a_time(tmp_path):
    at = datetime(2024, 3, 2, 1, 30, tzinfo=UTC)
    message = of(PATIENT, {**new_note(1, "Fresh."), "date": "2024-03-02T01:00:00Z"}, value(1, 2.0, WHO, HERE),
                 {**note(0, "Later.", WHO, HERE), "date": "2024-03-02T09:00:00Z"})  # fmt: skip
    chart = chart_of(message, at=at)
    (tmp_path / "read").mkdir()
    reading = read_chart(chart, tmp_path / "read", None, -7)
    rows = {row["source"]: row for row in reading.store.events().collect().iter_rows(named=True)}
    plain = at.replace(tzinfo=None)
    assert rows["DocumentReference/note-1"]["known_at"] == plain, "not a day later: it is here"
    assert rows["DocumentReference/note-0"]["known_at"] == datetime(2024, 3, 2, 9), "never before it was written"
    sex = reading.store.events().filter(pl.col("code").str.starts_with("GENDER")).collect()
    assert sex.select("time", "known_at").row(0) == (None, None)
    assert (reading.until, reading.future) == (plain + TOLERANCE, 1)
    assert reading.latest == plain


KEYS = [
    "resourceType",
    "id",
    "entry",
    "resource",
    "subject",
    "reference",
    "fullUrl",
    "request",
    "method",
    "url",
    "meta",
]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["Patient", "Bundle", "Observation", "Patient/x", "urn:uuid:1", "DELETE", "history"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(document=ANY, entries=st.lists(ANY, max_size=4))
def test_no_message_is_a_fault_of_ours(document, entries):
    for message in (document, {"resourceType": "Bundle", "entry": entries}):
        try:
            found = sent(json.dumps(message).encode())
        except DataError:
            continue
        chart = Chart()
        chart.add(found, 1, LONG_AFTER)
        assert json.loads(chart.bundle())["resourceType"] == "Bundle"


@pytest.mark.parametrize(
    "broken", [b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a","x":NaN}}]}']
)
def test_a_patient_that_cannot_be_read_is_refused(broken):
    with pytest.raises(DataError, match="Patient cannot be read"):
        sent(broken)
