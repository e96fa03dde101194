"""Scores of many raters as tables: who gives how much, who agrees with whom, and where a judge differs from people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.judge.agreement import RESAMPLES, Estimate, agreement, draws, interval

Floats = NDArray[np.float64]

SCORES_SCHEMA = {
    "task_id": pl.String(),
    "sample_id": pl.String(),
    "group": pl.String(),  # whose items are drawn together by the bootstrap: the subject
    "kind": pl.String(),  # judge or person
    "rater": pl.String(),
    "dimension": pl.String(),
    "score": pl.Int64(),  # null: none was given
}
"""One row for each rater, item and dimension."""
ALL_TASKS = "all tasks"
PEOPLE = "mean of people"
Kind = Literal["person and person", "judge and person", "judge and mean of people", "judge and judge", "all people"]


@dataclass(frozen=True, slots=True)
class Mean:
    """What one rater gives in one dimension of one task."""

    task_id: str
    kind: str
    rater: str
    dimension: str
    n: int
    missing: int
    """Items without a score."""
    mean: float | None
    """``None`` without a score."""
    sd: float | None
    """With n - 1; ``None`` below two scores."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two raters, or all people, on one dimension of one task."""

    task_id: str
    dimension: str
    kind: Kind
    raters: tuple[str, ...]
    found: Mapping[str, Estimate]
    """Statistic -> its value."""


@dataclass(frozen=True, slots=True)
class Bias:
    """How far a judge lies above people where people give a level."""

    task_id: str
    dimension: str
    judge: str
    level: int | None
    """Mean of people, rounded half up; ``None``: all levels."""
    difference: Estimate
    """Mean of judge less people, in points of the scale."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All scores in one dimension of one task; items sorted by task and sample."""

    task_id: str
    """``ALL_TASKS``: of every task together."""
    dimension: str
    groups: tuple[str, ...]
    """[n]: whose item each one is."""
    judges: Mapping[str, Floats]
    """Rater -> [n]; NaN where there is no score."""
    people: Mapping[str, Floats]
    times: Floats
    """[1 + b, n]: what ``agreement.draws`` gives; the same for all dimensions of a task."""

    @property
    def mean_of_people(self) -> Floats:
        """Mean of those who scored an item, [n]; NaN where nobody did."""
        given = np.stack([np.full(len(self.groups), np.nan), *self.people.values()])
        n = np.isfinite(given).sum(axis=0)
        return np.where(n > 0, np.nansum(given, axis=0) / np.maximum(n, 1), np.nan)


def means(scores: pl.DataFrame) -> list[Mean]:
    """Return mean and SD of every rater, task and dimension of ``scores`` (``SCORES_SCHEMA``), people first."""
    found = (
        scores.group_by("task_id", "kind", "rater", "dimension")
        .agg(
            pl.col("score").count().alias("n"),
            pl.col("score").null_count().alias("missing"),
            pl.col("score").sort().mean().alias("mean"),  # sorted: rounding is the same for any order of rows
            pl.col("score").sort().std().alias("sd"),
        )
        .sort("task_id", pl.col("kind") != "person", "rater", "dimension")
    )
    return [Mean(**row) for row in found.select(list(Mean.__slots__)).iter_rows(named=True)]


def sheets(scores: pl.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[Sheet]:
    """Return every dimension of every task, then of all tasks where there are several, for any order of the rows."""
    for task_id, rows in _by_task(scores):
        items = rows.select("task_id", "sample_id", "group").unique().sort("task_id", "sample_id")
        groups = tuple(items["group"].to_list())
        times = draws(groups, resamples, seed)
        for dimension in sorted(rows["dimension"].unique()):
            mine = rows.filter(pl.col("dimension") == dimension)
            judges, people = (_raters(mine, items, kind) for kind in ("judge", "person"))
            yield Sheet(task_id, dimension, groups, judges, people, times)


def comparisons(sheet: Sheet) -> list[Compared]:
    """Return who agrees with whom: people first, then judges with people, then judges."""
    return [
        Compared(sheet.task_id, sheet.dimension, kind, tuple(raters), agreement(raters, sheet.times))
        for kind, raters in _pairs(sheet)
    ]


def biases(sheet: Sheet) -> list[Bias]:
    """Return how far each judge lies above people: in all, then at each level that people give."""
    people = sheet.mean_of_people
    found = []
    for judge, given in sheet.judges.items():
        both = np.isfinite(people) & np.isfinite(given)
        levels: Sequence[int | None] = [None, *np.unique(np.floor(people[both] + 0.5)).astype(int).tolist()]
        for level in levels if sheet.people else ():
            rows = both if level is None else both & (np.floor(people + 0.5) == level)
            apart = _mean(given[rows] - people[rows], sheet.times[:, rows])
            found.append(Bias(sheet.task_id, sheet.dimension, judge, level, apart))
    return found


def _by_task(scores: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    tasks = sorted(scores["task_id"].unique())
    yield from ((task, scores.filter(pl.col("task_id") == task)) for task in tasks)
    if len(tasks) > 1:
        yield ALL_TASKS, scores


def _raters(rows: pl.DataFrame, items: pl.DataFrame, kind: str) -> dict[str, Floats]:
    mine = rows.filter(pl.col("kind") == kind)
    found = {}
    for name in sorted(mine["rater"].unique()):
        own = mine.filter(pl.col("rater") == name).select("task_id", "sample_id", "score")
        joined = items.join(own, on=["task_id", "sample_id"], how="left", maintain_order="left")
        found[name] = joined["score"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return found


def _pairs(sheet: Sheet) -> Iterator[tuple[Kind, dict[str, Floats]]]:
    people, judges = sheet.people, sheet.judges
    for one, other in combinations(people, 2):
        yield "person and person", {one: people[one], other: people[other]}
    if len(people) > 2:
        yield "all people", dict(people)
    for judge, given in judges.items():
        for one in people:
            yield "judge and person", {judge: given, one: people[one]}
        if len(people) > 1:
            yield "judge and mean of people", {judge: given, PEOPLE: sheet.mean_of_people}
    for one, other in combinations(judges, 2):
        yield "judge and judge", {one: judges[one], other: judges[other]}


def _mean(values: Floats, times: Floats) -> Estimate:
    """Return the mean of [n] values with its interval, [1 + b, n] drawn."""
    n = times.sum(axis=1)
    drawn = np.where(n > 0, times @ values / np.maximum(n, 1), np.nan)
    return interval(drawn, len(values)) if len(values) else Estimate(None, None, None, 0, "no item has both scores")
