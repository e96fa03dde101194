"""Hostile and broken FHIR: typed errors or the quarantine, never a crash; and the clock's words."""

import gzip
import json
import os
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_fhir import (
    ADA,
    PATIENTS,
    RESOURCES,
    data_of,
    ingest,
    mutants,
    ndjson,
    observed,
    quantity,
    searchset,
    write_fhir,
)

from xhaim.errors import DataError
from xhaim.source.fhir import FHIR
from xhaim.source.fhir import read as fhir_read
from xhaim.source.fhir.json import MAX_DEPTH, UnreadableError, parse
from xhaim.source.fhir.names import Name, name_of
from xhaim.source.fhir.read import read_fhir_file
from xhaim.source.fhir.times import Clock
from xhaim.source.store import Store

GOOD = observed("good", "2524-7", valueQuantity=quantity(2.5, "mmol/L"))


def line(**others):
    return json.dumps({**GOOD, "id": "bad", **others}).encode()


BAD_LINES = [
    (b"\xff\xfe{}", "not UTF-8"),
    (b"{not json", "not JSON"),
    (b"[1, 2", "not JSON"),
    (b'"text"', "no resourceType"),
    (b"[]", "no resourceType"),
    (b'{"resourceType": 7}', "no resourceType"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested more than 100 levels deep"),
    (b"[" * 100_000, "nested more than 100 levels deep"),
    (line().replace(b'"status"', b'"id": "other", "status"'), "a key more than once in one object"),
    (line().replace(b"2.5", b"NaN"), "a number that is not finite"),
    (line().replace(b"2.5", b"-Infinity"), "a number that is not finite"),
    (line().replace(b"2.5", b"1e999"), "a number that is not finite"),
    (line().replace(b"2.5", b"9" * 5000), "a number that is not finite"),
    (line().replace(b"2.5", b"1e308"), "value: not a finite number of 32 bits"),
    (line().replace(b"2.5", b"9" * 60), "value: not a finite number of 32 bits"),
    (line().replace(b"2.5", b"true"), "value: not a finite number of 32 bits"),
    (line(note=[{"text": "\ud800"}]), "text with NUL or half a surrogate pair"),
    (line(note=[{"text": "\0"}]), "text with NUL or half a surrogate pair"),
    (line(subject={"reference": "Patient/../../etc/passwd"}), "subject: not among the patients"),
    (line(subject={"reference": "#p"}), "subject: contained, not a Patient of its own"),
    (line(subject={"identifier": {"value": "7"}}), "subject: missing, or not a literal reference"),
    (line(subject=[[ADA]]), "subject: missing, or not a literal reference"),
    (line(effectiveDateTime="2024-02-30"), "effective: missing, or not a date or time"),
    (line(effectiveDateTime="9999-12-31"), "effective: missing, or not a date or time"),
    (line(effectiveDateTime={"a": 1}), "effective: missing, or not a date or time"),
]


def test_a_bad_line_goes_to_the_quarantine_with_its_number_and_the_rest_is_read(tmp_path):
    root = write_fhir(tmp_path / "f", PATIENTS)
    middle = b"\r\n\r\n".join(text for text, _ in BAD_LINES)  # blank lines are no rows
    (root / "O.ndjson").write_bytes(b"\xef\xbb\xbf" + line(id="first") + b"\n" + middle + b"\r\n" + line(id="last"))
    info, events = ingest(root, tmp_path / "s")
    assert events.filter(pl.col("code").str.starts_with("LOINC"))["source"].to_list() == [
        "Observation/first",
        "Observation/last",
    ]
    aside = Store.open(tmp_path / "s").quarantine().collect().sort("line")
    assert aside["reason"].to_list() == [why for _, why in BAD_LINES]
    assert aside["line"].to_list() == [2 + 2 * n for n in range(len(BAD_LINES))]
    assert aside["row"].to_list() == [2 + n for n in range(len(BAD_LINES))]
    assert set(aside["file"]) == {"O.ndjson"}
    assert sum(n["rows_in"] for n in info["tables"].values()) == len(PATIENTS) + len(BAD_LINES) + 2


@pytest.mark.parametrize("shape", ["bundle", "line"])
def test_a_fault_of_one_entry_is_not_the_bundles(tmp_path, shape):
    entries = [{"resource": json.loads(line(id="first"))}, {"response": {"status": "201"}}, 7, {"resource": None}]
    bundle = {
        "resourceType": "Bundle",
        "entry": [*entries, {"resource": {"resourceType": "Bundle", "entry": entries[:1]}}],
    }
    text = json.dumps(bundle).replace('"good"', '"ok"')
    text = text.replace('{"resource": null}', '{"resource": {"resourceType": "Basic", "x": NaN}}')
    root = write_fhir(tmp_path / "f", PATIENTS)
    name = "b.json.gz" if shape == "bundle" else "b.ndjson.gz"
    (root / name).write_bytes(gzip.compress(text.encode()))
    info, _ = ingest(root, tmp_path / "s")
    aside = Store.open(tmp_path / "s").quarantine().collect().sort("row")
    assert aside.select("row", "reason").rows() == [
        (2, "an entry without one resource"),
        (3, "an entry without one resource"),
        (4, "a number that is not finite"),
    ]
    assert aside["line"].to_list() == [1 if shape == "line" else None] * 3
    assert info["tables"]["Observation"]["not_used"] == {"the same resource again": 1}  # in the inner bundle


def test_a_broken_bundle_is_set_aside_as_a_whole(tmp_path):
    root = write_fhir(tmp_path / "f", PATIENTS)
    whole = json.dumps(searchset(RESOURCES))
    for name, text in {
        "cut": whole[:-20],
        "empty": "",
        "twice": whole.replace('"entry"', '"entry": [], "entry"', 1),
    }.items():
        (root / f"{name}.json").write_text(text)
    (root / "package.json").write_text('{"name": "not FHIR"}')
    info, _ = ingest(root, tmp_path / "s")
    aside = Store.open(tmp_path / "s").quarantine().collect().sort("file")
    assert aside.select("file", "line", "reason").rows() == [
        ("cut.json", None, "not JSON"),
        ("empty.json", None, "not JSON"),
        ("package.json", None, "no resourceType"),
        ("twice.json", None, "a bundle whose entries are not one list"),
    ]
    assert info["tables"]["unreadable"]["rows_in"] == 4


def test_sizes_are_limited_without_holding_what_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(fhir_read, "MAX_LINE_BYTES", 2000)
    monkeypatch.setattr(fhir_read, "MAX_FILE_BYTES", 3000)
    path = tmp_path / "x.ndjson.gz"
    path.write_bytes(gzip.compress(line(id="a") + b"\n" + b" " * 5_000_000 + line() + b"\n" + line(id="b")))
    rows = list(read_fhir_file(path))
    assert [(row.line, row.resource["id"] if row.resource else None) for row in rows] == [(1, "a"), (2, None), (3, "b")]
    assert rows[1].fault.startswith("larger than")
    (tmp_path / "y.json.gz").write_bytes(gzip.compress(b" " * 5_000_000))
    assert [row.fault.split()[0] for row in read_fhir_file(tmp_path / "y.json.gz")] == ["larger"]


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-9], lambda data: data[:-6] + b"\0\0" + data[-4:], lambda data: b"plain", lambda data: b""],
)
def test_a_gzip_file_that_did_not_arrive_whole_leaves_everything_as_it_was(tmp_path, damage):
    root = write_fhir(tmp_path / "f")
    FHIR().ingest(root, tmp_path / "s")
    before = data_of(tmp_path / "s")
    path = root / "Observation.ndjson.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"gzip|cut short"):
        FHIR().ingest(root, tmp_path / "s")
    assert data_of(tmp_path / "s") == before
    assert sorted(os.listdir(tmp_path)) == ["f", "s"]


