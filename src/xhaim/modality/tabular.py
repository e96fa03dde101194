"""Demographics and admission facts as typed columns: one column for each category, never a number for a name.

The categories are fixed here, not fitted, so that no split's test data decides a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import polars as pl

from xhaim.events import (
    BIRTH,
    GENDER,
    HOSPITAL_ADMISSION,
    ICU_ADMISSION,
    INSURANCE,
    LANGUAGE,
    MARITAL_STATUS,
    RACE,
    code_is,
)

CATEGORIES: dict[str, tuple[str, ...]] = {
    "sex": ("F", "M"),
    "race": ("WHITE", "BLACK", "HISPANIC", "ASIAN", "OTHER", "UNKNOWN"),
    "insurance": ("MEDICARE", "MEDICAID", "PRIVATE", "OTHER"),
    "language": ("ENGLISH", "OTHER"),
    "marital status": ("MARRIED", "SINGLE", "WIDOWED", "DIVORCED"),
    "admission": ("EMERGENCY", "URGENT", "ELECTIVE", "OBSERVATION", "SURGICAL"),
}
NUMBERS: tuple[str, ...] = ("age, years", "hours in hospital", "hours in ICU", "earlier admissions")

_KIND = {
    "sex": GENDER,
    "race": RACE,
    "insurance": INSURANCE,
    "language": LANGUAGE,
    "marital status": MARITAL_STATUS,
    "admission": HOSPITAL_ADMISSION,
}
_PREFIXES: dict[str, dict[str, str]] = {
    "race": {"WHITE": "WHITE", "PORTUGUESE": "WHITE", "BLACK": "BLACK", "HISPANIC": "HISPANIC", "ASIAN": "ASIAN",
             "SOUTH AMERICAN": "HISPANIC", "UNKNOWN": "UNKNOWN", "UNABLE": "UNKNOWN", "PATIENT DECLINED": "UNKNOWN"},
    "language": {"ENGLISH": "ENGLISH", "?": "", "": ""},
    "admission": {"EW EMER": "EMERGENCY", "DIRECT EMER": "EMERGENCY", "EMERGENCY": "EMERGENCY", "URGENT": "URGENT",
                  "ELECTIVE": "ELECTIVE", "SURGICAL": "SURGICAL", "EU OBSERVATION": "OBSERVATION",
                  "OBSERVATION": "OBSERVATION", "DIRECT OBSERVATION": "OBSERVATION", "AMBULATORY": "OBSERVATION"},
}  # fmt: skip


def static_facts(admissible: pl.DataFrame) -> dict[str, dict[str, str | float | None]]:
    """Return sample_id -> fact -> value, for the facts of NUMBERS and CATEGORIES; ``None`` = not recorded.

    Of facts stated at several admissions the newest admissible one is taken. Age is at the prediction time.
    """
    found: dict[str, dict[str, str | float | None]] = {}
    times = (
        admissible.group_by("sample_id", maintain_order=True)
        .agg(
            pl.col("prediction_time").first(),
            pl.col("time").filter(code_is(BIRTH)).max().alias("birth"),
            pl.col("time").filter(code_is(HOSPITAL_ADMISSION)).max().alias("admitted"),
            pl.col("time").filter(code_is(ICU_ADMISSION)).max().alias("icu"),
            code_is(HOSPITAL_ADMISSION).sum().alias("admissions"),
        )
        .sort("sample_id")
    )
    for row in times.iter_rows(named=True):
        age = _hours(row["birth"], row["prediction_time"])
        found[row["sample_id"]] = {
            "age, years": None if age is None else round(age / 8766, 2),
            "hours in hospital": _hours(row["admitted"], row["prediction_time"]),
            "hours in ICU": _hours(row["icu"], row["prediction_time"]),
            "earlier admissions": float(max(0, row["admissions"] - 1)),
        }
    for fact, kind in _KIND.items():
        newest = (
            admissible.filter(code_is(kind))
            .sort("sample_id", "time", "code", nulls_last=False)
            .group_by("sample_id", maintain_order=True)
            .agg(pl.col("code").last())
        )
        stated = dict(newest.iter_rows())
        for sample_id, facts in found.items():
            facts[fact] = _category(fact, stated.get(sample_id))
    return found


def _hours(earlier: datetime | None, later: datetime) -> float | None:
    return None if earlier is None else (later - earlier).total_seconds() / 3600


def _category(fact: str, code: str | None) -> str | None:
    """Find the fixed category of a code's value: exact, by its documented beginning, or OTHER where there is one."""
    if code is None or "//" not in code:
        return None
    value = code.split("//", 1)[1].strip().upper()
    for beginning, category in _PREFIXES.get(fact, {}).items():
        if value == beginning or (beginning and value.startswith(beginning)):
            return category or None
    if value in CATEGORIES[fact]:
        return value
    return "OTHER" if "OTHER" in CATEGORIES[fact] and value else None


def tabular(facts: Mapping[str, Mapping[str, str | float | None]], sample_ids: Iterable[str]) -> pl.DataFrame:
    """Return [n, d] float columns named in words: the numbers, and ``sex: F`` with 1, 0, or null where not recorded."""
    rows: list[dict[str, float | None]] = []
    for sample_id in sample_ids:
        mine = facts.get(sample_id, {})
        row: dict[str, float | None] = {name: _number(mine.get(name)) for name in NUMBERS}
        for fact, categories in CATEGORIES.items():
            stated = mine.get(fact)
            for category in categories:
                row[f"{fact}: {category}"] = None if stated is None else float(stated == category)
        rows.append(row)
    names = [*NUMBERS, *(f"{fact}: {category}" for fact, some in CATEGORIES.items() for category in some)]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64()))


def _number(value: str | float | None) -> float | None:
    return value if isinstance(value, float) else None
