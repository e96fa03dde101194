"""What an explanation is told of a model: one prediction, what adds most to it, how it ranked its test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from xhaim.evaluate.compare import auc_interval, rows_of_test
from xhaim.evaluate.metrics import Unscored, auc
from xhaim.explain.facts import Films, ModelFacts, Ranking
from xhaim.label_rules import FindingLabel
from xhaim.modality.earlier_films import film_labels
from xhaim.records import Features, Sample
from xhaim.run.image_numbers import earlier_paths
from xhaim.run.known import Known
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.model import Model
    from xhaim.predict.risks import Risks

NAMED_COLUMNS = 6
"""Columns that an explanation names."""


def model_facts(
    task: Task, sample: Sample, model: Model, row: Features, risks: Risks, known: Known, tested: Ranking
) -> ModelFacts:
    """Return the model's facts about one sample: its features are ``row``, its prediction ``risks`` (n = 1)."""
    values, names, blocks = model.contributions(row)
    return ModelFacts(
        base_rate=model.facts.base_rate,
        threshold=model.facts.operating_point.threshold,
        sensitivity=model.facts.operating_point.sensitivity,
        contributions={name: float(values[0, a:b].sum()) for name, (a, b) in blocks.items()},
        risk=float(risks.risk[0]),
        low=number(risks.low[0]),
        high=number(risks.high[0]),
        abstains=bool(risks.outcomes[0].all()),
        n_train=model.facts.n_train,
        n_validation=model.facts.n_validation,
        model_name="xhaim",
        tested=tested,
        columns=_named(names, values[0, :-1]),
        films=films_of(task, sample, known, row),
    )


def ranking(predictions: Path, task_id: str) -> Ranking:
    """Return how the model ranked its test part, of the file of a split's predictions."""
    rows = rows_of_test(pl.read_parquet(predictions), task_id, "xhaim")
    score = auc(rows["label"], rows["raw"])
    interval = Unscored("no AUC") if isinstance(score, Unscored) else auc_interval(rows)
    low, high = (None, None) if isinstance(interval, Unscored) else interval
    known = None if isinstance(score, Unscored) else score
    return Ranking(rows.height, int(rows["label"].sum()), known, low, high)


def films_of(task: Task, sample: Sample, known: Known, row: Features) -> Films:
    """Return what the model had of chest films beside their reports, for one sample whose features are ``row``."""
    finding = task.label.finding if isinstance(task.label, FindingLabel) else None
    labels = film_labels(known.events).filter(pl.col("finding") == (finding or "")).drop_nulls("study_id")
    paths = earlier_paths(known.events, pl.DataFrame([asdict(sample)])) if "earlier_image" in row.blocks else {}
    path = paths.get(sample.sample_id, ("", 0.0))[0]
    score = None
    if f"image network, {finding}" in row.names:
        log_odds = float(row.values[0, row.names.index(f"image network, {finding}")])
        score = None if np.isnan(log_odds) else float(expit(log_odds))
    return Films(
        dict(labels.select("study_id", "label").iter_rows()),
        next((one for one in known.images.get(sample.sample_id, ()) if one.path == path), None),
        score,
    )


def _named(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    """Return the named columns that add most, at least 0.05 log-odds, greatest first; no dimension of an embedding."""
    named = [place for place, name in enumerate(names) if "summary, dimension " not in name]
    first = sorted(named, key=lambda place: (-abs(values[place]), names[place]))[:NAMED_COLUMNS]
    return {names[place]: float(values[place]) for place in first if abs(values[place]) >= 0.05}


def number(value: float) -> float | None:
    """Return a number; ``None`` for NaN."""
    return None if np.isnan(value) else float(value)
