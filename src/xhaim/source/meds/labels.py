"""Labels from a MEDS label file (``meds.LabelSchema``), as ACES and other tools write them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
from pyarrow import types

from xhaim.errors import DataError
from xhaim.source.meds.files import batches, opened, parquet_files
from xhaim.source.meds.values import values_of

_OTHERS = ("integer_value", "float_value", "categorical_value")


def read_labels(path: Path) -> pl.DataFrame:
    """Return ``subject_id`` (i64), ``prediction_time`` (naive, microseconds), ``label`` (i8: 0 or 1), sorted by both.

    ``path``: a Parquet file, or a folder of them at any depth (the shards of ACES); any split of rows into files
    gives the same. A label said twice counts once. Columns beyond the schema's are ignored. Raises DataError for
    labels that are not boolean, that are null, that contradict each other, or where there are none.
    """
    root = path.resolve()
    files = parquet_files(root) if root.is_dir() else [root]
    frames = [_read(file, file.name if file == root else file.relative_to(root).as_posix()) for file in files]
    labels = pl.concat(frames).unique().sort("subject_id", "prediction_time") if frames else pl.DataFrame()
    if labels.is_empty():
        raise DataError(f"{path} holds no labels", expected="Parquet with subject_id, prediction_time, boolean_value")
    twice = labels.select(pl.struct("subject_id", "prediction_time").is_duplicated().sum()).item()
    if twice:
        raise DataError(
            f"{path} has labels that contradict each other",
            got=f"{twice // 2} pairs of subject and prediction_time with true and with false",
            expected="one label for each subject and prediction_time",
        )
    return labels


def _read(path: Path, name: str) -> pl.DataFrame:
    with opened(path, name) as file:
        _check(name, file.schema_arrow)
    frames = [pl.DataFrame(schema={"subject_id": pl.Int64(), "prediction_time": pl.Datetime("us"), "label": pl.Int8()})]
    for batch in batches(path, name, ["subject_id", "prediction_time", "boolean_value"]):
        said = {column: values_of(column, batch.column(column))[0] for column in ("subject_id", "prediction_time")}
        label = pl.Series(pl.from_arrow(batch.column("boolean_value"))).cast(pl.Int8)
        frame = pl.DataFrame({**said, "label": label})
        lacking = {column: n for column, n in frame.null_count().row(0, named=True).items() if n}
        if lacking:
            raise DataError(
                f"{name} has labels without a value",
                got=", ".join(f"{column}: null or out of range in {n} rows" for column, n in lacking.items()),
                expected="a subject, a time and true or false in every row",
                do="leave out the rows without a label",
            )
        frames.append(frame)
    return pl.concat(frames)


def _check(name: str, schema: pa.Schema) -> None:
    """Raise DataError where the columns are not those of boolean labels."""
    fields = {field.name: field.type for field in schema}
    wanted = {
        "subject_id": types.is_integer,
        "prediction_time": types.is_timestamp,
        "boolean_value": types.is_boolean,
    }
    others = [column for column in _OTHERS if column in fields and not types.is_null(fields[column])]
    for column, fits in wanted.items():
        if column not in fields or not fits(fields[column]):
            raise DataError(
                f"{name}: these are no boolean labels"
                if column == "boolean_value"
                else f"{name} has no column '{column}' that can be read",
                got=", ".join(
                    others if column == "boolean_value" and others else (f"{c}: {t}" for c, t in fields.items())
                )[:300],
                expected="subject_id: int64, prediction_time: timestamp, boolean_value: bool (meds.LabelSchema)",
                do="tasks are yes-or-no questions: make a boolean of the label first" if others else None,
            )
