"""The numbers of a task's labelled samples as one split's model reads them, scaled so that they can be compared.

Each column is measured in standard deviations of the training samples and cut at 3; a missing value is the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.records import Features, Sample
from xhaim.run.directory import Stage
from xhaim.run.explanations import split_of
from xhaim.run.image_readings import READINGS
from xhaim.run.numbers import SEPARATOR, assemble, with_block
from xhaim.serve.clinic.enrolled import people_of
from xhaim.serve.results import StoredRun
from xhaim.task import Task

_CUT = 3.0
BLOCKS = {
    "tabular": "demographics and admission",
    "time_series": "vital signs and laboratory",
    "concepts": "concepts named in the evidence",
    "earlier_films": "labels of earlier films",
    "image": "what the image network sees",
}


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a block's columns are scaled: those that vary among the training samples, in their standard deviations."""

    vary: NDArray[np.int64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float32], train: NDArray[np.bool_]) -> Scaling:
        """Fit it to the training rows of [n, d]."""
        fitted = values[train].astype(np.float64)
        fitted[~np.isfinite(fitted)] = np.nan
        enough = np.flatnonzero(np.isfinite(fitted).sum(axis=0) >= 2)
        mean, spread = np.nanmean(fitted[:, enough], axis=0), np.nanstd(fitted[:, enough], axis=0)
        vary = spread > 1e-9
        return cls(enough[vary], mean[vary], spread[vary])

    def scaled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [n, columns that vary], cut at 3; a missing value is the mean."""
        z = (values[:, self.vary].astype(np.float64) - self.mean) / self.spread
        return np.asarray(np.clip(np.nan_to_num(z, nan=0.0), -_CUT, _CUT), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Space:
    """All labelled samples of a task as one split's model reads them, each block scaled."""

    ids: list[str]
    place: dict[str, int]
    persons: NDArray[np.int64]
    labels: NDArray[np.int8]
    train: NDArray[np.bool_]
    blocks: dict[str, NDArray[np.float32]]
    """Block -> [n, columns that vary]."""
    scalings: dict[str, Scaling]

    def stored(self, sample_id: str) -> Point | None:
        """Return a labelled sample; ``None``: no numbers of it are stored."""
        at = self.place.get(sample_id)
        if at is None:
            return None
        return Point(int(self.persons[at]), {name: values[at] for name, values in self.blocks.items()})

    def of(self, row: Features, person: int) -> Point:
        """Return any sample: its features, n = 1, by this space's split; the number of the person."""
        places = {name: row.blocks[name] for name in self.blocks if name in row.blocks}
        return Point(
            person,
            {name: self.scalings[name].scaled(row.values[:, start:end])[0] for name, (start, end) in places.items()},
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One sample in a space."""

    person: int
    blocks: Mapping[str, NDArray[np.float32]]
    """Block -> [columns that vary]."""


def space_of(run: StoredRun, task: Task, split: int) -> Space:
    """Read the stored numbers of a task's labelled samples and scale them by the split's training samples."""
    rows = _labelled(run, task, split)
    ids, train = rows["sample_id"].to_list(), (rows["part"] == "train").to_numpy()
    features = features_of_split(run, task, split, ids)
    blocks, scalings = {}, {}
    for name, (start, end) in features.blocks.items():
        values = features.values[:, start:end]
        scaling = Scaling.of(values, train)
        if name in BLOCKS and scaling.vary.size:
            blocks[name], scalings[name] = scaling.scaled(values), scaling
    persons, labels = rows["subject_id"].to_numpy(), rows["label"].to_numpy().astype(np.int8)
    return Space(ids, {name: place for place, name in enumerate(ids)}, persons, labels, train, blocks, scalings)


def _labelled(run: StoredRun, task: Task, split: int) -> pl.DataFrame:
    people = people_of(run)
    parts = people.splits[task.id].filter(pl.col("split") == split)
    return people.labels[task.id].join(parts.select("sample_id", "part"), on="sample_id").sort("sample_id")


def parts_of(run: StoredRun, task: Task, split: int) -> tuple[list[str], list[str]]:
    """Return the ids of a task's labelled samples, in order, and the part of each in a split."""
    rows = _labelled(run, task, split)
    return rows["sample_id"].to_list(), rows["part"].to_list()


def split_for(run: StoredRun, task: Task, sample: Sample) -> int:
    """Return the split whose model did not learn from the sample. Raises DataError where it has no label."""
    people = people_of(run)
    return split_of(people, task, sample, people.splits[task.id]["split"].n_unique())[0]


def features_of_split(run: StoredRun, task: Task, split: int, ids: list[str]) -> Features:
    """Return the stored numbers of samples as one split's model reads them: no texts, no earlier image."""
    policy = run.manifest["report_policy"][task.id]
    names = ("numbers", f"concepts/{task.id}", f"earlier_films/{policy}")
    stages = [Stage(run.root / name, "") for name in names if any((run.root / name).glob("*.parquet"))]
    features = assemble(ids, stages, None)
    read = run.root / "models" / task.id / f"split-{split}" / READINGS
    if not read.is_file():
        return features
    frame = pl.DataFrame({"sample_id": ids}).join(
        pl.read_parquet(read), on="sample_id", how="left", maintain_order="left"
    )
    wanted = [name for name in frame.columns if name.startswith(f"image{SEPARATOR}")]
    values = frame.select(wanted).fill_null(float("nan")).to_numpy()
    return with_block(features, "image", [name.split(SEPARATOR, 1)[1] for name in wanted], values)
