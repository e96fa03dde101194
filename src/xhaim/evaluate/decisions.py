"""What decisions by a risk are worth: sensitivity at a specificity, Youden's threshold, net benefit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from sklearn.metrics import roc_curve

from xhaim.evaluate.compare import Estimate, over_splits
from xhaim.evaluate.metrics import Score, Unscored, too_few

_ROUNDING = 1e-12


def sensitivity_at(labels: ArrayLike, scores: ArrayLike, specificity: float) -> Score:
    """Return the highest sensitivity of any threshold whose specificity on these rows is at least ``specificity``."""
    if few := too_few(labels):
        return few
    false_rate, true_rate, _ = roc_curve(labels, scores, drop_intermediate=False)
    return float(true_rate[false_rate <= 1 - specificity + _ROUNDING].max())


def youden(labels: ArrayLike, scores: ArrayLike) -> Score:
    """Return the threshold (``score >= threshold`` is flagged) of the largest sensitivity + specificity - 1.

    The highest of several; ``Unscored`` where none does better than chance.
    """
    if few := too_few(labels):
        return few
    false_rate, true_rate, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    best = int(np.argmax(np.round(true_rate - false_rate, 12)))
    if true_rate[best] - false_rate[best] <= _ROUNDING:
        return Unscored("no threshold is better than chance")
    return float(thresholds[best])


@dataclass(frozen=True, slots=True)
class Operating:
    """Youden's threshold of each split's validation rows, and what it does on its test rows; means over the splits."""

    threshold: Estimate | Unscored
    """Of the raw score."""
    sensitivity: Estimate | Unscored
    specificity: Estimate | Unscored


def operating(validation: pl.DataFrame, test: pl.DataFrame) -> Operating:
    """Choose on validation, look at test: rows of one model with split, label and raw."""
    thresholds: list[Score] = []
    found: dict[int, list[Score]] = {0: [], 1: []}
    for key, part in test.group_by("split", maintain_order=True):
        mine = validation.filter(pl.col("split") == key[0])
        threshold = too_few(part["label"]) or youden(mine["label"], mine["raw"])
        thresholds.append(threshold)
        for outcome in (0, 1):
            if isinstance(threshold, Unscored):
                found[outcome].append(threshold)
                continue
            flagged = part.filter(pl.col("label") == outcome)["raw"].to_numpy() >= threshold
            found[outcome].append(float(np.mean(flagged == bool(outcome))))
    return Operating(over_splits(thresholds), over_splits(found[1]), over_splits(found[0]))


def net_benefit(labels: ArrayLike, risks: ArrayLike, threshold: float) -> Score:
    """Return true positives less false positives at the odds of the threshold, each of all rows (Vickers and Elkin).

    Whoever has ``risk >= threshold`` is treated. In true positives for each row: 0.05 is five in a hundred found for
    nothing lost.
    """
    y, p = np.asarray(labels), np.asarray(risks, dtype=float)
    if few := too_few(y):
        return few
    treated = p >= threshold
    gain, loss = (y[treated] == 1).sum(), (y[treated] == 0).sum()
    return float((gain - loss * threshold / (1 - threshold)) / y.size)


def treat_all(labels: ArrayLike, threshold: float) -> Score:
    """Return the net benefit of treating everybody; that of treating nobody is 0."""
    return net_benefit(labels, np.ones(np.asarray(labels).size), threshold)


@dataclass(frozen=True, slots=True)
class Benefit:
    """One point of a decision curve, means over the splits."""

    threshold: float
    model: Estimate | Unscored
    everybody: Estimate | Unscored
    """The net benefit of treating everybody."""


def decision_curve(rows: pl.DataFrame, thresholds: Sequence[float]) -> tuple[Benefit, ...]:
    """Return the decision curve of one model's test rows with split, label and calibrated ``risk``."""
    parts = [(part["label"], part["risk"]) for _, part in rows.group_by("split", maintain_order=True)]
    return tuple(
        Benefit(
            threshold,
            over_splits([net_benefit(y, p, threshold) for y, p in parts]),
            over_splits([treat_all(y, threshold) for y, _ in parts]),
        )
        for threshold in thresholds
    )
