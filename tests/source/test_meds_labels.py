"""Labels from MEDS label files."""

import random
from datetime import datetime

import polars as pl
import pytest

from xhaim.errors import DataError
from xhaim.source.meds.labels import read_labels

T1, T2 = datetime(2150, 1, 1, 12), datetime(2150, 1, 2, 12)


def labels(rows, **more):
    frame = pl.DataFrame(
        rows,
        schema={"subject_id": pl.Int64(), "prediction_time": pl.Datetime("us"), "boolean_value": pl.Boolean()},
        orient="row",
    )
    return frame.with_columns(**more)


def test_a_file_and_a_folder_of_shards_give_the_same_labels_in_order(tmp_path):
    rows = [(2, T1, True), (1, T2, False), (1, T1, True), (1, T1, True)]
    labels(rows).write_parquet(tmp_path / "one.parquet")
    expected = [(1, T1, 1), (1, T2, 0), (2, T1, 1)]
    found = read_labels(tmp_path / "one.parquet")
    assert found.rows() == expected
    assert found.schema == {"subject_id": pl.Int64(), "prediction_time": pl.Datetime("us"), "label": pl.Int8()}
    random.Random(1).shuffle(rows)
    for name, part in (("train/0", rows[:2]), ("held_out/0", rows[2:]), ("tuning/0", [])):
        path = tmp_path / "shards" / f"{name}.parquet"
        path.parent.mkdir(parents=True)
        # as ACES writes them: the other kinds of label there and empty, and a column of its own
        labels(part, integer_value=pl.lit(None, pl.Int64), index_timestamp=pl.col("prediction_time")).write_parquet(
            path
        )
    assert read_labels(tmp_path / "shards").equals(found)


@pytest.mark.parametrize("kind", ["integer_value", "float_value", "categorical_value"])
def test_labels_of_other_kinds_are_refused_by_name(tmp_path, kind):
    value = {"integer_value": 1, "float_value": 1.5, "categorical_value": "a"}[kind]
    labels([(1, T1, True)], **{kind: pl.lit(value)}).drop("boolean_value").write_parquet(tmp_path / "l.parquet")
    with pytest.raises(DataError, match="no boolean labels") as caught:
        read_labels(tmp_path / "l.parquet")
    assert kind in str(caught.value)
    assert "make a boolean of the label first" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.with_columns(boolean_value=pl.col("boolean_value").cast(pl.Int8)), "no boolean labels"),
        (lambda f: f.drop("prediction_time"), "no column 'prediction_time'"),
        (lambda f: f.with_columns(subject_id=pl.lit("1")), "no column 'subject_id'"),
        (lambda f: f.with_columns(boolean_value=pl.lit(None, pl.Boolean)), "label: null or out of range in 2 rows"),
        (lambda f: f.with_columns(prediction_time=pl.lit(None, pl.Datetime("us"))), "prediction_time: null"),
        (lambda f: f.clear(), "holds no labels"),
        (lambda f: pl.concat([f, f.with_columns(boolean_value=~pl.col("boolean_value"))]), "contradict each other"),
    ],
)
def test_labels_that_do_not_say_what_they_must_are_refused(tmp_path, change, said):
    change(labels([(1, T1, True), (2, T1, False)])).write_parquet(tmp_path / "l.parquet")
    with pytest.raises(DataError, match=said):
        read_labels(tmp_path / "l.parquet")


def test_nothing_empty_or_broken_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no labels"):
        read_labels(tmp_path)
    with pytest.raises(DataError, match=r"none\.parquet cannot be read"):
        read_labels(tmp_path / "none.parquet")
    (tmp_path / "l.parquet").write_text("subject_id,prediction_time,boolean_value\n")
    with pytest.raises(DataError, match=r"l\.parquet cannot be read"):
        read_labels(tmp_path)
