"""ACES: its labels agree with our own on the same question; without it, what to type."""

from __future__ import annotations

import importlib.util
from datetime import datetime, timedelta

import pytest

from xhaim.cohort.aces import aces
from xhaim.errors import PrerequisiteError, TaskError

THERE = importlib.util.find_spec("aces") is not None
needs_aces = pytest.mark.skipif(not THERE, reason="es-aces is not installed: it needs a Polars below 2")
TASK = """
predicates:
  icu: {code: {regex: "^ICU_ADMISSION.*"}}
  died: {code: MEDS_DEATH}
trigger: icu
windows:
  input: {start: trigger, end: start + 24h, start_inclusive: True, end_inclusive: True, index_timestamp: end}
  target: {start: input.end, end: start + 48h, start_inclusive: False, end_inclusive: True, label: died}
"""


@pytest.mark.skipif(THERE, reason="es-aces is installed")
def test_without_aces_it_says_what_to_type(tmp_path):
    with pytest.raises(PrerequisiteError, match=r"xhaim\[aces\]"):
        aces(tmp_path / "task.yaml", [])


@needs_aces
def test_death_within_two_days_of_the_first(tmp_path, events):
    config = tmp_path / "task.yaml"
    config.write_text(TASK)
    rows = []
    for who, hours in ((1, 30), (2, 72), (3, 73), (4, None)):
        rows.append({"subject_id": who, "code": "ICU_ADMISSION//MICU", "time": "2150-01-01T00:00:00"})
        if hours:
            died = datetime(2150, 1, 1) + timedelta(hours=hours)
            rows.append({"subject_id": who, "code": "MEDS_DEATH", "time": died})
    shard = tmp_path / "0.parquet"
    events(*rows).collect().write_parquet(shard)
    found = aces(config, [shard])
    assert found["prediction_time"].unique().to_list() == [datetime(2150, 1, 2)]
    assert {row["subject_id"]: row["label"] for row in found.iter_rows(named=True)}.items() >= {
        1: 1,
        2: 1,
        3: 0,
    }.items()


@needs_aces
@pytest.mark.parametrize("text", ["predicates: 3", "a: [", TASK.replace(", label: died", "")])
def test_what_is_no_task_file_is_named(tmp_path, text):
    config = tmp_path / "task.yaml"
    config.write_text(text)
    with pytest.raises(TaskError, match=r"\$\.label\.path"):
        aces(config, [])
    with pytest.raises(TaskError, match="no ACES task file"):
        aces(tmp_path / "nowhere.yaml", [])
