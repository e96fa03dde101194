"""Training patients most like one sample, and what became of them.

Like: near in the numbers that the model reads, block by block: demographics, vital signs and laboratory, the concepts
that the evidence names, labels of earlier films, what the image network sees; ``space`` scales them, and each block
counts the same. Words count only through the concepts. It is no statement about the model, and no forecast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from xhaim.serve.clinic.space import BLOCKS, Point, Space
from xhaim.serve.results import StoredRun

NEAREST = 8


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


def similar(run: StoredRun, space: Space, me: Point) -> Similar | None:
    """Return the nearest training samples of other people; ``None`` where there is nothing to compare."""
    others = np.flatnonzero(space.train & (space.persons != me.person))
    if others.size == 0 or not me.blocks:
        return None
    apart = {
        name: np.sqrt(np.mean((space.blocks[name][others] - mine) ** 2, axis=1)) for name, mine in me.blocks.items()
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
