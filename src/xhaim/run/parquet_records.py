"""Frozen records to Parquet rows and back: the columns are the record's fields, nested where they are nested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import polars as pl
from pydantic import TypeAdapter

T = TypeVar("T")

_PLAIN: dict[type, pl.DataType] = {
    str: pl.String(),
    int: pl.Int64(),
    float: pl.Float64(),
    bool: pl.Boolean(),
    datetime: pl.Datetime("us"),
}


def to_frame(records: Sequence[Any], kind: type[Any]) -> pl.DataFrame:
    """Return one row for each record, with the same columns also when there are none."""
    return pl.DataFrame([asdict(record) for record in records], schema=columns(kind))


def from_frame(frame: pl.DataFrame, kind: type[T]) -> list[T]:
    """Return the records of the rows, validated."""
    adapter = TypeAdapter(kind)
    return [adapter.validate_python(row) for row in frame.select(list(columns(kind))).iter_rows(named=True)]


def columns(kind: Any) -> dict[str, pl.DataType]:  # noqa: ANN401  (any record type)
    """Return the Parquet columns of a record type."""
    hints = get_type_hints(kind)
    return {field.name: _dtype(hints[field.name]) for field in fields(kind)}


def _dtype(hint: Any) -> pl.DataType:  # noqa: ANN401  (a type hint)
    origin, parts = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin is Literal:
        return pl.String()
    if origin in {Union, UnionType}:
        return _dtype(next(part for part in parts if part is not type(None)))
    if origin is tuple:
        return pl.List(_dtype(parts[0]))
    if is_dataclass(hint):
        return pl.Struct([pl.Field(name, dtype) for name, dtype in columns(hint).items()])
    raise TypeError(f"no column type for {hint}")
