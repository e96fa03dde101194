"""Stores of the same people as one."""

import json
import random
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meds_datasets import frame, write_meds
from test_eicu_source import write as write_eicu
from tiny_dicom import write_dicom
from tiny_mimic import tree, write_mimic

from xhaim.errors import DataError, PrerequisiteError
from xhaim.events import EVENT_SCHEMA
from xhaim.source.dicom import Dicom
from xhaim.source.eicu import Eicu
from xhaim.source.meds import Meds
from xhaim.source.merge import each_once, merge
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.store import Store

IMAGING = ["mimic-cxr-jpg/mimic-cxr-2.0.0-metadata", "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert"]
SPLIT = "mimic-cxr-jpg/mimic-cxr-2.0.0-split"


def small(root, rows, splits=None, **info):
    """A store of a few rows at ``root``; ``info`` replaces what its ingest.json says."""
    Meds().ingest(write_meds(root.with_name(f"{root.name}-meds"), {"0.parquet": frame(rows)}, splits=splits), root)
    said = json.loads((root / "ingest.json").read_text())
    (root / "ingest.json").write_text(json.dumps({**said, **info}))
    return root


def data(folder):
    return {name: digest for name, digest in tree(folder).items() if name.startswith("data/")}


def test_records_and_images_of_the_same_people_are_what_one_ingest_gives(tmp_path):
    MimicIV().ingest(write_mimic(tmp_path / "all"), tmp_path / "whole")
    (tmp_path / "all" / "hosp" / "d_labitems.csv.gz").rename(tmp_path / "d_labitems.csv.gz")
    MimicIV().ingest(tmp_path / "all", tmp_path / "images")
    nothing = dict.fromkeys([*IMAGING, SPLIT])
    MimicIV().ingest(write_mimic(tmp_path / "m", nothing), tmp_path / "records")
    info = merge([tmp_path / "records", tmp_path / "images"], tmp_path / "c")
    merged, whole = Store.open(tmp_path / "c"), Store.open(tmp_path / "whole")
    # without images, notes are not joined to studies: those are told otherwise by the two stores, and both are kept
    notes = pl.col("code").str.starts_with("NOTE//")
    assert merged.events().filter(~notes).collect().equals(whole.events().filter(~notes).collect())
    assert merged.image_root == whole.image_root
    assert merged.codes().equals(whole.codes())  # lactate's description comes from the first store
    assert info["tables"]["images"]["rows_not_used"] > 10
    assert info["tables"]["records"]["rows_used"] == info["tables"]["records"]["rows_in"]
    splits = pl.read_parquet(tmp_path / "c" / "metadata" / "subject_splits.parquet")
    assert splits.height == 1


A = {"subject_id": 1, "code": "A", "time": "2150-01-01T10:00", "numeric_value": 1.0}
B = {"subject_id": 2, "code": "B", "time": "2150-01-01T10:00"}


def test_a_store_merged_with_itself_is_itself_and_the_order_of_stores_does_not_matter(tmp_path):
    a, b = small(tmp_path / "a", [A]), small(tmp_path / "b", [A, B])
    merge([b, b], tmp_path / "twice")
    merge([a, b], tmp_path / "ab")
    merge([b, a], tmp_path / "ba")
    assert data(tmp_path / "twice") == data(b) == data(tmp_path / "ab") == data(tmp_path / "ba")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=3), st.randoms())
def test_each_event_is_told_as_often_as_by_the_store_with_most(stores, rng):
    def rows(values):
        whole = [{"subject_id": 1, "code": "A", "numeric_value": value if value else None} for value in values]
        absent = [pl.lit(None, dtype).alias(n) for n, dtype in EVENT_SCHEMA.items() if n not in frame([]).columns]
        return frame(whole).with_columns(absent).select(list(EVENT_SCHEMA))

    kept, told = each_once({str(i): rows(values) for i, values in enumerate(stores)})
    expected = Counter()
    for values in stores:
        expected |= Counter(values)
    assert Counter(int(value or 0) for value in kept["numeric_value"].to_list()) == expected
    assert [told[str(i)][0] + told[str(i)][1] for i in range(len(stores))] == [len(values) for values in stores]
    assert sum(used for used, _ in told.values()) == sum(expected.values())
    shuffled = {str(i): rows(rng.sample(values, len(values))) for i, values in enumerate(stores)}
    assert each_once(shuffled)[1] == told


