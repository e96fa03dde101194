import polars as pl
import pytest

from xhaim.cohort.given_splits import given_splits
from xhaim.errors import DataError

LABELLED = pl.DataFrame(
    {
        "sample_id": ["b", "a", "c", "d", "e"],
        "subject_id": [2, 1, 3, 4, 9],
        "person_id": [2, 1, 3, 3, 9],  # subjects 3 and 4 are one person
    }
)


def written(tmp_path, text, name="splits.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_parts_by_subject_by_hand(tmp_path):
    path = written(
        tmp_path, "subject_id,part,split\n1,train,0\n2,test,0\n3,train,0\n4,train,0\n1,test,1\n2,train,1\n77,test,1\n"
    )
    assert given_splits(LABELLED, path, 2).rows() == [
        (0, "a", "train"),
        (0, "b", "test"),
        (0, "c", "train"),
        (0, "d", "train"),
        (1, "a", "test"),
        (1, "b", "train"),
    ]  # nobody named e; 77 has no sample


def test_parquet_and_one_split_without_a_number(tmp_path):
    path = tmp_path / "splits.parquet"
    pl.DataFrame({"subject_id": [1, 2, 2], "part": ["train", "validation", "validation"]}).write_parquet(path)
    assert given_splits(LABELLED, path, 1).rows() == [(0, "a", "train"), (0, "b", "validation")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject_id,part\n1,train\n1,test\n", "two parts"),
        ("subject_id,part\n3,train\n4,test\n", "one person into two parts"),
        ("subject_id,part\n1,training\n", "name no part"),
        ("subject_id,part\n1,\n", "name no part"),
        ("subject_id,fold\n1,0\n", "no part"),
        ("subject_id,part\nx,train\n", "numbers that are none"),
        ("subject_id,part,split\n1,train,1\n", "does not hold the splits"),
        ("subject_id,part,split\n1,train,0\n1,train,1\n", "does not hold the splits"),
    ],
)
def test_what_is_not_as_described_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        given_splits(LABELLED, written(tmp_path, text), 1)


def test_no_file_and_no_table_say_what_is_expected(tmp_path):
    for path in (tmp_path / "nowhere.csv", written(tmp_path, "not a table", "x.parquet")):
        with pytest.raises(DataError, match="cannot be read"):
            given_splits(LABELLED, path, 1)
