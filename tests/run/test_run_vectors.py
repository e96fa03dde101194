"""Embeddings of a run: each text computed once, kept beside the store, the same bytes whatever becomes of the cache."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from xhaim.config import RetrieveSettings, RunSettings
from xhaim.events import EVENT_SCHEMA
from xhaim.run import embedding_cache, vectors
from xhaim.run.context import Run
from xhaim.run.directory import RunDirectory, Stage, write_frame
from xhaim.run.embedding_cache import FILE, SWITCH, EmbeddingCache
from xhaim.run.people import People
from xhaim.run.vectors import Vectors, embed_documents, text_hash
from xhaim.run.watch import Quiet
from xhaim.source.store import Store
from xhaim.task import load_task

BOILERPLATE = "The lungs are clear. There is no pleural effusion."


class Counting:
    """An encoder whose vectors follow from the text, and which remembers what it was asked."""

    def __init__(self, name: str = "counting@1/torch/float32") -> None:
        self.name = name
        self.asked: list[str] = []

    def encode(self, texts, progress=None):
        self.asked += texts
        rows = [np.frombuffer(hashlib.sha256((self.name + text).encode()).digest(), np.uint8) for text in texts]
        found = np.array(rows, dtype=np.float32) + 1
        return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def encoder(monkeypatch) -> Counting:
    one = Counting()
    monkeypatch.setattr(vectors, "load_encoder", lambda _: one)
    return one


@pytest.fixture
def run(tmp_path) -> Run:
    """Six samples in three shards, each with a report of its own and one that all share."""
    (tmp_path / "store").mkdir()
    return make_run(tmp_path, "run")


def make_run(root: Path, name: str) -> Run:
    settings = RunSettings(tasks=("mortality_48h",), shard_size=2, retrieve=RetrieveSettings(encoder="counting"))
    directory = RunDirectory.create(root / name)
    store = Store(root / "store", {"fingerprint": "f"})
    return Run(directory, store, settings, (load_task("mortality_48h"),), Quiet())


def embed(run: Run) -> dict[str, bytes]:
    """Run the stage; return its files."""
    samples = pl.DataFrame({"sample_id": [f"{n}-x" for n in range(6)], "subject_id": list(range(6))})
    known = Stage(run.directory.root / "known", "k")
    for index, shard in run.shards(samples):
        rows = [
            {"sample_id": one, "subject_id": 1, "code": f"NOTE//{kind}", "text_value": text, "source": f"{kind}{one}",
             "time": datetime(2150, 1, 1), "known_at": datetime(2150, 1, 1)}
            for one in shard["sample_id"]
            for kind, text in (("radiology", BOILERPLATE), ("nursing", f"Patient {one} slept well and ate."))
        ]  # fmt: skip
        full = [{"sample_id": row["sample_id"], **{name: row.get(name) for name in EVENT_SCHEMA}} for row in rows]
        write_frame(
            known.path(f"{index:05d}.parquet"), pl.DataFrame(full, schema={"sample_id": pl.String(), **EVENT_SCHEMA})
        )
    people = People("p", samples, pl.DataFrame(), {}, {})
    stage = embed_documents(run, people, {"admissible": known})
    return {path.name: path.read_bytes() for path in stage.folder.iterdir()}


def test_a_text_of_several_shards_is_embedded_once_and_never_again(run, encoder, tmp_path):
    cold = embed(run)
    assert sorted(encoder.asked) == sorted({BOILERPLATE, *(f"Patient {n}-x slept well and ate." for n in range(6))})
    assert sorted(cold) == ["00000.parquet", "00001.parquet", "00002.parquet", "stage.json"]
    encoder.asked.clear()
    assert embed(make_run(tmp_path, "again")) == cold
    assert encoder.asked == []


def test_off_no_file_is_kept_beside_the_store_and_the_bytes_are_the_same(run, encoder, tmp_path, monkeypatch):
    monkeypatch.setenv(SWITCH, "off")
    without = embed(run)
    assert len(encoder.asked) == len(set(encoder.asked)) == 7  # shards still share what one of them computed
    assert list((tmp_path / "store").iterdir()) == []
    assert run.watch.notes == []
    monkeypatch.delenv(SWITCH)
    assert embed(make_run(tmp_path, "again")) == without
    assert len(encoder.asked) == 14


@pytest.mark.parametrize("harm", ["not a database", "cut", "another version", "a folder", "another table", "no room"])
def test_whatever_is_wrong_with_the_cache_the_run_has_the_same_bytes(harm, run, encoder, tmp_path, monkeypatch):
    sound = embed(run)
    path = tmp_path / "store" / FILE
    if harm == "not a database":
        path.write_bytes(b"patient" * 1000)
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-5000])
    elif harm == "another version":
        with sqlite3.connect(path) as file:
            file.execute("PRAGMA user_version = 99")
    elif harm == "a folder":
        path.unlink()
        path.mkdir()
    elif harm == "another table":
        with sqlite3.connect(path) as file:
            file.execute("DROP TABLE vectors")
            file.execute("CREATE TABLE vectors (words TEXT)")
    else:
        path.unlink()
        path.parent.rmdir()
        path.parent.write_text("a file where the folder would be")
    encoder.asked.clear()
    again = make_run(tmp_path, "again")
    assert embed(again) == sound
    assert len(encoder.asked) == len(set(encoder.asked))
    assert len(again.watch.notes) == 1
    assert "embeddings are not kept for another run" in again.watch.notes[0]


def test_a_locked_cache_is_waited_for_and_then_done_without(run, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_cache, "_PATIENCE_S", 0.05)
    sound = embed(run)
    other = sqlite3.connect(tmp_path / "store" / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM vectors")
    again = make_run(tmp_path, "again")
    assert embed(again) == sound  # a reader in WAL does not wait for a writer
    other.execute("COMMIT")
    other.execute("BEGIN EXCLUSIVE")
    third = make_run(tmp_path, "third")
    assert embed(third) == sound
    assert ["locked" in note for note in third.watch.notes] == [True]
    other.close()


def test_a_damaged_vector_is_never_used_and_is_replaced(tmp_path):
    path = tmp_path / "cache" / "c.sqlite"
    kept = {text_hash(str(n)): np.full(8, n + 1, np.float16) for n in range(4)}
    cache = EmbeddingCache(path, "a@1/torch/float32")
    cache.put(kept)
    with sqlite3.connect(path) as file:
        keys = [key for (key,) in file.execute("SELECT key FROM vectors ORDER BY key")]
        file.execute("UPDATE vectors SET vector = zeroblob(16) WHERE key = ?", (keys[0],))
        file.execute("UPDATE vectors SET vector = substr(vector, 1, 8) WHERE key = ?", (keys[1],))
        # another text's vector with its own sum, as if rows had been exchanged
        file.execute(
            "UPDATE vectors SET (vector, sum) = (SELECT vector, sum FROM vectors WHERE key = ?) WHERE key = ?",
            (keys[3], keys[2]),
        )
    found = cache.get(kept)
    assert len(found) == 1
    assert all(np.array_equal(vector, kept[key]) for key, vector in found.items())
    cache.put(kept)
    found = cache.get([*kept, text_hash("never seen")])
    assert {key: vector.tolist() for key, vector in found.items()} == {k: v.tolist() for k, v in kept.items()}
    assert cache.fault is None


def test_encoders_never_share_vectors(tmp_path):
    path = tmp_path / "cache" / "c.sqlite"
    names = [
        "a@1/torch/float32",
        "a@1/torch/bfloat16",
        "a@1/openvino/float32",
        "a@2/torch/float32",
        "b@1/torch/float32",
    ]
    caches = [EmbeddingCache(path, name) for name in names]
    for n, cache in enumerate(caches):
        assert cache.get([text_hash("x")]) == {}
        cache.put({text_hash("x"): np.full(4, n, np.float16)})
    assert [cache.get([text_hash("x")])[text_hash("x")][0] for cache in caches] == [0, 1, 2, 3, 4]
    many = {text_hash(str(n)): np.full(4, n, np.float16) for n in range(1_200)}  # more than a statement has variables
    caches[0].put(many)
    assert len(caches[0].get(many)) == 1_200


def test_only_its_owner_may_read_it(run, encoder, tmp_path):
    before = os.umask(0)
    try:
        embed(run)
    finally:
        os.umask(before)
    path = tmp_path / "store" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_another_encoder_does_the_stage_anew(run, encoder, monkeypatch):
    first = embed(run)
    other = Counting("counting@2/torch/float32")  # the same setting, as when a folder's weights were replaced
    monkeypatch.setattr(vectors, "load_encoder", lambda _: other)
    assert embed(run)["00000.parquet"] != first["00000.parquet"]
    assert len(other.asked) == 7


def test_stored_and_new_vectors_are_the_same(encoder, tmp_path):
    fresh = Vectors("counting")
    computed = fresh(["a", "b", "a"])
    fresh.save(tmp_path / "v.parquet", ["a", "b"])
    loaded = Vectors("counting")
    loaded.load(tmp_path / "v.parquet")
    np.testing.assert_array_equal(loaded(["a", "b", "a"]), computed)
    np.testing.assert_array_equal(computed[0], computed[2])
    assert encoder.asked == ["a", "b"]
    assert np.abs(np.linalg.norm(computed, axis=1) - 1).max() < 1e-3


def test_a_shard_takes_the_place_of_the_one_before_so_that_memory_stays_flat(encoder, tmp_path):
    for name in ("first", "second"):
        made = Vectors("counting")
        made([name, "both"])
        made.save(tmp_path / name, [name, "both"])
    encoder.asked.clear()
    many = Vectors("counting")
    many(["query"])
    for name in ("first", "second"):
        many.load(tmp_path / name)
        many([name, "both", "query"])
    assert encoder.asked == ["query"]
    many(["first"])
    assert encoder.asked == ["query", "first"]
