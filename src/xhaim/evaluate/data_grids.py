"""Tables about the data of a run in words: who is in it, what was set aside, which reports were withheld."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from xhaim.evaluate.grids import Grid
from xhaim.evaluate.header import RunHeader, stamps
from xhaim.signals import catalogue
from xhaim.task import Task


@dataclass(frozen=True, slots=True)
class DataTables:
    """What the run's data are, as frames."""

    who: pl.DataFrame
    """Rows of ``cohort.table1.TABLE_1_SCHEMA``."""
    set_aside: pl.DataFrame
    """signal, fault, n: admissible values that no feature and no explanation uses."""
    index_reports: pl.DataFrame
    """how, doubtful, known_before, notes, samples: what is, or may be, the report of the index study."""


def data_grids(tables: DataTables, header: RunHeader, tasks: Sequence[Task]) -> tuple[Grid, ...]:
    """Return the tables that have rows, each stamped."""
    ids = tuple(task.id for task in tasks)
    made = (_who(tables.who, header, tasks), _set_aside(tables.set_aside, header, ids))
    reports = _index_reports(tables.index_reports, header, ids)
    return tuple(grid for grid in (*made, reports) if grid.body)


def _who(frame: pl.DataFrame, header: RunHeader, tasks: Sequence[Task]) -> Grid:
    titles = {task.id: task.title for task in tasks}
    body = tuple(
        (
            titles[row["task_id"]],
            row["part"],
            *(f"{row[name]:,}" for name in ("samples", "subjects", "stays")),
            "nobody" if row["positive_share"] is None else f"{row['positives']:,} ({row['positive_share']:.1%})",
            _age(row["age_median"], row["age_low"], row["age_high"]),
            f"{row['female'] / known:.0%}" if (known := row["samples"] - row["sex_unknown"]) else "not known",
        )
        for row in frame.iter_rows(named=True)
        if row["task_id"] in titles and row["samples"]
    )
    return Grid(
        key="table-1b",
        stamps=stamps(header, tuple(titles)),
        caption="Table 1b. Who is in each task, and in each part of the first split",
        columns=("Task", "Part", "Samples", "Subjects", "Stays", "Positive", "Age, median (quartiles)", "Female"),
        body=body,
        notes=("Age in years at the prediction time; each sample counts once. Female: of those whose sex is known.",),
    )


def _age(median: float | None, low: float, high: float) -> str:
    return "not known" if median is None else f"{median:.0f} ({low:.0f}-{high:.0f})"


def _set_aside(frame: pl.DataFrame, header: RunHeader, ids: tuple[str, ...]) -> Grid:
    known = catalogue()
    counts = {(name, fault): n for name, fault, n in frame.select("signal", "fault", "n").iter_rows()}
    faults = sorted({fault for _, fault in counts})
    body = tuple(
        (
            known[name].label if name in known else name,
            *(f"{counts[name, fault]:,}" if (name, fault) in counts else "" for fault in faults),
        )
        for name in sorted({name for name, _ in counts})
    )
    return Grid(
        key="set-aside",
        stamps=stamps(header, ids),
        caption="Values that were known before the prediction and are not used",
        columns=("Signal", *(fault.capitalize() for fault in faults)),
        body=body,
        notes=("A value is never guessed: without a unit that fits, or beyond the possible, it is left out.",),
    )


def _index_reports(frame: pl.DataFrame, header: RunHeader, ids: tuple[str, ...]) -> Grid:
    body = tuple(
        (
            f"{row['how']}{' (doubtful)' if row['doubtful'] else ''}",
            f"{row['notes']:,}",
            f"{row['samples']:,}",
        )
        for row in frame.filter(pl.col("known_before")).iter_rows(named=True)
    )
    return Grid(
        key="index-reports",
        stamps=stamps(header, ids),
        caption="Notes known before the prediction that are, or may be, the report of the index study",
        columns=("Found by", "Notes", "Samples"),
        body=body,
        notes=(
            "All but those found by overlap are kept from models and pages unless the policy is index_included. "
            "Overlap: a note repeats words of a report that came later. samples/index_reports.parquet lists each.",
        ),
    )
