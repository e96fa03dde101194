"""The worklist: who has which risk, by one task at a time; filtered, searched, sorted and cut into pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args
from urllib.parse import urlencode

import polars as pl

from xhaim.serve.clinic.worklist_row import Row, row_of
from xhaim.serve.predicted import SCHEMA
from xhaim.serve.results import StoredRun

Side = Literal["all", "above", "below", "abstains", "arrived", "unstored"]
"""``arrived``: patients whose data came while the server ran, without a risk too; ``unstored``: samples of the run of
which no held-out prediction is stored; ``all``: whoever has a risk."""
Sort = Literal["risk", "newest", "rise", "unsure", "stay"]
ARRIVED = {**SCHEMA, "arrived": pl.Boolean(), "name": pl.String(), "who": pl.String()}
"""``name``: what FHIR calls a patient who arrived; null for the run's own. ``who``: the same in all of their rows."""
PAGE = 50
"""Rows of a page."""
MAX_SEARCH = 80
_SORTS: dict[str, tuple[list[str], list[bool]]] = {
    "risk": (["risk"], [True]),
    "newest": (["arrived", "prediction_time"], [True, True]),  # a run's own patients stay as they were
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
class Worklist:
    """One page of the list."""

    rows: tuple[Row, ...]
    found: int
    first: int
    pages: int
    counts: Mapping[str, int]
    """Side -> samples of the task, whatever is searched for."""


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


def worklist(
    run: StoredRun, query: Query, subjects: frozenset[int] | None, arrived: pl.DataFrame | None = None
) -> Worklist:
    """Return a page of the samples that a user may see (``None``: all). Equal rows follow each other by sample id.

    ``arrived``: patients who are not of the run (``ARRIVED``), a row for each task; without a risk where it gives none.
    """
    everyone = _mine(_everyone(run, arrived), subjects)
    asked = everyone.filter(pl.col("task_id") == query.task_id).with_columns(
        (pl.col("risk") - pl.col("previous")).alias("change"), (pl.col("high") - pl.col("low")).alias("width"), _side()
    )
    mine, came = asked.filter(pl.col("risk").is_not_null()), asked.filter("arrived")
    unstored = _unstored(_mine(run.samples, subjects), mine)
    sides = {"all": mine, "arrived": came, "unstored": unstored}
    counts = dict(mine.group_by("side").len().iter_rows()) | {name: one.height for name, one in sides.items()}
    counts["stored"] = mine.height - mine.filter("arrived").height
    found = sides[query.side] if query.side in sides else mine.filter(pl.col("side") == query.side)
    if query.search:
        found = found.filter(_matches(query.search))
    by, falling = _SORTS[query.sort]
    pages = max(1, -(-found.height // PAGE))
    first = (min(query.page, pages) - 1) * PAGE
    shown = found.sort([*by, "sample_id"], descending=[*falling, False], nulls_last=True).slice(first, PAGE)
    others = everyone.filter(pl.col("who").is_in(shown["who"].to_list()) & (pl.col("task_id") != query.task_id))
    return Worklist(
        rows=tuple(row_of(row, others, query.task_id, run.tasks) for row in shown.iter_rows(named=True)),
        found=found.height,
        first=first + 1 if found.height else 0,
        pages=pages,
        counts=counts,
    )


def _everyone(run: StoredRun, arrived: pl.DataFrame | None) -> pl.DataFrame:
    """Return all rows (``ARRIVED``), those of the run first."""
    stored = run.predictions.with_columns(
        arrived=pl.lit(value=False), name=pl.lit(None, pl.String()), who=pl.col("sample_id")
    )
    return stored if arrived is None else pl.concat([stored, arrived.select(stored.columns)])


def _mine(frame: pl.DataFrame, subjects: frozenset[int] | None) -> pl.DataFrame:
    return frame if subjects is None else frame.filter(pl.col("subject_id").is_in(sorted(subjects)))


def _unstored(drawn: pl.DataFrame, mine: pl.DataFrame) -> pl.DataFrame:
    """Return rows as those of ``mine`` for the samples that have none, with nothing but who and when."""
    left = drawn.join(mine, on="sample_id", how="anti").select(
        "sample_id", "subject_id", "stay_id", "prediction_time",
        pl.lit("none").alias("side"), pl.lit(value=False).alias("arrived"), pl.col("sample_id").alias("who"),
    )  # fmt: skip
    return pl.concat([mine.clear(), left], how="diagonal")


def _side() -> pl.Expr:
    acts = pl.when(pl.col("risk") >= pl.col("threshold")).then(pl.lit("above")).otherwise(pl.lit("below"))
    said = pl.when(pl.col("abstains").fill_null(value=False)).then(pl.lit("abstains")).otherwise(acts)
    return pl.when(pl.col("risk").is_null()).then(pl.lit("none")).otherwise(said).alias("side")


def _matches(search: str) -> pl.Expr:
    numbers = [pl.col(name).cast(pl.String).str.starts_with(search) for name in ("stay_id", "subject_id")]
    named = [pl.col(name).str.starts_with(search) for name in ("sample_id", "name")]
    return pl.any_horizontal(*named, *numbers).fill_null(value=False)
