"""A MEDS dataset's metadata: what codes mean, who is in which part of a split, which subjects are one person."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from pyarrow import types

from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA
from xhaim.source.account import Account, Outcome
from xhaim.source.meds.files import Layout, batches, opened

_NO_EVENTS = pl.DataFrame(schema=EVENT_SCHEMA)


def described(layout: Layout, used: pl.DataFrame, spelled: pl.DataFrame, account: Account) -> pl.DataFrame:
    """Return ``code`` and ``description`` of the codes in ``used``, and book the rows of ``codes.parquet``.

    Of several descriptions of one code (also after ``spelled``) the first by content is kept.
    """
    if layout.codes is None:
        return used.with_columns(description=pl.lit(None, pl.String))
    rows = _read(layout, layout.codes, "codes", {"code": pl.String(), "description": pl.String()}, account)
    ours = rows.join(spelled.select("code", "ours"), on="code", how="left").drop("code").rename({"ours": "code"})
    known = ours.join(used, on="code", how="semi").sort("code", "description", "row", nulls_last=True)
    first = known.unique("code", keep="first", maintain_order=True)
    unused = {
        "no event has the code": ours.height - known.height,
        "code: more than once; the first description by content is kept": known.height - first.height,
    }
    account.book(Outcome("codes", _NO_EVENTS, first.height, unused=unused))
    return used.join(first.select("code", "description"), on="code", how="left")


def subject_splits(layout: Layout, subjects: pl.Series, account: Account) -> tuple[pl.DataFrame, Outcome]:
    """Return ``subject_id`` and ``split`` of subjects with events, and the account; contradictions are set aside."""
    path = layout.splits
    if path is None:
        raise ValueError("no splits")  # the caller asks only where there are some
    rows = _read(layout, path, "splits", {"subject_id": pl.Int64(), "split": pl.String()}, account)
    known = rows.filter(pl.col("subject_id").is_in(subjects.implode()))
    several = pl.col("split").n_unique().over("subject_id") > 1
    reason = pl.lit("split: more than one for this subject").alias("reason")
    bad = known.filter(several).select("row", pl.lit(None, pl.Int64).alias("line"), reason)
    agreed = known.filter(~several)
    splits = agreed.select("subject_id", "split").unique().sort("subject_id")
    unused = {
        "the subject has no events": rows.height - known.height,
        "said more than once": agreed.height - splits.height,
    }
    return splits, Outcome("splits", _NO_EVENTS, splits.height, bad, unused)


def persons_of(layout: Layout, subjects: pl.Series, account: Account) -> pl.DataFrame | None:
    """Return ``subject_id`` and ``person_id`` of subjects with events, booked; ``None`` where the dataset says none.

    Raises DataError where a subject is two persons: splits by person could put one into both parts.
    """
    if layout.persons is None:
        return None
    rows = _read(layout, layout.persons, "persons", {"subject_id": pl.Int64(), "person_id": pl.Int64()}, account)
    known = rows.filter(pl.col("subject_id").is_in(subjects.implode())).select("subject_id", "person_id")
    persons = known.unique().sort("subject_id", "person_id")
    torn = persons.filter(pl.col("subject_id").is_duplicated())["subject_id"].n_unique()
    if torn:
        raise DataError(
            f"{layout.name(layout.persons)} contradicts itself",
            got=f"{torn} subjects with more than one person_id",
            expected="one person_id for each subject",
            do="export the store again",
        )
    unused = {
        "the subject has no events": rows.height - known.height,
        "said more than once": known.height - persons.height,
    }
    account.book(Outcome("persons", _NO_EVENTS, persons.height, unused=unused))
    return persons


def _read(layout: Layout, path: Path, table: str, schema: dict[str, pl.DataType], account: Account) -> pl.DataFrame:
    """Return the rows whose first column is there, with ``row``, and book the others as set aside."""
    name = layout.name(path)
    with opened(path, name) as file:
        fields = {field.name: field.type for field in file.schema_arrow}
    key = next(iter(schema))
    for column, dtype in schema.items():
        kind = fields.get(column)
        kind = kind.value_type if kind is not None and types.is_dictionary(kind) else kind
        fits = types.is_integer if dtype == pl.Int64() else _is_words
        if kind is None and column == "description":
            continue
        if kind is None or not (fits(kind) or types.is_null(kind)):
            raise DataError(f"{name} has no column '{column}' that can be read", got=str(kind), expected=str(dtype))
    account.open(table, name)
    present = [column for column in schema if column in fields]
    chosen = [_column(column, column in fields, dtype) for column, dtype in schema.items()]
    frames = [pl.DataFrame(pl.from_arrow(batch)).select(chosen) for batch in batches(path, name, present)]
    rows = pl.concat([pl.DataFrame(schema=schema), *frames]).with_row_index("row", 1).cast({"row": pl.Int64})
    lacking = pl.any_horizontal(pl.col(c).is_null() for c in schema if c != "description")
    bad = rows.filter(lacking).select(
        "row", pl.lit(None, pl.Int64).alias("line"), pl.lit(f"{key}: missing").alias("reason")
    )
    account.read(table, rows.height - bad.height, bad)
    return rows.filter(~lacking)


def _column(name: str, there: bool, dtype: pl.DataType) -> pl.Expr:
    return (pl.col(name) if there else pl.lit(None)).cast(dtype).alias(name)


def _is_words(kind: object) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
