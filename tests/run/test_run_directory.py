"""A run directory: whole files or none, stages redone only when what decides them changed, records through Parquet."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.atomic import write_bytes
from xhaim.errors import DataError, PrerequisiteError
from xhaim.records import Chunk, CitedSentence, Evidence, ScoredChunk, Summary
from xhaim.run.directory import RunDirectory, read_json, write_json
from xhaim.run.parquet_records import from_frame, to_frame

words = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(words, st.lists(st.tuples(words, st.lists(words, min_size=1, max_size=3)), max_size=3)), max_size=4
    )
)
def test_summaries_go_to_parquet_and_back(rows):
    summaries = [
        Summary("s", "t", "notes", tuple(CitedSentence(text, tuple(ids)) for text, ids in sentences), 3, writer)
        for writer, sentences in rows
    ]
    assert from_frame(to_frame(summaries, Summary), Summary) == summaries


def test_evidence_goes_to_parquet_and_back(tmp_path):
    time = datetime(2150, 1, 1)
    chunk = Chunk("d:0-3", "d", "cxr", "radiology", "", 0, 3, "abc", time, time)
    scored = ScoredChunk(chunk, 1.0, 0.5, 0.75, 1, "q", None, ("e:0-3",))
    items = [Evidence("s", "t", "cxr", (scored,), 4), Evidence("s", "t", "notes", (), 0)]
    frame = to_frame(items, Evidence)
    frame.write_parquet(tmp_path / "x.parquet")
    assert from_frame(pl.read_parquet(tmp_path / "x.parquet"), Evidence) == items
    assert to_frame([], Evidence).schema == frame.schema


def test_a_stage_is_kept_until_what_decides_it_changes(tmp_path):
    run = RunDirectory.create(tmp_path / "run")
    made = []

    def work() -> pl.DataFrame:
        made.append(1)
        return pl.DataFrame({"a": [1]})

    for _ in range(2):
        assert run.stage("step", "key").once("x.parquet", work)["a"].to_list() == [1]
    assert len(made) == 1
    run.stage("step", "key").path("x.parquet").unlink()
    run.stage("step", "key").once("x.parquet", work)
    assert len(made) == 2
    assert run.stage("step", "other key").shards() == []


def test_what_is_not_a_run_is_left_alone(tmp_path):
    with pytest.raises(PrerequisiteError, match="not a run directory"):
        RunDirectory.open(tmp_path)
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(DataError, match="not empty"):
        RunDirectory.create(tmp_path)
    assert (tmp_path / "thesis.docx").exists()
    other = tmp_path / "old"
    write_json(other / "manifest.json", {"layout": 999})
    with pytest.raises(DataError, match="another version"):
        RunDirectory.create(other)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_bytes(path, b"{}")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"broken")
    assert read_json(path) == {}


def test_broken_json_is_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(DataError, match=r"a\.json"):
        read_json(path)


def test_what_a_dead_process_left_half_written_is_swept_and_nothing_else(tmp_path):
    run = tmp_path / "run"
    write_json(run / "manifest.json", {"layout": 1})
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    def left(name, hours):
        path = run / "explanations" / "task" / name
        write_json(path, {})
        os.utime(path, (time.time() - 3600 * hours,) * 2)
        return path

    old = left(f".a.json.{gone.pid}", 2)
    kept = [
        left(f".b.json.{gone.pid}", 0.5),  # may be of another machine, which still writes
        left(f".c.json.{os.getpid()}", 2),
        left(f"d.json.{gone.pid}", 2),
        left(".e.json", 2),
    ]
    RunDirectory.open(run)
    assert not old.exists()
    assert all(path.exists() for path in kept)


def test_a_run_that_was_killed_in_its_first_write_can_begin_again(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".manifest.json.123").write_text("{")
    RunDirectory.create(tmp_path / "run")
    (tmp_path / "run" / ".other.json.123").write_text("{")
    with pytest.raises(DataError, match="not empty"):
        RunDirectory.create(tmp_path / "run")
