"""What the statistics of judging say, as the tables and the figure of the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.evaluate.figures import Figure
from xhaim.evaluate.judging_tables import (
    Row,
    bias_table,
    calibration_table,
    discrimination_table,
    pair_table,
    reliability_table,
    score_table,
    size_table,
)
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.ridge_plot import Ridge, ridge_figure
from xhaim.evaluate.typed_table import Cell, Table
from xhaim.judge.agreement import STATISTICS, Estimate
from xhaim.judge.agreement_pairs import PAIR
from xhaim.judge.agreement_rows import ALL_TASKS, Bias, Compared, Sheet, biases, comparisons, means, sheets
from xhaim.judge.agreement_sizes import Size, sizes
from xhaim.judge.calibration import Calibrated, calibrate
from xhaim.judge.item_response import Question, item_response
from xhaim.records import DIMENSIONS

_RELIABILITY = tuple(name for name in STATISTICS if name not in PAIR)


@dataclass(frozen=True, slots=True)
class Findings:
    """All statistics of one run's scores."""

    judges: tuple[str, ...]
    people: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    compared: tuple[Compared, ...]
    biases: tuple[Bias, ...]
    calibrated: tuple[tuple[Sheet, str, Calibrated], ...]
    """Sheet, judge, and what the map to people changes."""
    questions: tuple[tuple[str, Question], ...]
    """Task and question."""


def findings(scores: pl.DataFrame, *, resamples: int, seed: int) -> Findings:
    """Compute everything that the tables show of ``scores`` (``agreement_rows.SCORES_SCHEMA``)."""
    every = tuple(sheets(scores, resamples=resamples, seed=seed))

    def named(kind: str) -> tuple[str, ...]:
        return tuple(sorted(scores.filter(pl.col("kind") == kind)["rater"].unique()))

    return Findings(
        named("judge"),
        named("person"),
        every,
        tuple(one for sheet in every for one in comparisons(sheet)),
        tuple(one for sheet in every for one in biases(sheet)),
        tuple(
            (sheet, judge, calibrate(given, sheet.mean_of_people, sheet.groups, resamples=resamples, seed=seed))
            for sheet in every
            if sheet.people
            for judge, given in sheet.judges.items()
        ),
        tuple((task, one) for task in _tasks(every) for one in _questions([s for s in every if s.task_id == task])),
    )


def tables(found: Findings, scores: pl.DataFrame, width: float, stamps: tuple[str, ...]) -> tuple[Table, ...]:
    """Return every table that these scores permit: those that compare with people only where people have scored."""
    names = dimensions(scores)
    judges = scores.filter(pl.col("kind") == "judge")
    made = []
    if found.people:
        caption = "Table 3: Explanation quality, on the explanations that people scored"
        made.append(score_table("table-3", caption, names, _mean_rows(scored_by_people(scores), names), stamps))
    if found.judges:
        caption = "Table 4: Explanation quality by judges, on all explanations that they judged"
        made.append(score_table("table-4", caption, names, _mean_rows(judges, names), stamps))
    made.append(pair_table([_pair(one, tuple(PAIR)) for one in found.compared if len(one.raters) == 2], stamps))
    made.append(reliability_table([_pair(one, _RELIABILITY) for one in found.compared], stamps))
    if found.people and found.judges:
        made.append(bias_table([_bias(one) for one in found.biases], stamps))
        rows = [row for sheet, judge, one in found.calibrated for row in _calibration(sheet, judge, one)]
        made.append(calibration_table(rows, stamps))
    made.append(discrimination_table([_discrimination(task, one) for task, one in found.questions], stamps))
    made.append(size_table([_size(one) for one in sizes(found.sheets, found.compared, width)], width, stamps))
    return tuple(made)


def figure(found: Findings, scores: pl.DataFrame, stamps: tuple[str, ...]) -> Figure:
    """Return Figure 2: on what people scored, else on all that judges judged."""
    rows = scored_by_people(scores) if found.people else scores
    ridges = []
    order = rows.select("kind", "rater", "task_id").unique().sort(pl.col("kind") != "person", "rater", "task_id")
    for _, rater, task in order.iter_rows():
        mine = rows.filter((pl.col("rater") == rater) & (pl.col("task_id") == task)).drop_nulls("score")
        counts: dict[str, dict[int, int]] = {
            name: dict(part.group_by("score").len().sort("score").iter_rows())
            for name in DIMENSIONS
            if not (part := mine.filter(pl.col("dimension") == name)).is_empty()
        }
        ridges.append(Ridge(task, rater, counts))
    where = "on the explanations that people scored" if found.people else "judges only"
    caption = f"Figure 2: Distribution of scores, smoothed around each whole score, means dashed; {where}"
    return ridge_figure("figure-2", caption, ridges, DIMENSIONS, stamps)


