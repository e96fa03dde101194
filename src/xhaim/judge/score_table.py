"""The scores of one judge as a table: mean and SD of each task and dimension, and why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from xhaim.records import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """The scores of one task and dimension."""

    task_id: str
    dimension: str
    scored: int
    unscored: int
    mean: float | None
    """``None`` without a score."""
    sd: float | None
    """Of the sample; ``None`` with fewer than two scores."""


def rows_of(verdicts: Sequence[Verdict]) -> tuple[Row, ...]:
    """Return a row for each task and dimension, in the order of the scores."""
    rows = []
    for task_id in sorted({one.task_id for one in verdicts}):
        mine = [one for one in verdicts if one.task_id == task_id]
        for name in dict.fromkeys(name for one in mine for name in one.scores):
            every = [one.scores.get(name) for one in mine]
            scores = [score for score in every if score is not None]
            average, spread = mean(scores) if scores else None, stdev(scores) if len(scores) > 1 else None
            rows.append(Row(task_id, name, len(scores), len(every) - len(scores), average, spread))
    return tuple(rows)


def why_none(verdicts: Sequence[Verdict]) -> tuple[tuple[str, int], ...]:
    """Return why there is no score, and how often, the most frequent first."""
    every = [one.reasons.get(name, "") for one in verdicts for name, score in one.scores.items() if score is None]
    return tuple(sorted(((why, every.count(why)) for why in set(every)), key=lambda pair: (-pair[1], pair[0])))


def table(rows: Sequence[Row]) -> list[str]:
    """Return the rows as lines for a terminal, with a heading."""
    lines = [f"{'task':24} {'dimension':24} {'n':>5} {'none':>5} {'mean':>6} {'SD':>6}"]
    for one in rows:
        average, spread = ("-" if x is None else f"{x:.2f}" for x in (one.mean, one.sd))
        lines.append(f"{one.task_id:24} {one.dimension:24} {one.scored:5} {one.unscored:5} {average:>6} {spread:>6}")
    return lines
