"""Stage: prediction times and labels that a task's own file says, read once and kept in ``given/<task>/``."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

from xhaim.cohort.aces import aces
from xhaim.cohort.given import GIVEN_SCHEMA
from xhaim.config import SampleSettings, settings_hash
from xhaim.errors import DataError, TaskError
from xhaim.label_rules import AcesLabel
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.source.meds.labels import read_labels
from xhaim.task import Task


def given_times(run: Run) -> dict[str, Stage]:
    """Return task id -> the stage with its rows (``GIVEN_SCHEMA``), for the tasks whose label is a file.

    Raises TaskError where a file is not there, DataError where the settings say prediction times as well.
    """
    tasks = [task for task in run.tasks if task.label_file is not None]
    if tasks and run.settings.sample != SampleSettings(seed=run.settings.sample.seed):
        raise DataError(
            f"{', '.join(task.id for task in tasks)}: the label file says the prediction times",
            got="a landmark or another rule of the settings as well",
            do="leave out --landmark, and any --set sample.…",
        )
    return {task.id: _stage(run, task, task.label_file) for task in tasks if task.label_file is not None}


def _stage(run: Run, task: Task, path: Path) -> Stage:
    if not path.exists():
        raise TaskError("$.label.path: no such file", got=path, expected="a path from the folder of the task file")
    stage = run.directory.stage(f"given/{task.id}", run.key("given", settings_hash(task), _digest(path)))
    stage.once("00000.parquet", lambda: _read(run, task, path))
    return stage


def _read(run: Run, task: Task, path: Path) -> pl.DataFrame:
    if isinstance(task.label, AcesLabel):
        return aces(path, sorted((run.store.path / "data").glob("*.parquet"), key=lambda shard: int(shard.stem)))
    return read_labels(path).select([pl.col(name).cast(kind) for name, kind in GIVEN_SCHEMA.items()])


def _digest(path: Path) -> str:
    """Return 16 hex digits of a file, or of the Parquet files of a folder."""
    digest = hashlib.sha256()
    for part in [path] if path.is_file() else sorted(path.rglob("*.parquet")):
        digest.update(part.read_bytes())
    return digest.hexdigest()[:16]
