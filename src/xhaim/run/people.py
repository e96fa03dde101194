"""Stage: who is predicted for, when, labelled how, and in which part of each split."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.cohort.given import given
from xhaim.cohort.given_splits import given_splits
from xhaim.cohort.index_report import INDEX_REPORT_SCHEMA, SAME, index_reports
from xhaim.cohort.labels import label
from xhaim.cohort.samples import draw
from xhaim.cohort.splits import split
from xhaim.cohort.stays import stays
from xhaim.config import settings_hash
from xhaim.errors import DataError
from xhaim.records import Attrition
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.given_times import given_times
from xhaim.task import Task

MIN_TRAIN = 10
"""Members of each class without which no model is fitted: five folds would hold two each."""
MIN_VALIDATION = 3
"""Members of each class without which nothing can be calibrated."""


@dataclass(frozen=True, slots=True)
class People:
    """The samples of a run."""

    key: str
    samples: pl.DataFrame
    """Rows of SAMPLE_SCHEMA, ordered by sample_id."""
    attrition: pl.DataFrame
    """task_id (null: all tasks), stage, reason, n."""
    labels: dict[str, pl.DataFrame]
    """task id -> sample_id, subject_id, label (0 or 1), for the labelled only. ``subject_id`` is the person's number
    where the store says that one person is several subjects: splits, folds and bootstraps are by person."""
    splits: dict[str, pl.DataFrame]
    """task id -> split, sample_id, part."""

    def of(self, task: Task) -> pl.DataFrame:
        """Return the samples that have a label for a task."""
        return self.samples.join(self.labels[task.id].select("sample_id"), on="sample_id", how="semi")


def gather(run: Run) -> People:
    """Draw the samples, label them for each task, and split them; every table is kept in ``samples/``.

    Tasks with a label file say the prediction times of all tasks. Raises DataError where the settings say others too,
    or where the words of an index report stand in what was known before (``index_reports.parquet`` lists them).
    """
    files = given_times(run)
    key = run.key("people", settings_hash(run.settings.sample), *(stage.key for stage in files.values()))
    stage = run.directory.stage("samples", key)
    with run.watch.stage("samples") as progress:
        todo = 2 + len(run.tasks)
        samples, common = _samples(run, stage, files)
        progress(1, todo)
        _check(run, stage.once("index_reports.parquet", lambda: _index_reports(run, samples)))
        progress(2, todo)
        labels, splits, lost_labels = {}, {}, []
        for done, task in enumerate(run.tasks):
            everyone = _labelled(run, key, samples, task, files.get(task.id))
            lost_labels += [(task.id, item) for item in _attrition(everyone)]
            kept = everyone.filter(pl.col("label").is_not_null()).select("sample_id", "subject_id", "label")
            labels[task.id] = kept
            splits[task.id] = _split(run, key, kept, samples, task)
            progress(3 + done, todo)
    own = pl.DataFrame([{"task_id": task_id, **asdict(item)} for task_id, item in lost_labels], schema=common.schema)
    return People(key, samples, pl.concat([common, own]), labels, splits)


def _samples(run: Run, stage: Stage, files: dict[str, Stage]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the samples, and the attrition of all tasks: task_id (null), stage, reason, n."""
    events = run.store.events()
    if not (stage.path("samples.parquet").exists() and stage.path("attrition.parquet").exists()):
        if files:
            rows = pl.concat([file.frame() for file in files.values()])
            drawn, lost = given(events, stays(events, required=False), rows)
        else:
            drawn, lost = draw(events, stays(events), run.settings.sample)
        stage.once("attrition.parquet", lambda: pl.DataFrame([asdict(item) for item in lost]))
        stage.once("samples.parquet", lambda: drawn)
    lost_frame = pl.read_parquet(stage.path("attrition.parquet"))
    common = lost_frame.select(pl.lit(None, pl.String()).alias("task_id"), pl.all())
    return pl.read_parquet(stage.path("samples.parquet")), common


def _index_reports(run: Run, samples: pl.DataFrame) -> pl.DataFrame:
    """List the notes that are, or may be, the index report, shard by shard."""
    found = [pl.DataFrame(schema=INDEX_REPORT_SCHEMA)]
    for _, shard in run.shards(samples):
        subjects = shard["subject_id"].unique().to_list()
        found.append(index_reports(run.store.events(subjects), shard))
    return pl.concat(found)


