"""Who was predicted for in a run, as it stored them: samples, labels, parts; and why no risk of somebody is stored."""

from __future__ import annotations

import polars as pl

from xhaim.errors import PrerequisiteError
from xhaim.records import Sample
from xhaim.run.directory import Stage
from xhaim.run.people import People
from xhaim.run.set_aside import read_set_aside
from xhaim.serve.results import BEING_WRITTEN, StoredRun
from xhaim.task import Task

NO_LABEL = "it has no label for this task"
NO_PART = "it is in no part of the run's splits"
LEARNED = "every model of the run learned from it"
FAILED = "a step of the run failed on its record"
NO_MODEL = "too few stays have a label for this task, so that no model was fitted"


def why_unstored(run: StoredRun, task: Task, sample: Sample) -> str:
    """Say why no held-out prediction of a sample is stored."""
    if not any(task_id == task.id for task_id, _ in run.points):
        return NO_MODEL
    if sample.sample_id in _set_aside(run, task)["sample_id"]:
        return FAILED
    if _holds(run, f"splits/{task.id}/splits.parquet", sample):
        return LEARNED
    return (
        NO_PART if _holds(run, f"labels/{task.id}/labels.parquet", sample, pl.col("label").is_not_null()) else NO_LABEL
    )


def why_not_asked(run: StoredRun, task: Task, sample: Sample) -> str:
    """Say why the model cannot be asked of a sample, though it could of others; empty where it can."""
    why = why_unstored(run, task, sample)
    return why if why in {NO_MODEL, FAILED} else ""


def in_a_split(run: StoredRun, task: Task, sample: Sample) -> bool:
    """Say whether a sample has a label for a task, so that the run prepared the model's input of it."""
    stored = _holds(run, f"splits/{task.id}/splits.parquet", sample)
    return stored and sample.sample_id not in _set_aside(run, task)["sample_id"]


def _holds(run: StoredRun, name: str, sample: Sample, which: pl.Expr | None = None) -> bool:
    path = run.root / name
    if not path.is_file():
        return False
    mine = pl.scan_parquet(path, glob=False).filter(pl.col("sample_id") == sample.sample_id)
    try:
        return (mine if which is None else mine.filter(which)).head(1).collect().height == 1
    except (OSError, pl.exceptions.PolarsError):
        raise PrerequisiteError(BEING_WRITTEN, do="try again in a moment") from None


def _set_aside(run: StoredRun, task: Task) -> pl.DataFrame:
    """Return whom the steps of a task set aside, as the run did: they are no part of its splits."""
    return pl.concat(
        read_set_aside(Stage(run.root / step / task.id, "")).select("sample_id") for step in ("evidence", "summaries")
    )


def people_of(run: StoredRun) -> People:
    """Return who was predicted for, as the run stored it: samples, labels and parts, less those set aside."""
    persons = run.store.persons() if run.store is not None else None
    labels, splits = {}, {}
    for task in run.tasks:
        aside = _set_aside(run, task)
        frame = pl.read_parquet(run.root / "labels" / task.id / "labels.parquet").filter(pl.col("label").is_not_null())
        frame = frame.select("sample_id", "label").join(run.samples.select("sample_id", "subject_id"), on="sample_id")
        if persons is not None:
            frame = frame.join(persons, on="subject_id", how="left")
            frame = frame.with_columns(pl.coalesce("person_id", "subject_id").alias("subject_id"))
        labelled = frame.select("sample_id", "subject_id", "label").sort("sample_id")
        parts = pl.read_parquet(run.root / "splits" / task.id / "splits.parquet")
        labels[task.id] = labelled.join(aside, on="sample_id", how="anti", maintain_order="left")
        splits[task.id] = parts.join(aside, on="sample_id", how="anti", maintain_order="left")
    nothing = pl.DataFrame(
        schema={"task_id": pl.String(), "stage": pl.String(), "reason": pl.String(), "n": pl.Int64()}
    )
    return People("", run.samples.drop("shard"), nothing, labels, splits)


def person_of(run: StoredRun, subject_id: int) -> int:
    """Return the number of the person who a subject is, as in ``people_of``."""
    persons = run.store.persons() if run.store is not None else None
    if persons is None:
        return subject_id
    mine = persons.filter(pl.col("subject_id") == subject_id)["person_id"].drop_nulls()
    return int(mine[0]) if len(mine) else subject_id
