"""What makes a store another: the records, the options, the code that read them; not the place where they lay."""

import shutil

import polars as pl
import pytest

from xhaim.errors import DataError
from xhaim.source import draft
from xhaim.source.draft import ingest_once
from xhaim.source.store import Store
from xhaim.source.write import write_metadata, write_shard

EMPTY = pl.DataFrame(schema=draft.EVENT_SCHEMA)


def ingest(out, **same):
    def make(folder):
        write_shard(folder, 0, EMPTY)
        write_metadata(folder, "Tiny", "1", pl.DataFrame(schema={"code": pl.String, "description": pl.String}))
        return {"simulated": False, "truth": None, "image_root": None}

    given = {"layout": 1, "fingerprint": "f" * 16, "root": "/a", **same}
    return ingest_once(out, given, make)["unchanged"], Store.open(out).fingerprint


@pytest.fixture
def first(tmp_path):
    return ingest(tmp_path / "store")[1]


def test_the_same_again_does_nothing(tmp_path, first):
    assert ingest(tmp_path / "store") == (True, first)


def test_records_that_changed_are_another_store(tmp_path, first):
    unchanged, now = ingest(tmp_path / "store", fingerprint="e" * 16)
    assert not unchanged
    assert now != first


@pytest.mark.parametrize("other", [{"zone": "America/New_York"}, {"root": "/b"}])
def test_a_store_of_another_place_or_with_other_options_is_not_replaced(tmp_path, first, other):
    with pytest.raises(DataError, match="holds another store"):
        ingest(tmp_path / "store", **other)
    assert Store.open(tmp_path / "store").fingerprint == first


def test_options_make_another_store(tmp_path, first):
    assert ingest(tmp_path / "elsewhere", zone="America/New_York")[1] != first


def test_other_code_is_another_store(tmp_path, first, monkeypatch):
    monkeypatch.setattr(draft, "reading_code", lambda: "mended")
    unchanged, now = ingest(tmp_path / "store")
    assert not unchanged
    assert now != first


def test_records_that_were_moved_are_the_same_store(tmp_path, first):
    shutil.rmtree(tmp_path / "store")
    assert ingest(tmp_path / "store", root="/b") == (False, first)
