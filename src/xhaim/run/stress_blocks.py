"""Blocks of features emptied, taken from another patient, or made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.events import EVENT_SCHEMA
from xhaim.modality.concepts import concept_features
from xhaim.modality.earlier_films import earlier_films, film_labels
from xhaim.modality.time_series import statistics, wide
from xhaim.records import Features
from xhaim.run.stress_facts import drawn
from xhaim.signals import catalogue
from xhaim.task import Task


def emptied(features: Features, block: str, task: Task, times: Mapping[str, datetime]) -> Features:
    """Return the features with one block as the steps leave it where there is nothing; ``times``: prediction times."""
    ids = features.sample_ids
    if block in features.texts:
        return replace(features, texts={**features.texts, block: ("",) * len(ids)})
    start, end = features.blocks[block]
    rows = np.full((len(ids), end - start), np.nan, np.float32)
    if block == "concepts":
        rows = np.array([concept_features(task, [], times[sample_id]) for sample_id in ids], np.float32)
    if block == "earlier_films":
        nothing = pl.DataFrame(schema={"sample_id": pl.String(), **EVENT_SCHEMA})
        frame = earlier_films(film_labels(nothing), {sample_id: times[sample_id] for sample_id in ids})
        rows = frame.cast(pl.Float32).fill_null(float("nan")).to_numpy()
    return with_columns(features, block, rows)


def swapped(features: Features, block: str, subjects: Mapping[str, int]) -> Features:
    """Return the features with one block of another patient among them, the same one for all blocks.

    ``subjects``: sample_id -> subject. Where all samples are of one subject, nothing is swapped.
    """
    ids = features.sample_ids
    order = sorted(range(len(ids)), key=lambda row: (drawn("swap", ids[row]).random(), ids[row]))
    partner = np.arange(len(ids))
    for at, row in enumerate(order):
        after = (order[(at + step) % len(order)] for step in range(1, len(order)))
        partner[row] = next((other for other in after if subjects[ids[other]] != subjects[ids[row]]), row)
    if block in features.texts:
        return replace(features, texts={**features.texts, block: tuple(features.texts[block][row] for row in partner)})
    start, end = features.blocks[block]
    return with_columns(features, block, features.values[partner, start:end])


def series(values: pl.DataFrame, features: Features) -> NDArray[np.float32]:
    """Return the time-series block of the features' samples, made of these values."""
    _, frame = wide(statistics(values), features.sample_ids, catalogue())
    return frame.cast(pl.Float32).fill_null(float("nan")).to_numpy()


def with_columns(features: Features, block: str, rows: NDArray[np.float32]) -> Features:
    """Return the features with other values in one numeric block; without such a block as they are."""
    if block not in features.blocks:
        return features
    start, end = features.blocks[block]
    values = features.values.copy()
    values[:, start:end] = rows
    return replace(features, values=values)