def test_the_same_files_are_no_work_and_another_zone_is_another_store(tmp_path):
    root = write_fhir(tmp_path / "f")
    assert not FHIR().ingest(root, tmp_path / "s")["unchanged"]
    assert FHIR().ingest(root, tmp_path / "s")["unchanged"]
    with pytest.raises(DataError, match="holds another store"):
        FHIR("Europe/Berlin").ingest(root, tmp_path / "s")
    assert not FHIR("Europe/Berlin").ingest(root, tmp_path / "berlin")["unchanged"]
    with pytest.raises(DataError, match="no such time zone"):
        FHIR("../../etc/passwd").ingest(root, tmp_path / "s")


def test_many_shards_hold_what_one_holds(tmp_path):
    root = write_fhir(tmp_path / "f")
    told = []
    FHIR(subjects_per_shard=1).ingest(root, tmp_path / "many", lambda done, total: told.append((done, total)))
    FHIR().ingest(root, tmp_path / "one")
    assert len(list((tmp_path / "many" / "data").iterdir())) == 3
    both = [Store.open(tmp_path / name).events().collect() for name in ("many", "one")]
    assert both[0].equals(both[1])
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


def test_what_is_no_fhir_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        FHIR().ingest(tmp_path / "nowhere", tmp_path / "s")
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "a.csv").write_text("a\n")
    with pytest.raises(DataError, match="holds no FHIR files"):
        FHIR().look(tmp_path / "csv")
    (tmp_path / "csv" / "package.json").write_text("{}")
    with pytest.raises(DataError, match="holds no FHIR resources"):
        FHIR().look(tmp_path / "csv")
    root = write_fhir(tmp_path / "f", [GOOD])
    with pytest.raises(DataError, match="holds no Patient"):
        FHIR().ingest(root, tmp_path / "s")
    found = FHIR().look(write_fhir(tmp_path / "g"))
    assert found["begin with"]["Observation.ndjson.gz"] == "Observation"
    assert (found["files"], found["simulated"]) == (13, False)


