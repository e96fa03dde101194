"""Training patients most like one sample, and what became of them.

Like: near in the numbers that the model reads, block by block: demographics, vital signs and laboratory, the concepts
that the evidence names, labels of earlier films, what the image network sees. Each column is measured in standard
deviations of the training samples and cut at 3, a missing value is the mean; each block counts the same. Words count
only through the concepts. It is no statement about the model, and no forecast.
"""

from __future__ import annotations

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

NEAREST = 8
_CUT = 3.0
BLOCKS = {
    "tabular": "demographics and admission",
    "time_series": "vital signs and laboratory",
    "concepts": "concepts named in the evidence",
    "earlier_films": "labels of earlier films",
    "image": "what the image network sees",
}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One training sample."""

    sample_id: str
    stay_id: int | None
    subject_id: int
    distance: float
    """Root mean square over the blocks of the blocks' own: 0 is the same; 1.4 is two samples drawn at random."""
    label: int
    blocks: tuple[tuple[str, float], ...]
    """(block in words, its distance), the nearest first."""


@dataclass(frozen=True, slots=True)
class Similar:
    """The nearest of a sample's split."""

    neighbours: tuple[Neighbour, ...]
    positives: int
    among: int
    """Training samples of other patients that were compared."""
    median: float
    """Distance of the middle one: by it a reader sees how near the nearest are."""


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


def similar(run: StoredRun, task: Task, sample: Sample, space: Space) -> Similar | None:
    """Return the nearest training samples of other patients; ``None`` where the sample has no numbers stored."""
    at = space.place.get(sample.sample_id)
    if at is None or not space.blocks:
        return None
    others = np.flatnonzero(space.train & (space.persons != space.persons[at]))
    if others.size == 0:
        return None
    apart = {
        name: np.sqrt(np.mean((values[others] - values[at]) ** 2, axis=1)) for name, values in space.blocks.items()
    }
    distance = np.sqrt(np.mean(np.stack([one**2 for one in apart.values()]), axis=0))
    nearest = sorted(range(others.size), key=lambda row: (round(float(distance[row]), 6), space.ids[others[row]]))
    chosen = nearest[:NEAREST]
    stays = {row["sample_id"]: row for row in run.samples.filter(
        pl.col("sample_id").is_in([space.ids[others[row]] for row in chosen])).iter_rows(named=True)}  # fmt: skip
    found = []
    for row in chosen:
        one = stays[space.ids[others[row]]]
        parts = sorted((float(values[row]), BLOCKS.get(name, name)) for name, values in apart.items())
        found.append(
            Neighbour(
                one["sample_id"], one["stay_id"], one["subject_id"], float(distance[row]),
                int(space.labels[others[row]]), tuple((name, value) for value, name in parts),
            )
        )  # fmt: skip
    return Similar(tuple(found), sum(one.label for one in found), int(others.size), float(np.median(distance)))


def space_of(run: StoredRun, task: Task, split: int) -> Space:
    """Read the stored numbers of a task's labelled samples and scale them by the split's training samples."""
    rows = _labelled(run, task, split)
    ids, train = rows["sample_id"].to_list(), (rows["part"] == "train").to_numpy()
    features = features_of_split(run, task, split, ids)
    blocks = {}
    for name, (start, end) in features.blocks.items():
        scaled = _scaled(features.values[:, start:end].astype(np.float64), train)
        if name in BLOCKS and scaled.shape[1]:
            blocks[name] = scaled
    persons, labels = rows["subject_id"].to_numpy(), rows["label"].to_numpy().astype(np.int8)
    return Space(ids, {name: place for place, name in enumerate(ids)}, persons, labels, train, blocks)


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


def _scaled(values: NDArray[np.float64], train: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the columns that vary among the training samples, in their standard deviations, cut at 3."""
    known = np.isfinite(values)
    fitted = np.where(known & train[:, None], values, np.nan)
    enough = np.isfinite(fitted).sum(axis=0) >= 2
    fitted, values = fitted[:, enough], values[:, enough]
    mean, spread = np.nanmean(fitted, axis=0), np.nanstd(fitted, axis=0)
    vary = spread > 1e-9
    z = (values[:, vary] - mean[vary]) / spread[vary]
    return np.asarray(np.clip(np.nan_to_num(z, nan=0.0), -_CUT, _CUT), dtype=np.float32)
