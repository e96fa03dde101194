"""Events by hand, for tests of the steps that read a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from xhaim.events import EVENT_SCHEMA


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def events() -> Callable[..., pl.LazyFrame]:
    """Rows as keyword dicts; times as ISO text; known_at is the time unless it is said."""

    def build(*rows: dict[str, Any]) -> pl.LazyFrame:
        full = []
        for given in rows:
            row = {"subject_id": 1, **given}
            row.setdefault("known_at", row.get("time"))
            for name in ("time", "known_at"):
                if isinstance(row.get(name), str):
                    row[name] = at(row[name])
            full.append({name: row.get(name) for name in EVENT_SCHEMA})
        return pl.DataFrame(full, schema=EVENT_SCHEMA).lazy()

    return build


@pytest.fixture
def samples() -> Callable[..., pl.DataFrame]:
    """One or more samples of subject 1."""

    def build(*rows: dict[str, Any]) -> pl.DataFrame:
        from xhaim.cohort.samples import SAMPLE_SCHEMA

        base = {
            "sample_id": "10-x",
            "subject_id": 1,
            "hadm_id": 100,
            "stay_id": 10,
            "prediction_time": at("2150-01-02T12:00:00"),
            "index_study_id": None,
            "index_image_id": None,
        }
        return pl.DataFrame([{**base, **row} for row in rows or ({},)], schema=SAMPLE_SCHEMA)

    return build
