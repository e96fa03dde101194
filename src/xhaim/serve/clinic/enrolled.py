"""Who was predicted for in a run, as it stored them: samples, labels, parts."""

from __future__ import annotations

import polars as pl

from xhaim.records import Sample
from xhaim.run.people import People
from xhaim.serve.results import StoredRun
from xhaim.task import Task


def in_a_split(run: StoredRun, task: Task, sample: Sample) -> bool:
    """Say whether a sample has a label for a task, so that the run prepared the model's input of it."""
    path = run.root / "splits" / task.id / "splits.parquet"
    if not path.is_file():
        return False
    mine = pl.scan_parquet(path, glob=False).filter(pl.col("sample_id") == sample.sample_id)
    return mine.head(1).collect().height == 1


def people_of(run: StoredRun) -> People:
    """Return who was predicted for, as the run stored it: samples, labels and parts."""
    persons = run.store.persons() if run.store is not None else None
    labels, splits = {}, {}
    for task in run.tasks:
        frame = pl.read_parquet(run.root / "labels" / task.id / "labels.parquet").filter(pl.col("label").is_not_null())
        frame = frame.select("sample_id", "label").join(run.samples.select("sample_id", "subject_id"), on="sample_id")
        if persons is not None:
            frame = frame.join(persons, on="subject_id", how="left")
            frame = frame.with_columns(pl.coalesce("person_id", "subject_id").alias("subject_id"))
        labels[task.id] = frame.select("sample_id", "subject_id", "label").sort("sample_id")
        splits[task.id] = pl.read_parquet(run.root / "splits" / task.id / "splits.parquet")
    nothing = pl.DataFrame(
        schema={"task_id": pl.String(), "stage": pl.String(), "reason": pl.String(), "n": pl.Int64()}
    )
    return People("", run.samples.drop("shard"), nothing, labels, splits)
