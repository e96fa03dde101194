"""Table 1, counted by hand."""

from __future__ import annotations

import polars as pl
import pytest

from xhaim.cohort.table1 import PARTS, table_1


def test_who_is_in_a_task_and_its_parts(events, samples):
    birth = {"code": "MEDS_BIRTH", "time": "2090-01-02T12:00:00"}
    older = {"code": "MEDS_BIRTH", "time": "2070-01-02T12:00:00", "subject_id": 2}
    sexes = [{"code": "GENDER//F", "time": None}, {"code": "GENDER//M", "time": None, "subject_id": 2}]
    people = samples(
        {"sample_id": "a"}, {"sample_id": "b", "stay_id": 11}, {"sample_id": "c", "subject_id": 2, "stay_id": 12},
        {"sample_id": "d", "subject_id": 3, "stay_id": None}, {"sample_id": "unlabelled", "subject_id": 4},
    )  # fmt: skip
    labels = pl.DataFrame({"sample_id": ["a", "b", "c", "d"], "label": [1, 0, 1, 0]}).join(
        people.select("sample_id", "subject_id"), on="sample_id"
    )
    splits = pl.DataFrame(
        {
            "split": [0, 0, 0, 0, 1],
            "sample_id": ["a", "b", "c", "d", "a"],
            "part": ["train", "train", "test", "train", "test"],
        }
    )
    table = table_1(events(birth, older, *sexes), people, {"task": labels}, {"task": splits})
    rows = {row["part"]: row for row in table.iter_rows(named=True)}
    assert list(rows) == list(PARTS)
    assert [rows[part]["samples"] for part in PARTS] == [4, 3, 0, 1]
    everybody = rows["all"]
    assert [everybody[name] for name in ("subjects", "stays", "positives", "female", "sex_unknown", "age_unknown")] == [
        3, 3, 2, 2, 1, 1
    ]  # fmt: skip
    assert everybody["positive_share"] == 0.5
    assert everybody["age_median"] == pytest.approx(60, abs=0.01)
    assert (everybody["age_low"], everybody["age_high"]) == (pytest.approx(60, abs=0.01), pytest.approx(70, abs=0.01))
    assert (rows["validation"]["positive_share"], rows["validation"]["age_median"]) == (None, None)
    assert rows["test"]["age_median"] == pytest.approx(80, abs=0.01)
