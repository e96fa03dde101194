"""What the blocks of features reveal of a patient's sex, race or insurance beyond what demographics say (B14's audit).

A logistic model is fitted from a block's columns to the attribute, in folds; its out-of-fold scores are ranked. One
row for each subject, so that nobody is on both sides and labels can be permuted freely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from xhaim.evaluate.compare import Difference, paired_difference
from xhaim.evaluate.metrics import Score, Unscored, auc

FOLDS = 5
DIRECTIONS = 30
"""Principal components of a block, of the fold's training rows, that the logistic model is given at most."""
LEAST = 20
"""Subjects with and without the attribute below which nothing is fitted."""

Matrix = NDArray[np.float64]
Folds = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
Designs = Sequence[Matrix]
"""Of each fold."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What one block says of one attribute."""

    attribute: str
    block: str
    subjects: int
    having: int
    """Subjects with the attribute."""
    auc: Score
    """Of the block alone."""
    p: float | Unscored
    """Of an AUC as high or higher with the attribute permuted among the subjects."""
    demographics: Score
    """AUC of the other demographics alone."""
    beyond: Difference | Unscored
    """AUC of demographics and the block, less that of demographics alone."""
    everything: Score
    """AUC of all blocks and demographics."""
    dropped: Score
    """The same without this block (drop one)."""


def audit(
    attribute: str,
    having: NDArray[np.bool_],
    demographics: Matrix,
    blocks: Mapping[str, Matrix],
    *,
    permutations: int = 100,
    seed: int = 0,
) -> Sequence[Hidden]:
    """Return one row for each block.

    Args:
        attribute: Its name, as in ``insurance: MEDICAID``.
        having: [n], one row for each subject.
        demographics: [n, d], the other demographics; NaN = missing.
        blocks: Block -> [n, d]; NaN = missing.
        permutations: Of the attribute among the subjects.
        seed: Of folds and permutations.

    """
    y = having.astype(np.int64)
    n, many = y.size, int(y.sum())
    few = Unscored(f"{many} of {n} subjects have it; {LEAST} with and without are needed")
    if min(many, n - many) < LEAST:
        return [Hidden(attribute, block, n, many, few, few, few, few, few, few) for block in blocks]
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(y, y))
    known = _designs(demographics, folds)
    cut = {block: _designs(columns, folds) for block, columns in blocks.items()}
    plain = _out_of_fold([known], y, folds)
    whole = _out_of_fold([known, *cut.values()], y, folds)
    rows = []
    for block, columns in cut.items():
        alone = auc(y, _out_of_fold([columns], y, folds))
        joined = _out_of_fold([known, columns], y, folds)
        without = [columns for other, columns in cut.items() if other != block]
        rows.append(
            Hidden(
                attribute=attribute,
                block=block,
                subjects=n,
                having=many,
                auc=alone,
                p=_permuted(columns, y, folds, alone, permutations, seed),
                demographics=auc(y, plain),
                beyond=_gain(y, joined, plain),
                everything=auc(y, whole),
                dropped=auc(y, _out_of_fold([known, *without], y, folds)),
            )
        )
    return rows


def _permuted(
    columns: Designs, y: NDArray[np.int64], folds: Folds, alone: Score, permutations: int, seed: int
) -> float | Unscored:
    if isinstance(alone, Unscored):
        return alone
    rng = np.random.default_rng(seed)
    higher = 0
    for _ in range(permutations):
        shuffled = rng.permutation(y)
        score = auc(shuffled, _out_of_fold([columns], shuffled, folds))
        higher += not isinstance(score, Unscored) and score >= alone
    return (1 + higher) / (1 + permutations)


def _out_of_fold(parts: Sequence[Designs], y: NDArray[np.int64], folds: Folds) -> NDArray[np.float64]:
    """Score every row by one logistic model of the other folds, over the directions of all parts."""
    scores = np.zeros(y.size)
    for place, (train, test) in enumerate(folds):
        design = np.hstack([part[place] for part in parts])
        model = LogisticRegression(C=0.1, max_iter=200).fit(design[train], y[train])
        scores[test] = model.predict_proba(design[test])[:, 1]
    return scores


def _designs(part: Matrix, folds: Folds) -> Designs:
    """Return a part's main directions, for each fold as its training rows have them: no label decides them."""
    return [_directions(part, train) for train, _ in folds]


def _directions(part: Matrix, train: NDArray[np.int64]) -> Matrix:
    """Return [n, at most DIRECTIONS]: gaps filled with the mean and marked, scaled, rotated; learned from ``train``."""
    gaps = np.isnan(part)
    with np.errstate(invalid="ignore", divide="ignore"):
        counts = np.maximum((~gaps[train]).sum(axis=0), 1)
        means = np.where(gaps[train], 0.0, part[train]).sum(axis=0) / counts
    filled = np.hstack([np.where(gaps, means, part), gaps.astype(np.float64)])
    centre, spread = filled[train].mean(axis=0), filled[train].std(axis=0)
    varied = spread > 1e-9
    if not varied.any():
        return np.zeros((len(part), 1))
    scaled = (filled[:, varied] - centre[varied]) / spread[varied]
    width = min(DIRECTIONS, scaled.shape[1], len(train) - 1)
    if width < scaled.shape[1]:
        scaled = PCA(width, svd_solver="full").fit(scaled[train]).transform(scaled)
        scaled = scaled / np.maximum(scaled[train].std(axis=0), 1e-9)
    return np.asarray(scaled, dtype=np.float64)


def _gain(y: NDArray[np.int64], joined: NDArray[np.float64], plain: NDArray[np.float64]) -> Difference | Unscored:
    """Compare two scores of the same subjects as two models are compared."""
    common = {"sample_id": [f"{row:07d}" for row in range(y.size)], "subject_id": np.arange(y.size), "label": y}
    frames = [
        pl.DataFrame({**common, "raw": raw}).with_columns(
            model=pl.lit(name), part=pl.lit("test"), task_id=pl.lit(""), split=pl.lit(0)
        )
        for name, raw in (("joined", joined), ("plain", plain))
    ]
    return paired_difference(pl.concat(frames), "", "joined", "plain")
