"""MEDS datasets that are broken, hostile or not MEDS: each is refused with the file's name, and nothing is written."""

import json

import polars as pl
import pyarrow as pa
import pytest
from meds_datasets import at, frame, ingest_meds, write_meds, write_mimic_meds
from pyarrow import parquet

from xhaim.errors import DataError
from xhaim.source.meds import Meds

ROWS = [{"subject_id": i, "code": f"CODE-{i}", "time": "2150-01-01T10:00", "text_value": "SECRET"} for i in range(50)]


@pytest.mark.parametrize(
    "fault",
    [
        lambda p: p.write_bytes(p.read_bytes()[:-20]),
        lambda p: p.write_bytes(p.read_bytes()[: len(p.read_bytes()) // 2] + p.read_bytes()[-400:]),
        lambda p: p.write_bytes(b""),
        lambda p: p.write_bytes(b"PAR1"),
        lambda p: p.write_bytes(b"PAR2" + p.read_bytes()[4:-4] + b"PAR2"),
        lambda p: p.write_text("subject_id,time,code\n1,,A\n"),
        lambda p: p.write_bytes(p.read_bytes()[:-8] + b"\xff\xff\xff\x7fPAR1"),
    ],
    ids=["cut", "middle lost", "empty", "magic only", "wrong magic", "text", "absurd footer"],
)
def test_a_broken_shard_is_named_and_leaves_everything_as_it_was(tmp_path, fault):
    root = write_meds(tmp_path / "m", {"train/0.parquet": frame(ROWS)})
    fault(root / "data" / "train" / "0.parquet")
    with pytest.raises(DataError, match=r"data/train/0\.parquet") as caught:
        Meds().ingest(root, tmp_path / "s")
    assert "SECRET" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_flipped_byte_is_found_where_the_writer_left_checksums(tmp_path):
    root = write_meds(tmp_path / "m", {})
    (root / "data").mkdir()
    shard = root / "data" / "0.parquet"
    table = frame(ROWS).to_arrow(compat_level=pl.CompatLevel.oldest())
    parquet.write_table(table, shard, compression="none", use_dictionary=False, write_page_checksum=True)
    data = shard.read_bytes()
    assert data.count(b"CODE-17") == 1
    shard.write_bytes(data.replace(b"CODE-17", b"CODE-1X"))
    with pytest.raises(DataError, match=r"data/0\.parquet cannot be read"):
        Meds().ingest(root, tmp_path / "s")


def test_text_that_is_not_utf8_is_refused(tmp_path):
    root = write_meds(tmp_path / "m", {})
    (root / "data").mkdir()
    words = pa.array([b"caf\xe9"]).view(pa.string())
    table = pa.table({"subject_id": [1], "time": pa.array([None], pa.timestamp("us")), "code": words})
    parquet.write_table(table, root / "data" / "0.parquet")
    with pytest.raises(DataError, match=r"data/0\.parquet cannot be read"):
        Meds().ingest(root, tmp_path / "s")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop("code"), "no column 'code'"),
        (lambda f: f.rename({"subject_id": "patient_id"}), "no column 'subject_id'"),
        (lambda f: f.with_columns(pl.col("subject_id").cast(pl.String)), "column 'subject_id' cannot be read"),
        (lambda f: f.with_columns(pl.col("time").dt.to_string("iso")), "column 'time' cannot be read"),
        (lambda f: f.with_columns(numeric_value=pl.lit("1")), "column 'numeric_value' cannot be read"),
        (lambda f: f.with_columns(text_value=pl.lit(b"x")), "column 'text_value' cannot be read"),
        (lambda f: f.with_columns(known_at=pl.col("time").dt.replace_time_zone("UTC")), "some times have a time zone"),
    ],
)
def test_what_is_no_meds_is_refused_by_column(tmp_path, change, said):
    root = write_meds(tmp_path / "m", {"0.parquet": change(frame(ROWS))})
    with pytest.raises(DataError, match=said):
        Meds().ingest(root, tmp_path / "s")
    with pytest.raises(DataError, match=said):
        Meds().look(root)


def test_a_column_twice_is_refused(tmp_path):
    root = write_meds(tmp_path / "m", {})
    (root / "data").mkdir()
    one = pa.array([1])
    table = pa.Table.from_arrays([one, pa.array([None], pa.timestamp("us")), pa.array(["A"]), one],
        names=["subject_id", "time", "code", "subject_id"])  # fmt: skip
    parquet.write_table(table, root / "data" / "0.parquet")
    with pytest.raises(DataError, match="a column more than once"):
        Meds().look(root)


@pytest.mark.parametrize("where", ["data/link.parquet", "data/folder", "metadata/codes.parquet"])
def test_links_out_of_the_dataset_are_refused(tmp_path, where):
    outside = tmp_path / "outside"
    frame(ROWS).write_parquet(tmp_path / "secret.parquet")
    outside.mkdir()
    root = write_meds(tmp_path / "m", {"0.parquet": frame(ROWS)})
    (root / where).symlink_to(outside if where.endswith("folder") else tmp_path / "secret.parquet")
    with pytest.raises(DataError, match="link"):
        Meds().ingest(root, tmp_path / "s")


def test_a_link_inside_is_read_and_other_files_are_counted(tmp_path):
    root = write_meds(tmp_path / "m", {"0.parquet": frame(ROWS)})
    (root / "elsewhere.parquet").write_bytes((root / "data" / "0.parquet").read_bytes())
    (root / "data" / "0.parquet").unlink()
    (root / "data" / "0.parquet").symlink_to(root / "elsewhere.parquet")
    (root / "data" / "notes.txt").write_text("no data")
    (root / "data" / ".logs").mkdir()
    (root / "data" / ".logs" / "x.parquet").write_text("no data")
    info, events = ingest_meds(root, tmp_path / "s")
    assert events.height == 50
    assert info["remarks"][0] == "1 files below data/ are not Parquet and were not read"


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, '"x"'])
def test_a_broken_dataset_json_is_named(tmp_path, content):
    root = write_mimic_meds(tmp_path / "m")
    (root / "metadata" / "dataset.json").write_text(content)
    with pytest.raises(DataError, match=r"metadata/dataset\.json cannot be read"):
        Meds().ingest(root, tmp_path / "s")


def test_who_says_to_be_xhaims_without_its_columns_is_not_believed(tmp_path):
    rows = [{"subject_id": 1, "code": "DIAGNOSIS//ICD//10//I509", "time": "2150-01-01T10:00"}]
    root = write_meds(tmp_path / "m", {"0.parquet": frame(rows)}, {"etl_name": "xhaim"})
    (root / "ingest.json").write_text(json.dumps({"known_at": "given", "image_root": "/", "subjects_per_shard": 0}))
    info, events = ingest_meds(root, tmp_path / "s")
    assert (info["known_at"], info["image_root"]) == ("time", None)
    assert events["known_at"].to_list() == [at("2150-01-31T10:00")]


def test_contradicting_splits_are_set_aside(tmp_path):
    splits = pl.DataFrame({"subject_id": [1, 1, 2, 2], "split": ["train", "held_out", "train", "train"]})
    root = write_meds(tmp_path / "m", {"0.parquet": frame(ROWS)}, splits=splits)
    info, _ = ingest_meds(root, tmp_path / "s")
    assert pl.read_parquet(tmp_path / "s" / "metadata" / "subject_splits.parquet").rows() == [(2, "train")]
    table = info["tables"]["splits"]
    assert (table["rows_used"], table["rows_set_aside"], table["rows_not_used"]) == (1, 2, 1)