def test_what_was_set_aside_is_named_by_its_store_and_remarks_are_kept(tmp_path):
    a = small(tmp_path / "a", [A, {"subject_id": 1}])
    (tmp_path / "x").mkdir()
    b = small(tmp_path / "x" / "a", [B, {"subject_id": 2}], known_at="given")
    info = merge([a, b], tmp_path / "c")
    aside = Store.open(tmp_path / "c").quarantine().collect()
    assert aside.rows() == [
        ("a/data/0.parquet", None, 2, "code: missing"),
        ("a-2/data/0.parquet", None, 2, "code: missing"),
    ]
    assert info["known_at"] == "time"
    assert any(remark.startswith("a: known_at is not given") for remark in info["remarks"])
    assert "no subject is in more than one store: if these are the same people, their ids differ" in info["remarks"]
    assert set(info["stores"]) == {"a", "a-2"}
    assert merge([a, b], tmp_path / "c")["unchanged"] is True
    with pytest.raises(DataError, match="holds another store"):
        merge([b, a], tmp_path / "c")


def test_simulated_if_any_is(tmp_path):
    a, b = small(tmp_path / "a", [A]), small(tmp_path / "b", [B], simulated=True, truth="/truth")
    info = merge([a, b], tmp_path / "c")
    assert (info["simulated"], info["truth"]) == (True, "/truth")
    assert merge([a, a], tmp_path / "d")["simulated"] is False


@pytest.mark.parametrize("key", ["image_root", "truth"])
def test_two_folders_are_refused_and_one_is_kept(tmp_path, key):
    a, b = small(tmp_path / "a", [A], **{key: "/one"}), small(tmp_path / "b", [B], **{key: "/two"})
    with pytest.raises(DataError, match="different folders"):
        merge([a, b], tmp_path / "c")
    assert not (tmp_path / "c").exists()
    c = small(tmp_path / "d", [B], **{key: "/one"})
    assert merge([a, c], tmp_path / "c")[key] == "/one"


def test_splits_must_agree(tmp_path):
    def split(*rows):
        return pl.DataFrame(rows, schema={"subject_id": pl.Int64(), "split": pl.String()}, orient="row")

    a = small(tmp_path / "a", [A, B], split((1, "train"), (2, "train")))
    b = small(tmp_path / "b", [A, B], split((1, "train"), (2, "held_out")))
    c = small(tmp_path / "c", [A, B], split((1, "train")))
    with pytest.raises(DataError, match="different splits"):
        merge([a, b], tmp_path / "out")
    merge([b, c], tmp_path / "out")
    merged = pl.read_parquet(tmp_path / "out" / "metadata" / "subject_splits.parquet")
    assert merged.rows() == [(1, "train"), (2, "held_out")]


def test_what_cannot_be_merged_is_refused(tmp_path):
    a, b = small(tmp_path / "a", [A]), small(tmp_path / "b", [B])
    before = tree(tmp_path)
    with pytest.raises(DataError, match="nothing to merge"):
        merge([a], tmp_path / "c")
    with pytest.raises(DataError, match="one of the stores"):
        merge([a, b], a)
    with pytest.raises(PrerequisiteError, match="no store"):
        merge([a, tmp_path / "none"], tmp_path / "c")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "broken",
    ["data/0.parquet", "metadata/codes.parquet", "quarantine.parquet", "metadata/subject_splits.parquet",
     "metadata/persons.parquet"],
)  # fmt: skip
def test_a_broken_file_of_a_store_is_named(tmp_path, broken):
    splits = pl.DataFrame({"subject_id": [1], "split": ["train"]})
    a, b = small(tmp_path / "a", [A], splits), small(tmp_path / "b", [A], splits)
    persons(b, (1, 1))
    (b / broken).write_bytes((b / broken).read_bytes()[:-30])
    with pytest.raises(DataError, match=f"b/{broken} cannot be read"):
        merge([a, b], tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_shard_with_other_columns_is_refused(tmp_path):
    a, b = small(tmp_path / "a", [A]), small(tmp_path / "b", [A])
    frame([A]).write_parquet(b / "data" / "0.parquet")
    with pytest.raises(DataError, match=r"b/data/0\.parquet is not a store's"):
        merge([a, b], tmp_path / "c")


def test_many_rows_in_any_order_give_the_same_store(tmp_path):
    rng = random.Random(0)
    rows = [
        {"subject_id": rng.randrange(9), "code": f"C{rng.randrange(5)}", "numeric_value": float(n)} for n in range(300)
    ]
    a, b = small(tmp_path / "a", rows[:200]), small(tmp_path / "b", rows[100:])
    whole = small(tmp_path / "whole", rows)
    merge([a, b], tmp_path / "c")
    assert data(tmp_path / "c") == data(whole)


# ---- clocks ----


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("local", "local", "local"),
        ("local", "Europe/Berlin", "Europe/Berlin"),
        ("UTC", "UTC", "UTC"),
        ("as given", "local", "local"),
        (None, "Europe/Berlin", "Europe/Berlin"),
        ("as given", "as given", "as given"),
        ("as given", "UTC", None),
        (None, "made up", None),
        ("UTC", "local", None),
        ("UTC", "Europe/Berlin", None),
        ("made up", "local", None),
        ("Europe/Berlin", "America/New_York", None),
    ],
)
def test_stores_of_the_same_people_are_on_one_clock(tmp_path, one, other, expected):
    a, b = small(tmp_path / "a", [A], time_zone=one), small(tmp_path / "b", [A, B], time_zone=other)
    if expected is None:
        for pair in ([a, b], [b, a]):
            with pytest.raises(DataError, match="different clocks") as error:
                merge(pair, tmp_path / "c")
            assert "a: " in str(error.value)
            assert "--set zone=" in str(error.value)
        assert not (tmp_path / "c").exists()
        return
    info = merge([a, b], tmp_path / "c")
    assert info["time_zone"] == expected
    unsaid = [remark for remark in info["remarks"] if "not known to be on the clock" in remark]
    assert bool(unsaid) is (one in {None, "as given"} and other != one)


