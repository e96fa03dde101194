"""The cohort: the tables and figures of the run's report, as they were written, and drift since training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from xhaim.errors import XhaimError
from xhaim.evaluate.data_grids import DataTables, data_grids
from xhaim.evaluate.figures import Figure, figures
from xhaim.evaluate.grids import Grid, grids
from xhaim.evaluate.tables import Tables
from xhaim.run.directory import read_json
from xhaim.run.predictions import PREDICTION_SCHEMA
from xhaim.serve.clinic.drift import Drift, drift
from xhaim.serve.results import StoredRun
from xhaim.task import Task


@dataclass(frozen=True, slots=True)
class Cohort:
    """Everything on the page."""

    grids: tuple[Grid, ...]
    fault: str
    """Why there are no tables; empty where there are."""
    figures: tuple[Figure, ...]
    drifts: tuple[tuple[Task, Drift | None], ...]
    notes: tuple[str, ...]


def cohort(run: StoredRun) -> Cohort:
    """Return the page: tables from ``report.json``, figures drawn from the stored predictions."""
    shown, notes, fault = _tables(run)
    return Cohort(
        shown,
        fault,
        figures(_predictions(run), run.header, run.tasks),
        tuple((task, drift(run, task)) for task in run.tasks),
        notes,
    )


def _tables(run: StoredRun) -> tuple[tuple[Grid, ...], tuple[str, ...], str]:
    path = run.root / "report.json"
    if not path.is_file():
        return (), (), "the report of this run is not written yet"
    try:
        told: dict[str, Any] = read_json(path)
        names = ("table_1", "table_2", "differences")
        tables = TypeAdapter(Tables).validate_python({name: told[name] for name in names})
        data = DataTables(*(pl.DataFrame(told[name]) for name in ("table_1b", "set_aside", "index_reports")))
        first, *rest = grids(tables, run.header)
        about = data_grids(data, run.header, run.tasks) if data.who.height else ()
        return (first, *about, *rest), tuple(map(str, told.get("notes", ()))), ""
    except (XhaimError, ValidationError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError):
        return (), (), "the report of this run was written by another version, and cannot be shown here"


def _predictions(run: StoredRun) -> pl.DataFrame:
    paths = [path for task in run.tasks for path in sorted((run.root / "models" / task.id).glob("split-*.parquet"))]
    return pl.concat(map(pl.read_parquet, paths)) if paths else pl.DataFrame(schema=PREDICTION_SCHEMA)