def _check(run: Run, listed: pl.DataFrame) -> None:
    """Refuse a run whose pathology tasks would read the words of the index report under another name."""
    honest = [task.id for task in run.tasks if task.needs_image and run.policy(task) != "index_included"]
    same = listed.filter((pl.col("how") == "overlap") & (pl.col("score") >= SAME))
    if honest and same.height:
        raise DataError(
            f"{same.height} notes of {same['sample_id'].n_unique()} samples were known before the prediction time, and "
            f"hold the words of the index report: {', '.join(honest)} could be answered by reading them",
            expected="notes dated when they were written",
            do=f"see how = overlap in {run.directory.root / 'samples' / 'index_reports.parquet'} and mend their times",
        )


def _labelled(run: Run, people: str, samples: pl.DataFrame, task: Task, file: Stage | None) -> pl.DataFrame:
    key = run.key("labels", people, settings_hash(task))
    stage = run.directory.stage(f"labels/{task.id}", key)
    events = run.store.events()
    said = file.frame() if file else None
    frame = stage.once("labels.parquet", lambda: label(events, stays(events, required=False), samples, task, said))
    subjects = samples.select("sample_id", "subject_id")
    labelled = frame.join(subjects, on="sample_id", how="left", maintain_order="left")
    persons = run.store.persons()
    if persons is None:
        return labelled
    person = pl.coalesce("person_id", "subject_id")  # who is not listed is a person of their own
    found = labelled.join(persons, on="subject_id", how="left", maintain_order="left")
    return found.with_columns(subject_id=person).drop("person_id")


def _split(run: Run, people: str, kept: pl.DataFrame, samples: pl.DataFrame, task: Task) -> pl.DataFrame:
    settings = run.settings.split
    if settings.file is None:
        key = run.key("splits", people, settings_hash(task, settings))
        return run.directory.stage(f"splits/{task.id}", key).once("splits.parquet", lambda: split(kept, settings))
    path = Path(settings.file)
    if not path.is_file():  # before the stage is opened, which would clear it
        raise DataError(
            f"no splits at {path}", expected="the file that split.file names", do="put it there, or give its full path"
        )
    said = hashlib.sha256(path.read_bytes()).hexdigest()
    stage = run.directory.stage(f"splits/{task.id}", run.key("splits", people, settings_hash(task, settings, said)))
    persons = kept.rename({"subject_id": "person_id"}).join(samples.select("sample_id", "subject_id"), on="sample_id")
    frame = stage.once("splits.parquet", lambda: given_splits(persons, path, settings.repeats))
    if left := kept.height - frame["sample_id"].n_unique():
        run.watch.note(f"{task.title}: {left} of {kept.height} samples are of subjects that {path.name} does not name")
    return frame


def _attrition(labelled: pl.DataFrame) -> list[Attrition]:
    reasons = labelled["reason"].drop_nulls().value_counts(sort=True).sort("count", "reason", descending=[True, False])
    lost = [Attrition("label", reason, n) for reason, n in reasons.iter_rows()]
    kept = labelled["label"].drop_nulls()
    return [
        *lost,
        Attrition("label", "labelled samples", len(kept)),
        Attrition("label", "of them positive", int(kept.sum())),
    ]


@dataclass(frozen=True, slots=True)
class SplitRows:
    """One split of the labelled samples of a task, as row numbers into ``ids``."""

    ids: list[str]
    labels: NDArray[np.int8]
    subjects: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def too_few(self) -> str | None:
        """Say why no model can be fitted; None where one can."""
        for name, rows, least in (("training", self.train, MIN_TRAIN), ("validation", self.validation, MIN_VALIDATION)):
            positive = int((self.labels[rows] == 1).sum())
            negative = len(rows) - positive
            if min(positive, negative) < least:
                return f"{positive} positive and {negative} negative in the {name} part; {least} of each are needed"
        return None


def split_rows(people: People, task: Task, split: int) -> SplitRows:
    """Return the rows of one split, in order of sample_id."""
    labelled = people.labels[task.id].sort("sample_id")
    parts = people.splits[task.id].filter(pl.col("split") == split).select("sample_id", "part")
    frame = labelled.join(parts, on="sample_id", how="left", maintain_order="left")
    rows = {name: np.flatnonzero((frame["part"] == name).to_numpy()) for name in ("train", "validation", "test")}
    return SplitRows(
        ids=frame["sample_id"].to_list(),
        labels=frame["label"].to_numpy().astype(np.int8),
        subjects=frame["subject_id"].to_numpy(),
        **rows,
    )
