"""Values of a MEDS dataset's columns as the store's types, whatever Arrow type they come in."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import types

from xhaim.source.identity import number_of

END = "end"
"""When a visit ended, as the OMOP converters write it."""
IDS = ("hadm_id", "stay_id", "study_id")
TIMES = ("time", "known_at", "prediction_time", END)
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_800
"""In seconds from 1970: what Python's datetime can hold."""


def values_of(name: str, array: pa.Array) -> tuple[pl.Series, str, pl.Series]:
    """Return a column's values, what they should have been, and where they were not (those are null).

    ``name`` says what it holds: subject_id, a time, numeric_value, an id, or else text.
    """
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if name in TIMES:
        given, values = _times(array)
        said = "outside the years 1 to 9999"
    elif name == "numeric_value":
        given = _from_arrow(array.cast(pa.float64(), safe=False))
        values = _where(given.is_nan() | (given.abs() <= _MAX_FLOAT32), given).cast(pl.Float32)
        said = "not a finite number of 32 bits"
    elif name == "subject_id" or name in IDS:
        given = _from_arrow(array)
        if given.dtype == pl.String:
            given = _where(given != "", given)
        elif given.dtype.is_float():
            given = given.fill_nan(None)
        values = _ids(given)
        said = "not a whole number of 64 bits"
    else:
        given = values = _from_arrow(array).cast(pl.String)
        said = "not text"
    return values, said, given.is_not_null() & values.is_null()


def _from_arrow(array: pa.Array) -> pl.Series:
    if types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if types.is_null(array.type):
        return pl.Series([None] * len(array), dtype=pl.Int64)
    return pl.Series(pl.from_arrow(array))


def _times(array: pa.Array) -> tuple[pl.Series, pl.Series]:
    """Return what was given, and microseconds without a zone (UTC of those with one); null outside Python's years."""
    if types.is_null(array.type):
        return _from_arrow(array), _from_arrow(array).cast(pl.Datetime("us"))
    if types.is_date(array.type):
        array = array.cast(pa.timestamp("s" if types.is_date32(array.type) else "ms"))
    per = _PER_SECOND[array.type.unit]
    ticks = _from_arrow(array.view(pa.int64()))
    kept = _where(ticks.is_between(max(_YEAR_1 * per, -(2**63)), min(_YEAR_10000 * per, 2**63) - 1), ticks)
    micros = kept * (10**6 // per) if per <= 10**6 else kept // (per // 10**6)
    return ticks, micros.cast(pl.Datetime("us"))


def _ids(given: pl.Series) -> pl.Series:
    """Return ids as numbers: whole ones as they are, words by ``identity.number_of``; null for what is neither."""
    if given.dtype == pl.String:
        known = {text: number_of(text) for text in given.drop_nulls().unique().to_list()}
        return given.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int64)
    if given.dtype.is_float():
        return _where((given == given.floor()) & (given.abs() < 2**53), given).cast(pl.Int64)
    return given.cast(pl.Int64, strict=False)


def _where(fits: pl.Series, values: pl.Series) -> pl.Series:
    """Return the values that fit, null for the others."""
    return pl.select(pl.when(pl.lit(fits.fill_null(value=False))).then(pl.lit(values))).to_series()
