"""The columns of a MEDS dataset as the store's: which stands for which, their types, and the rows that do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
from pyarrow import types

from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA, INSURANCE, LANGUAGE, MARITAL_STATUS, RACE
from xhaim.source.meds.values import END, IDS, TIMES, values_of

ALSO_CALLED: Mapping[str, tuple[str, ...]] = {
    "hadm_id": ("visit_id", "visit_occurrence_id", "encounter_id"),
    "stay_id": ("icustay_id", "icu_stay_id"),
    "unit": ("units", "valueuom"),
}
"""Our column -> what converters call it, in the order in which the first present is taken."""
ATTRIBUTES: Mapping[str, str] = {
    "race": RACE, "insurance": INSURANCE, "language": LANGUAGE, "marital_status": MARITAL_STATUS,
}  # fmt: skip
"""Columns that early MIMIC-IV converters put on the admission's row -> the code that such a fact has in the store."""
REQUIRED = ("subject_id", "time", "code")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the columns of all shards are read."""

    chosen: Mapping[str, str]
    """Ours (or an attribute, or ``end``) -> the dataset's."""
    not_kept: tuple[str, ...]
    zoned: bool
    """Whether times have a zone: they are kept as UTC."""
    ours: bool
    """Whether xHAIM wrote the rows, so that they are taken as they are."""


def plan_columns(schemas: Mapping[str, pa.Schema], by_xhaim: bool) -> Plan:
    """Choose the columns; ``schemas``: by name of the shard. Raises DataError for what is not MEDS, or mixes zones.

    ``by_xhaim``: the dataset says that xHAIM wrote it; it is believed if every shard has the store's columns.
    """
    present = {field.name for schema in schemas.values() for field in schema}
    for shard, schema in schemas.items():
        missing = [name for name in REQUIRED if name not in schema.names]
        if missing:
            raise DataError(
                f"{shard} has no column '{missing[0]}'",
                got=", ".join(schema.names[:40]),
                expected="subject_id, time, code, numeric_value, text_value",
                do="convert data of MEDS before 0.3 (patient_id, nested events) first"
                if "patient_id" in present
                else None,
            )
    ours = by_xhaim and all(set(EVENT_SCHEMA) <= set(schema.names) for schema in schemas.values())
    wanted = [*EVENT_SCHEMA, *(() if ours else (*ATTRIBUTES, END))]
    chosen = {name: found for name in wanted if (found := _find(name, present, ours))}
    zones = {
        bool(field.type.tz)
        for schema in schemas.values()
        for field in schema
        if field.name in {chosen.get(name) for name in TIMES} and types.is_timestamp(field.type)
    }
    if len(zones) > 1:
        raise DataError(
            "some times have a time zone and some have none",
            expected="all with one, or all without: hours would be mixed",
        )
    for shard, schema in schemas.items():
        _check_types(shard, schema, chosen)
    return Plan(chosen, tuple(sorted(present - set(chosen.values()))), zones == {True}, ours)


def _find(name: str, present: Iterable[str], ours: bool) -> str | None:
    names = (name,) if ours else (name, *ALSO_CALLED.get(name, ()))
    return next((each for each in names if each in present), None)


def _check_types(shard: str, schema: pa.Schema, chosen: Mapping[str, str]) -> None:
    for name, theirs in chosen.items():
        if theirs not in schema.names:
            continue
        kind = schema.field(theirs).type
        kind = kind.value_type if types.is_dictionary(kind) else kind
        fits, expected = _expected(name, kind)
        if not fits and not types.is_null(kind):
            raise DataError(f"{shard}: column '{theirs}' cannot be read", got=str(kind)[:200], expected=expected)


def _expected(name: str, kind: pa.DataType) -> tuple[bool, str]:
    words = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    if name == "subject_id":
        return types.is_integer(kind), "whole numbers"
    if name in TIMES:
        return types.is_timestamp(kind) or types.is_date(kind), "timestamps or dates"
    if name == "numeric_value":
        return types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind), "numbers"
    if name in IDS:
        return words or types.is_integer(kind) or types.is_floating(kind), "numbers or text"
    return words, "text"


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a shard, in its order."""

    good: pl.DataFrame
    """``row`` (from 1 in the shard), the store's columns (null where the dataset has none), attributes, ``end``."""
    bad: pl.DataFrame
    """``row``, ``line`` (null: the file has none), ``reason``."""
    not_numbers: int
    """NaN in ``numeric_value``: what pandas writes for no value; null in ``good``."""


def typed(batch: pa.RecordBatch, plan: Plan, first_row: int, wanted: Sequence[str]) -> Rows:
    """Return the rows as the store's types; ``wanted``: which of ours are read."""
    columns: dict[str, pl.Series] = {}
    faults: list[pl.Expr] = []
    height, not_numbers = batch.num_rows, 0
    for name in wanted:
        theirs = plan.chosen.get(name)
        array = batch.column(theirs) if theirs in batch.schema.names else pa.nulls(height)
        values, said, fault = values_of(name, array)
        if name == "numeric_value":
            not_numbers = int(values.is_nan().fill_null(value=False).sum())
            values = values.fill_nan(None)
        columns[name] = values.alias(name)
        if fault.any():
            faults.append(pl.when(pl.lit(fault)).then(pl.lit(f"{name}: {said}")))
        if name in {"subject_id", "code"}:
            empty = values.is_null() & ~fault if name == "subject_id" else values.is_null() | (values == "")
            faults.append(pl.when(pl.lit(empty.fill_null(value=True))).then(pl.lit(f"{name}: missing")))
    columns["row"] = pl.int_range(first_row, first_row + height, eager=True)
    judged = pl.DataFrame(columns).with_columns(reason=pl.coalesce([*faults, pl.lit(None, pl.String)]))
    line = pl.lit(None, pl.Int64).alias("line")
    return Rows(
        judged.filter(pl.col("reason").is_null()).drop("reason"),
        judged.filter(pl.col("reason").is_not_null()).select("row", line, "reason"),
        not_numbers,
    )
