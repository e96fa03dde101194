"""Prediction times and labels that ACES finds in a store by its own task file (https://github.com/justin13601/ACES)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.cohort.given import GIVEN_SCHEMA
from xhaim.errors import PrerequisiteError, TaskError

MAX_BYTES = 1_000_000
"""Of a task file."""


def aces(config: Path, shards: Sequence[Path]) -> pl.DataFrame:
    """Return GIVEN_SCHEMA: what ACES extracts by a task file from the MEDS shards of a store, in their order.

    The task file must name an ``index_timestamp`` and a ``label`` window. Raises PrerequisiteError where ACES is not
    installed, TaskError where the file is none that ACES can read or names neither.
    """
    task = _task(config)
    found = [pl.DataFrame(schema=GIVEN_SCHEMA), *(_extract(task, config, shard) for shard in shards)]
    return pl.concat(found).sort("subject_id", "prediction_time", "label")


def _load(name: str) -> Any:  # noqa: ANN401  (a package without types that may not be there)
    try:
        return importlib.import_module(name)
    except ImportError:
        raise PrerequisiteError(
            "a task of kind aces needs ACES",
            got="es-aces is not installed",
            expected="the extra aces, which brings a Polars below 2",
            do="pip install 'xhaim[aces]'; or run aces-cli in an environment of its own and give its labels to a task "
            "of kind meds_labels",
        ) from None


def _task(config: Path) -> Any:  # noqa: ANN401
    kinds = _load("aces.config")
    if not config.is_file() or config.stat().st_size > MAX_BYTES:
        raise TaskError("$.label.path: no ACES task file", got=config, expected="a YAML file")
    try:
        task = kinds.TaskExtractorConfig.load(config_path=config)
    except Exception as error:  # ACES raises whatever its parsers raise
        raise TaskError(
            f"$.label.path: ACES cannot read {config.name}", got=f"{type(error).__name__}: {str(error)[:300]}"
        ) from None
    if task.index_timestamp_window is None or task.label_window is None:
        raise TaskError(
            f"$.label.path: {config.name} gives no labels",
            got=f"index_timestamp in {task.index_timestamp_window}, label in {task.label_window}",
            expected="a window with index_timestamp, and one with label",
        )
    return task


def _extract(task: Any, config: Path, shard: Path) -> pl.DataFrame:  # noqa: ANN401
    data = _load("omegaconf").DictConfig({"path": str(shard), "standard": "meds", "ts_format": None})
    try:
        rows: pl.DataFrame = _load("aces.query").query(task, _load("aces.predicates").get_predicates_df(task, data))
    except PrerequisiteError:
        raise
    except Exception as error:
        raise TaskError(
            f"$.label.path: ACES cannot apply {config.name} to the store", got=f"{type(error).__name__}"
        ) from None
    if rows.is_empty():
        return pl.DataFrame(schema=GIVEN_SCHEMA)
    named = rows.rename({"index_timestamp": "prediction_time"})
    return named.with_columns((pl.col("label") > 0).alias("label")).select(
        [pl.col(name).cast(kind) for name, kind in GIVEN_SCHEMA.items()]
    )