def test_links_and_hidden_files_are_not_followed(tmp_path):
    root = write_fhir(tmp_path / "f", PATIENTS)
    (tmp_path / "secret.ndjson").write_text(ndjson([GOOD]))
    (root / "link.ndjson").symlink_to(tmp_path / "secret.ndjson")
    (root / ".hidden.ndjson").write_text(ndjson([GOOD]))
    (root / "loop").symlink_to(root)
    info, _ = ingest(root, tmp_path / "s")
    assert set(info["tables"]) == {"Patient", "Encounter", "Location", "Medication"}


# ---- mutants ----


@pytest.mark.parametrize("suffix", [".ndjson", ".json"])
def test_mutants_give_typed_errors_or_the_quarantine_and_add_up(tmp_path, suffix):
    root = write_fhir(tmp_path / "f", PATIENTS)
    for n, (name, data) in enumerate(mutants(seed=0, n=120)):
        if name.endswith(suffix):
            (root / f"{n:03}-{name}").write_bytes(data)
    info, events = ingest(root, tmp_path / "s")  # Account.close raises where rows do not add up
    assert info["tables"]["unreadable"]["rows_set_aside"] > 5
    if suffix == ".ndjson":  # a changed fullUrl in a bundle makes a second server, and its patients are refused
        assert info["tables"]["Observation"]["rows_used"] > 5
    timed = events.filter(pl.col("time").is_not_null())
    assert (timed["known_at"] >= timed["time"]).all()
    ids = pl.read_parquet(tmp_path / "s" / "metadata" / "ids.parquet")
    assert set(events["subject_id"]) <= set(ids.filter(pl.col("kind") == "subject")["number"])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_reading_a_mutant_never_crashes(tmp_path_factory, seed):
    folder = tmp_path_factory.getbasetemp()
    for name, data in mutants(seed, 1):
        path = folder / name
        path.write_bytes(data)
        for row in read_fhir_file(path):
            assert (row.resource is None) is (row.fault is not None)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**16), 10**16) | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    )
)
def test_valid_json_is_parsed_as_json_parses_it(value):
    parsed = parse(json.dumps(value).encode())
    assert parsed == json.loads(json.dumps(value))