def dimensions(scores: pl.DataFrame) -> tuple[str, ...]:
    """Return the three dimensions of the paper, then further axes by name."""
    there = set(scores["dimension"].unique())
    return (*(name for name in DIMENSIONS if name in there), *sorted(there - set(DIMENSIONS)))


def scored_by_people(scores: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the items that at least one person gave a score."""
    items = scores.filter((pl.col("kind") == "person") & pl.col("score").is_not_null())
    return scores.join(items.select("task_id", "sample_id").unique(), on=["task_id", "sample_id"], how="semi")


def _tasks(every: Sequence[Sheet]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sheet.task_id for sheet in every if sheet.task_id != ALL_TASKS))


def _questions(of_task: Sequence[Sheet]) -> list[Question]:
    """Ask on the items that people scored, where there are any: a judge's many others would drown theirs."""
    asked = dict[tuple[str, str], NDArray[np.float64]]()
    there = np.any([np.isfinite(sheet.mean_of_people) for sheet in of_task], axis=0)
    kept = there if there.any() else np.ones_like(there)
    for sheet in of_task:
        if sheet.dimension in DIMENSIONS:
            asked |= {
                (rater, sheet.dimension): x[kept] for rater, x in (dict(sheet.people) | dict(sheet.judges)).items()
            }
    return item_response(asked) if asked else []


def _mean_rows(scores: pl.DataFrame, names: Sequence[str]) -> list[Row]:
    rows: dict[tuple[str, str, str], dict[str, Cell]] = {}
    for one in means(scores):
        row = rows.setdefault((one.task_id, one.kind, one.rater), {"task": one.task_id, "rater": one.rater})
        none = Unscored(f"none of {one.missing} items has a score")
        row |= {one.dimension: none if one.mean is None else one.mean, f"{one.dimension}_sd": one.sd}
        row[f"{one.dimension}_n"] = one.n
    return [row | {f"{name}_n": row.get(f"{name}_n", 0) for name in names} for row in rows.values()]


def _cells(name: str, one: Estimate) -> dict[str, Cell]:
    there = one.low is not None and one.high is not None
    interval: Cell = (one.low, one.high) if there else Unscored(one.reason or "no reason was given")  # type: ignore[assignment]
    return {name: _reason_or(one.value, one.reason), f"{name}_interval": interval}


def _reason_or(value: float | None, reason: str | None) -> Cell:
    return Unscored(reason or "no reason was given") if value is None else value


def _pair(one: Compared, names: Sequence[str]) -> Row:
    known = [one.found[name] for name in names]
    cells = {key: cell for name in names for key, cell in _cells(name, one.found[name]).items()}
    raters = ", ".join(one.raters)
    return {"task": one.task_id, "dimension": one.dimension, "raters": raters, "items": known[0].items, **cells}


def _bias(one: Bias) -> Row:
    level = "all" if one.level is None else str(one.level)
    cells = _cells("difference", one.difference)
    return {"task": one.task_id, "dimension": one.dimension, "judge": one.judge, "level": level,
            "items": one.difference.items, **cells}  # fmt: skip


def _calibration(sheet: Sheet, judge: str, one: Calibrated) -> Iterator[Row]:
    head: Row = {"task": sheet.task_id, "dimension": sheet.dimension, "judge": judge, "items": one.report_items}
    for when, values in (("as given", one.before), ("calibrated", one.after)):
        cells: dict[str, Cell] = {}
        for name in ("error", "bias", "kappa", "spearman"):
            cells |= _cells(name, values.get(name) or Estimate(None, None, None, 0, one.reason or "too many values"))
        yield {**head, "when": when, **cells}


def _discrimination(task: str, one: Question) -> Row:
    a = Estimate(one.discrimination, one.low, one.high, one.items, one.reason)
    verdict = "not computed" if one.discriminates is None else "yes" if one.discriminates else "no"
    hard = _reason_or(one.difficulty, one.reason or "discrimination near 0")
    head: Row = {"task": task, "rater": one.rater, "dimension": one.dimension, "items": one.items, "met": one.met}
    return {**head, "difficulty": hard, "verdict": verdict, **_cells("discrimination", a)}


def _size(one: Size) -> Row:
    named = ("dimension", "what", "value", "items", "now", "needed")
    return {"task": one.task_id, **{name: getattr(one, name) for name in named}}
