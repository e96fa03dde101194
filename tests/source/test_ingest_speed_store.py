"""Signals only, cells and shards, and events of some subjects: what is left out is counted, nothing else changes."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tiny_mimic import ROWS, A, B, ingest, write_mimic

from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA
from xhaim.signals import signal_of_code
from xhaim.source import parts as aside
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.parts import Parts
from xhaim.source.store import Store
from xhaim.source.write import write_shard


def test_only_signals_leaves_out_other_items_and_counts_them(tmp_path):
    lab, chart = ROWS["hosp/labevents"][0], ROWS["icu/chartevents"][0]
    changes = {
        "hosp/labevents": [*ROWS["hosp/labevents"], {**lab, "itemid": 1, "charttime": "x"}, {**lab, "itemid": ""}],
        "icu/chartevents": [*ROWS["icu/chartevents"], {**chart, "charttime": "x"}],
    }
    root = write_mimic(tmp_path / "m", changes)
    whole, everything = ingest(root, tmp_path / "a")
    info, events = ingest(root, tmp_path / "s", only_signals=True)
    kind = pl.col("code").str.split("//").list.first()
    prefix = pl.col("code").str.split("//").list.head(2).list.join("//")
    of_item = kind.is_in(["CHART", "LAB", "PROCEDURE"])
    kept = everything.filter(~of_item | prefix.is_in(list(signal_of_code())))
    assert_frame_equal(events, kept)
    assert 0 < kept.height < everything.height
    reason = "not a catalogued signal"
    assert info["tables"]["chartevents"]["not_used"] == {"no value": 1, reason: 1}
    assert info["tables"]["labevents"]["not_used"] == {"no value": 1, reason: 1}
    for name in ("chartevents", "labevents"):
        n = info["tables"][name]
        assert n["rows_in"] == whole["tables"][name]["rows_in"]
        assert n["rows_in"] == n["rows_used"] + n["rows_set_aside"] + n["rows_not_used"]
    bad = Store.open(tmp_path / "s").quarantine().collect()
    assert sorted(bad.select("file", "line", "reason").rows()) == [
        ("hosp/labevents.csv.gz", 7, "itemid: missing"),
        ("icu/chartevents.csv.gz", 5, "charttime: not a date or time"),
    ]


def test_a_store_of_signals_only_is_another_store(tmp_path):
    root = write_mimic(tmp_path / "m")
    MimicIV().ingest(root, tmp_path / "s")
    with pytest.raises(DataError, match="holds another store"):
        MimicIV(only_signals=True).ingest(root, tmp_path / "s")
    assert not MimicIV(only_signals=True).ingest(root, tmp_path / "signals")["unchanged"]
    assert MimicIV(only_signals=True).ingest(root, tmp_path / "signals")["unchanged"]


SCHEMA = {"subject_id": pl.Int64(), "n": pl.Int64(), "word": pl.String()}


def rows(subjects):
    """``word`` is null throughout for odd numbers of rows."""
    word = "x" if len(subjects) % 2 == 0 else None
    columns = {"subject_id": list(subjects), "n": list(range(len(subjects))), "word": [word] * len(subjects)}
    return pl.DataFrame(columns, schema=SCHEMA)


@pytest.mark.parametrize(("limit", "per_shard"), [(10, 500), (1, 500), (10**6, 500), (10**6, 100), (10**6, 3)])
def test_shards_depend_on_the_data_alone_and_hold_every_row_once(tmp_path, monkeypatch, limit, per_shard):
    monkeypatch.setattr(aside, "SHARD_ROWS", limit)
    subjects = pl.Series(range(0, 700, 2))
    asked = [s for s in subjects for _ in range(1 + s % 3)]
    found = []
    for name, order, pieces, kept in (("a", asked, 1, 1), ("b", asked[::-1], 7, 2), ("c", asked, 3, 0)):
        (tmp_path / name).mkdir()
        parts = Parts(tmp_path / name, subjects, per_shard)
        step = -(-len(order) // pieces)
        for start in range(0, len(order), step):
            parts.add("t", rows(order[start : start + step]))
            if start + kept * step < len(order):
                parts.flush()
        parts.close()
        shards = [parts.read(i, "t", SCHEMA) for i in range(parts.shards)]
        assert all(dict(shard.schema) == SCHEMA for shard in shards)
        words = pl.concat(shards)["word"].count()
        assert words == sum(len(part) for i in range(0, len(order), step) if len(part := order[i : i + step]) % 2 == 0)
        found.append([sorted(shard["subject_id"]) for shard in shards])
    assert found[0] == found[1] == found[2]
    assert [s for shard in found[0] for s in shard] == asked
    for shard in found[0]:
        assert len(set(shard)) <= per_shard
        assert len(shard) <= limit or len(set(shard)) <= aside.SUBJECTS_PER_CELL


def test_long_texts_make_shards_small(tmp_path, monkeypatch):
    monkeypatch.setattr(aside, "SHARD_ROWS", 100)
    parts = Parts(tmp_path, pl.Series([1, 60, 120]), 1)
    monkeypatch.setattr(aside, "SUBJECTS_PER_CELL", 1)
    parts = Parts(tmp_path, pl.Series([1, 60, 120]), 3)
    parts.add("t", pl.DataFrame({"subject_id": [1, 60, 120], "text": ["x" * aside.ROW_BYTES * 99, "y", None]}))
    parts.flush()
    assert parts.shards == 2


def test_ties_are_ordered_by_everything_whatever_the_order(tmp_path):
    base = {"subject_id": 1, "code": "LAB//1", "numeric_value": 1.0}
    made = [
        {**base, "code": code, "time": time, "numeric_value": value, "title": title}
        for code in ("LAB//1", "LAB//02")
        for time in (None, 5)
        for value in (None, 2.0, 1.0)
        for title in ("b", None, "a")
    ]
    frame = pl.DataFrame([{name: row.get(name) for name in EVENT_SCHEMA} for row in made], schema=EVENT_SCHEMA)
    columns = ["subject_id", "time", "code", "numeric_value", "text_value", "source"]
    expected = frame.sort(*columns, *(name for name in EVENT_SCHEMA if name not in columns))
    for seed in range(5):
        write_shard(tmp_path, seed, frame.sample(fraction=1, shuffle=True, seed=seed))
        assert_frame_equal(pl.read_parquet(tmp_path / "data" / f"{seed}.parquet"), expected)


def test_events_of_some_subjects_come_from_the_files_that_hold_them(tmp_path):
    root = write_mimic(tmp_path / "m")
    MimicIV(subjects_per_shard=1).ingest(root, tmp_path / "s")
    store = Store.open(tmp_path / "s")
    everything = store.events().collect()
    for asked in ([A], [B], [A, B, A], [], [5]):
        assert_frame_equal(store.events(asked).collect(), everything.filter(pl.col("subject_id").is_in(asked)))
    (tmp_path / "s" / "data" / "1.parquet").write_bytes(b"broken")  # B's: of no use for A
    assert_frame_equal(store.events([A]).collect(), everything.filter(pl.col("subject_id") == A))
    with pytest.raises(pl.exceptions.ComputeError):
        store.events([B]).collect()
