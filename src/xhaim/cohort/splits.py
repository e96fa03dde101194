"""Train, validation and test: repeated, stratified, grouped by subject (paper: five of 80/20)."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from xhaim.config import SplitSettings

SPLIT_SCHEMA = {"split": pl.Int64(), "sample_id": pl.String(), "part": pl.String()}


def split(labelled: pl.DataFrame, settings: SplitSettings) -> pl.DataFrame:
    """Return split (i64), sample_id, part (train, validation or test), ordered by split and sample_id.

    ``labelled``: sample_id, subject_id, label without nulls. No subject is in two parts of one split. Each split is
    drawn by its own seed, so that more repeats leave the earlier ones as they are.
    """
    frame = labelled.sort("sample_id")
    y = frame["label"].to_numpy()
    groups = frame["subject_id"].to_numpy()
    rows = []
    for repeat in range(settings.repeats):
        part = np.full(len(y), "train", dtype=object)
        everyone = np.arange(len(y))
        test = _draw(everyone, y, groups, settings.test_share, settings.seed * 1000 + repeat)
        part[test] = "test"
        rest = np.setdiff1d(everyone, test)
        part[_draw(rest, y, groups, settings.validation_share, settings.seed * 1000 + 500 + repeat)] = "validation"
        drawn = {"split": [repeat] * len(y), "sample_id": frame["sample_id"], "part": part.tolist()}
        rows.append(pl.DataFrame(drawn, schema=SPLIT_SCHEMA))  # types for nobody too
    return pl.concat(rows)


def _draw(
    rows: NDArray[np.int64], y: NDArray[np.int8], groups: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.int64]:
    """Draw about ``share`` of the rows, whole subjects, classes in proportion; none where too few to divide."""
    folds = max(2, round(1 / share))
    if len(np.unique(groups[rows])) < folds or np.bincount(y[rows]).max() < folds:
        return rows[:0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer members than folds: the tables say so
        chooser = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
        _, chosen = next(chooser.split(rows, y[rows], groups[rows]))
    drawn: NDArray[np.int64] = rows[chosen]
    return drawn