def test_every_source_says_which_clock_it_is_on(tmp_path):
    zoned = frame([A]).with_columns(pl.col("time").dt.replace_time_zone("UTC"))
    pixels = np.zeros((4, 4), np.uint16)
    write_dicom(tmp_path / "d" / "a.dcm", pixels)
    said = {
        MimicIV(): (write_mimic(tmp_path / "m"), "local"),
        Eicu(): (write_eicu(tmp_path / "e"), "made up"),
        Dicom(): (tmp_path / "d", "local"),
        Meds(): (write_meds(tmp_path / "given", {"0.parquet": frame([A])}), "as given"),
        Meds(subjects_per_shard=1): (write_meds(tmp_path / "zoned", {"0.parquet": zoned}), "UTC"),
    }
    for n, (source, (root, expected)) in enumerate(said.items()):
        assert source.ingest(root, tmp_path / f"s{n}")["time_zone"] == expected


def test_stores_of_other_people_may_be_on_other_clocks_but_not_later_be_taken_for_one(tmp_path):
    a, b = small(tmp_path / "a", [A], time_zone="UTC"), small(tmp_path / "b", [B], time_zone="local")
    c = small(tmp_path / "c", [B], time_zone="local")
    assert merge([a, b, c], tmp_path / "d")["time_zone"] == "several"
    with pytest.raises(DataError, match="different clocks"):
        merge([tmp_path / "d", c], tmp_path / "e")


# ---- persons ----


def persons(store, *rows):
    frame = pl.DataFrame(rows, schema={"subject_id": pl.Int64(), "person_id": pl.Int64()}, orient="row")
    frame.write_parquet(store / "metadata" / "persons.parquet")
    return store


def test_who_is_one_person_is_still_one(tmp_path):
    a = persons(small(tmp_path / "a", [A, B]), (1, 70), (2, 70))
    b = small(tmp_path / "b", [B, {**B, "subject_id": 3}])
    c = persons(small(tmp_path / "c", [{**B, "subject_id": 4}, B]), (4, 70), (2, 70))
    merge([b, a], tmp_path / "ba")
    assert Store.open(tmp_path / "ba").persons().rows() == [(1, 70), (2, 70), (3, 3)]
    info = merge([a, b, c], tmp_path / "abc")
    assert Store.open(tmp_path / "abc").persons().rows() == [(1, 70), (2, 70), (3, 3), (4, 70)]
    assert info["counts"]["persons"] == 2
    merge([b, b], tmp_path / "bb")
    assert Store.open(tmp_path / "bb").persons() is None


def test_two_persons_of_one_subject_are_refused(tmp_path):
    a, b = persons(small(tmp_path / "a", [A]), (1, 70)), persons(small(tmp_path / "b", [A]), (1, 71))
    with pytest.raises(DataError, match="different persons"):
        merge([a, b], tmp_path / "c")
    # a number that stands for a person of several subjects must not be that of somebody else
    c = small(tmp_path / "x", [{**A, "subject_id": 70}])
    with pytest.raises(DataError, match="different persons"):
        merge([a, c], tmp_path / "c")
    assert not (tmp_path / "c").exists()