@pytest.mark.parametrize(("depth", "good"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_depth_counts_brackets_that_are_not_in_strings(depth, good):
    text = ("[" * depth + '"' + '[{\\"' * 500 + '"' + "]" * depth).encode()
    if good:
        parse(text)
    else:
        with pytest.raises(UnreadableError):
            parse(text)


# ---- the clock ----

UTC_CLOCK, BERLIN = Clock.of(None), Clock.of("Europe/Berlin")


@pytest.mark.parametrize(
    ("clock", "words", "first", "last", "known"),
    [
        (UTC_CLOCK, "2024", "2024-01-01", "2024-12-31 23:59:59.999999", "2025-01-01 11:59:59.999999"),
        (BERLIN, "2024-02", "2024-02-01", "2024-02-29 23:59:59.999999", "2024-02-29 23:59:59.999999"),
        (BERLIN, "2024-12", "2024-12-01", "2024-12-31 23:59:59.999999", "2024-12-31 23:59:59.999999"),
        (BERLIN, "2024-07-01", "2024-07-01", "2024-07-01 23:59:59.999999", "2024-07-01 23:59:59.999999"),
        (BERLIN, "2024-07-01T10:00:00Z", "2024-07-01 12:00", "2024-07-01 12:00", "2024-07-01 12:00"),
        (BERLIN, "2024-01-01T10:00:00.5-05:00", *["2024-01-01 16:00:00.5"] * 3),
        (UTC_CLOCK, "2024-01-01T10:00:00", "2024-01-01 10:00", "2024-01-01 10:00", "2024-01-01 22:00"),
        (UTC_CLOCK, "2024-01-01T10:00Z", "2024-01-01 10:00", *["2024-01-01 10:00:59.999999"] * 2),
        (UTC_CLOCK, "2016-12-31T23:59:60Z", "2016-12-31 23:59:59", "2016-12-31 23:59:59", "2016-12-31 23:59:59"),
        # the hour that comes twice: its second pass is known after all of the first
        (BERLIN, "2024-10-27T00:30:00Z", "2024-10-27 02:30", "2024-10-27 02:30", "2024-10-27 02:30"),
        (BERLIN, "2024-10-27T01:10:00Z", "2024-10-27 02:10", "2024-10-27 02:10", "2024-10-27 03:10"),
        (BERLIN, "2024-10-27T02:10:00", "2024-10-27 02:10", "2024-10-27 02:10", "2024-10-27 03:10"),
    ],
)  # fmt: skip
def test_dates_and_times_of_every_precision(clock, words, first, last, known):
    moment = clock.moment(words)
    assert (moment.first, moment.last, moment.known) == tuple(map(datetime.fromisoformat, (first, last, known)))


@pytest.mark.parametrize(
    "words",
    ["", "now", "2024-13", "2024-02-30", "2024-01-01T25:00:00Z", "2024-01-01T10:00:00+25:00", "0000", "9999-12-31",
     "2024-1-1", "١٩٩٩", "2024-01-01T10:00:00Zx", "2" * 70, None, 2024, ["2024"]],
)  # fmt: skip
def test_what_is_no_time_is_none(words):
    assert UTC_CLOCK.moment(words) is None
    assert BERLIN.moment(words) is None


@settings(max_examples=300, deadline=None)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.integers(-14 * 60, 14 * 60),
    st.integers(0, 7200),
    st.sampled_from([None, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_what_happens_later_is_never_known_before_a_time_already_past(instant, one, other, seconds, zone):
    """An event known at a later instant than t must not look known before t, whatever the offsets and the clock."""
    clock = Clock.of(zone)

    def written(when, minutes):
        there = when + timedelta(minutes=minutes)
        sign, away = ("-" if minutes < 0 else "+"), abs(minutes)
        return clock.moment(f"{there.isoformat(timespec='seconds')}{sign}{away // 60:02}:{away % 60:02}")

    instant = instant.replace(microsecond=0)
    earlier, later = written(instant, one), written(instant + timedelta(seconds=seconds), other)
    assert earlier.first <= later.known
    assert later.first <= later.last <= later.known
    if zone:
        aware = instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
        assert earlier.first == aware.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("Patient/7", Name("Patient/7")),
        ("Patient/7/_history/3", Name("Patient/7")),
        ("https://h.example/fhir/Patient/7/_history/3", Name("Patient/7", "https://h.example/fhir")),
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", Name("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0")),
        ("Patient?identifier=x|7", None),
        ("#p", None),
        ("../Patient", None),
        ("http://" + "a/" * 600 + "Patient/7", None),
        (None, None),
    ],
)
def test_names_in_references(reference, name):
    assert name_of(reference) == name


def test_the_hand_written_resources_are_valid_fhir():
    resources = pytest.importorskip("fhir.resources.R4B", reason="fhir.resources is not installed")
    for resource in RESOURCES:
        if resource["id"] in {"k", "large", "timeless"}:
            continue  # wrong on purpose
        resources.get_fhir_model_class(resource["resourceType"]).model_validate(resource)
