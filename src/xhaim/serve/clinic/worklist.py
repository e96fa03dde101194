"""The worklist: who has which risk, by one task at a time; filtered, searched, sorted and cut into pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast, get_args
from urllib.parse import urlencode

import polars as pl

from xhaim.evaluate.wording import MINUS, interval, moment, percent, share
from xhaim.serve.results import StoredRun
from xhaim.task import Task

Side = Literal["all", "above", "below", "abstains"]
Sort = Literal["risk", "newest", "rise", "unsure", "stay"]
PAGE = 50
"""Rows of a page."""
MAX_SEARCH = 80
_SORTS: dict[str, tuple[list[str], list[bool]]] = {
    "risk": (["risk"], [True]),
    "newest": (["prediction_time"], [True]),
    "rise": (["change"], [True]),
    "unsure": (["width"], [True]),
    "stay": ([], []),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What of the worklist is wanted."""

    task_id: str
    search: str = ""
    """The beginning of a stay's, a patient's or a sample's number."""
    side: Side = "all"
    sort: Sort = "risk"
    page: int = 1

    def address(self, **changes: Any) -> str:  # noqa: ANN401  (fields of this class)
        """Return the address of the same list with something changed; a change goes back to the first page."""
        wanted = replace(self, **({"page": 1} | changes))
        named = {
            "task": wanted.task_id,
            "q": wanted.search,
            "side": wanted.side,
            "sort": wanted.sort,
            "page": wanted.page,
        }
        usual = {"q": "", "side": "all", "sort": "risk", "page": 1}
        told = urlencode({name: value for name, value in named.items() if usual.get(name) != value})
        return f"/?{told}"


@dataclass(frozen=True, slots=True)
class Row:
    """One sample."""

    sample_id: str
    name: str
    subject_id: int
    when: str
    risk: str
    interval: str
    low: float | None
    high: float | None
    place: float
    """The risk within 0.01 and 0.99, as the bar shows it."""
    threshold: float
    side: str
    """``above``, ``below`` or ``abstains``."""
    side_words: str
    change: str
    """Since the stay's prediction before; empty where there is none."""
    rising: bool
    calibrated_on: bool
    """The calibration was fitted on this sample: its risk is not quite that of a new patient."""
    others: tuple[tuple[str, str, str], ...]
    """(task id, title, risk) of the sample's other tasks."""


@dataclass(frozen=True, slots=True)
class Worklist:
    """One page of the list."""

    rows: tuple[Row, ...]
    found: int
    first: int
    pages: int
    counts: Mapping[str, int]
    """Side -> samples of the task, whatever is searched for."""
    unpredicted: int
    """Samples of the run for which no held-out prediction of the task is stored."""


def query_of(run: StoredRun, values: Mapping[str, str]) -> Query:
    """Return what an address asks for; what it cannot mean is passed over."""
    ids = [task.id for task in run.tasks]
    page = values.get("page", "1")
    return Query(
        task_id=values["task"] if values.get("task") in ids else ids[0],
        search=values.get("q", "").strip()[:MAX_SEARCH],
        side=cast("Side", values["side"]) if values.get("side") in get_args(Side) else "all",
        sort=cast("Sort", values["sort"]) if values.get("sort") in get_args(Sort) else "risk",
        page=min(max(1, int(page)), 1_000_000) if page.isascii() and page.isdigit() and len(page) < 8 else 1,
    )


def worklist(run: StoredRun, query: Query, subjects: frozenset[int] | None) -> Worklist:
    """Return a page of the samples that a user may see (``None``: all). Equal rows follow each other by sample id."""
    everyone = _mine(run.predictions, subjects)
    mine = everyone.filter(pl.col("task_id") == query.task_id).with_columns(
        (pl.col("risk") - pl.col("previous")).alias("change"), (pl.col("high") - pl.col("low")).alias("width"), _side()
    )
    counts = dict(mine.group_by("side").len().iter_rows())
    found = mine if query.side == "all" else mine.filter(pl.col("side") == query.side)
    if query.search:
        found = found.filter(_matches(query.search))
    by, falling = _SORTS[query.sort]
    pages = max(1, -(-found.height // PAGE))
    first = (min(query.page, pages) - 1) * PAGE
    shown = found.sort([*by, "sample_id"], descending=[*falling, False], nulls_last=True).slice(first, PAGE)
    others = everyone.filter(
        pl.col("sample_id").is_in(shown["sample_id"].to_list()) & (pl.col("task_id") != query.task_id)
    )
    drawn = _mine(run.samples, subjects).height
    return Worklist(
        rows=tuple(_row(row, others, run.tasks) for row in shown.iter_rows(named=True)),
        found=found.height,
        first=first + 1 if found.height else 0,
        pages=pages,
        counts={"all": mine.height, **counts},
        unpredicted=drawn - mine.height,
    )


def _mine(frame: pl.DataFrame, subjects: frozenset[int] | None) -> pl.DataFrame:
    return frame if subjects is None else frame.filter(pl.col("subject_id").is_in(sorted(subjects)))


def _side() -> pl.Expr:
    acts = pl.when(pl.col("risk") >= pl.col("threshold")).then(pl.lit("above")).otherwise(pl.lit("below"))
    return pl.when(pl.col("abstains").fill_null(value=False)).then(pl.lit("abstains")).otherwise(acts).alias("side")


def _matches(search: str) -> pl.Expr:
    numbers = [pl.col(name).cast(pl.String).str.starts_with(search) for name in ("stay_id", "subject_id")]
    return pl.any_horizontal(pl.col("sample_id").str.starts_with(search), *numbers).fill_null(value=False)


def _row(row: dict[str, Any], others: pl.DataFrame, tasks: tuple[Task, ...]) -> Row:
    titles = {task.id: task.title for task in tasks}
    mine = others.filter(pl.col("sample_id") == row["sample_id"])
    risks = dict(mine.select("task_id", "risk").iter_rows())
    words = {
        "above": f"at or above {share(row['threshold'])}",
        "below": f"below {share(row['threshold'])}",
        "abstains": "abstains",
    }
    return Row(
        sample_id=row["sample_id"],
        name=f"Stay {row['stay_id']}" if row["stay_id"] is not None else f"Sample {row['sample_id']}",
        subject_id=row["subject_id"],
        when=moment(row["prediction_time"]),
        risk=percent(row["risk"]),
        interval=interval(row["low"], row["high"]).removeprefix("90 % interval "),
        low=row["low"],
        high=row["high"],
        place=min(max(row["risk"], 0.01), 0.99),
        threshold=row["threshold"],
        side=row["side"],
        side_words=words[row["side"]],
        change=_change(row["change"], row["previous_time"], row["prediction_time"]),
        rising=(row["change"] or 0.0) > 0,
        calibrated_on=row["part"] == "validation",
        others=tuple((task.id, titles[task.id], percent(risks[task.id])) for task in tasks if task.id in risks),
    )


def _change(change: float | None, before: datetime | None, now: datetime) -> str:
    if change is None or before is None:
        return ""
    hours = (now - before).total_seconds() / 3600
    points = f"{100 * change:+.0f}".replace("-", MINUS)
    return f"{points} points in {hours:.0f} h" if abs(change) >= 0.005 else f"unchanged in {hours:.0f} h"
