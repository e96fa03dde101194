"""Splits that are given from outside: subjects and parts of a csv or Parquet file."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from xhaim.cohort.splits import SPLIT_SCHEMA
from xhaim.errors import DataError

PARTS = ("train", "validation", "test")
_EXPECTED = (
    "a csv or Parquet file with subject_id, part (train, validation, test) and, for several splits, split from 0"
)


def given_splits(labelled: pl.DataFrame, path: Path, repeats: int) -> pl.DataFrame:
    """Return split, sample_id, part, ordered by split and sample_id, as a file says by subject.

    ``labelled``: sample_id, subject_id as in the file, person_id by which no one may be in two parts. Samples of
    subjects that the file does not name are in no part. Raises DataError where the file is not as described, where one
    person is in two parts of a split, or where it does not hold ``repeats`` splits.
    """
    said = _read(path)
    found = sorted(said["split"].unique().to_list())
    if found != list(range(repeats)):
        raise DataError(
            f"{path} does not hold the splits that were asked for", got=f"splits {found[:10]}",
            expected=f"splits 0 to {repeats - 1}", do=f"--splits {len(found)}, numbered from 0",
        )  # fmt: skip
    rows = labelled.join(said, on="subject_id", how="inner")
    both = rows.group_by("split", "person_id").agg(pl.col("part").n_unique()).filter(pl.col("part") > 1)
    if both.height:
        first = both.sort("split", "person_id").row(0, named=True)
        raise DataError(
            f"{path} puts one person into two parts of a split: what is learned of them would be tested on them",
            got=f"{both.height} such, first person {first['person_id']} of split {first['split']}",
            expected="every person in one part of a split", do="mend the file: all rows of a person in one part",
        )  # fmt: skip
    return rows.select([pl.col(name).cast(kind) for name, kind in SPLIT_SCHEMA.items()]).sort("split", "sample_id")


def _read(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"the splits in {path} cannot be read", got=type(error).__name__, expected=_EXPECTED) from None
    if "split" not in frame.columns:
        frame = frame.with_columns(split=pl.lit(0, pl.Int64()))
    if missing := {"subject_id", "part"} - set(frame.columns):
        raise DataError(
            f"the splits in {path} lack columns", got=f"no {', '.join(sorted(missing))}", expected=_EXPECTED
        )
    try:
        said = frame.select(pl.col("split", "subject_id").cast(pl.Int64()), pl.col("part").cast(pl.String())).unique()
    except pl.exceptions.PolarsError:
        raise DataError(f"the splits in {path} hold numbers that are none", expected=_EXPECTED) from None
    wrong = said.filter(~pl.col("part").is_in(PARTS).fill_null(value=False) | pl.any_horizontal(pl.all().is_null()))
    if wrong.height:
        raise DataError(f"the splits in {path} hold {wrong.height} rows that name no part", expected=_EXPECTED)
    twice = said.group_by("split", "subject_id").len().filter(pl.col("len") > 1)
    if twice.height:
        raise DataError(
            f"{path} puts {twice.height} subjects into two parts of a split", expected="every subject in one part",
            got=f"first subject {twice.sort('split', 'subject_id')['subject_id'][0]}", do="mend the file",
        )  # fmt: skip
    return said
