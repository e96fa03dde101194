"""What limits a prediction for a patient whom the run did not draw: said in the explanation, in every form of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.config import RunSettings
from xhaim.records import Sample
from xhaim.run.learned_from import OTHER, STAY, learned_from, same_person
from xhaim.run.pipeline import when_predicted
from xhaim.source.store import Store
from xhaim.task import Task

SIMULATED = "The model was fitted on simulated patients: of a real patient its risk says nothing."
NO_STAY = "At that time the record shows no ICU stay; the model learned from ICU stays alone."


def limits(
    root: Path,
    manifest: Mapping[str, Any],
    settings: RunSettings,
    task: Task,
    split: int,
    store: Store,
    sample: Sample,
) -> tuple[str, ...]:
    """Return the sentences that hold for a sample of a store, by the model of one split of a run."""
    told = []
    if manifest["simulated"] and not store.simulated:
        told.append(SIMULATED)
    tasks = tuple(Task.model_validate(one) for one in manifest["tasks"].values())
    given = any(one.label_file is not None for one in tasks)
    at_images = not given and not settings.sample.model_dump(exclude={"seed", "max_per_stay"}, exclude_none=True)
    if not (at_images and sample.index_image_id is not None):
        when = when_predicted(settings.sample, tasks)
        told.append(f"The model learned from predictions made at {when}; this one is of {_minute(sample)}.")
    if sample.stay_id is None and not given:
        told.append(NO_STAY)
    if store.fingerprint == manifest["data_fingerprint"]:
        told += _learned_from(root, task, split, store, sample)
    return tuple(told)


def _minute(sample: Sample) -> str:
    return f"{sample.prediction_time:%Y-%m-%d %H:%M}"


def _learned_from(root: Path, task: Task, split: int, store: Store, sample: Sample) -> tuple[str, ...]:
    """Return the sentence where a sample of the person is in a part of the split that is not its test part."""
    parts = pl.read_parquet(root / "splits" / task.id / "splits.parquet").filter(pl.col("split") == split)
    samples = pl.read_parquet(root / "samples" / "samples.parquet").select("sample_id", "subject_id")
    mine = samples.filter(pl.col("subject_id").is_in(same_person(store, sample.subject_id)))
    learned = parts.join(mine, on="sample_id", how="semi").filter(pl.col("part") != "test")
    own = learned.filter(pl.col("sample_id") == sample.sample_id)
    found, what = (own, STAY) if own.height else (learned, OTHER)
    return learned_from(min(found["part"].to_list(), default=None), split, what)
