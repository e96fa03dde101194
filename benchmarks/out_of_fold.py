"""The product's fusion taken apart: each member fitted once for an outer fold, then weighed in any company.

``xhaim.predict.fusion.fit_fusion`` fits its members and weighs them in one go. Here a member that stands in several
rows of a table (text alone, both, both without a block) is fitted once; learners and weights are the product's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xhaim.backends import load
from xhaim.config import FusionSettings
from xhaim.predict.folds import grouped_folds
from xhaim.predict.fusion import stack

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Outer:
    """The rows of one outer fold: what may be learned from, and nothing of the others."""

    labels: NDArray[np.int8]
    """Of the training rows."""
    folds: NDArray[np.int64]
    """Of the training rows, grouped: choices and weights are made between these."""
    settings: FusionSettings


@dataclass(frozen=True, slots=True)
class Fitted:
    """Log-odds of one member."""

    train: Floats
    """Out of fold, [n_train]."""
    held: Floats
    """[n_held]."""
    chosen: str


def outer(labels: NDArray[np.int8], groups: NDArray[np.int64], settings: FusionSettings) -> Outer:
    """Return an outer fold's training side."""
    return Outer(labels, grouped_folds(labels, groups, settings.folds, settings.seed), settings)


def member(learner: str, side: Outer, train: Matrix, *held: Matrix, blocks: Sequence[tuple[int, int]] = ()) -> Fitted:
    """Fit one of the product's learners; several ``held`` matrices (of fold encoders) are predicted one by one.

    ``blocks``: column ranges that trees look at equally often, where they see a share of the columns.
    """
    weights = np.ones(train.shape[1], np.float32)
    for start, end in blocks:
        weights[start:end] = 1 / max(1, end - start)
    found = load("learners", learner).learn(train, side.labels, side.folds, weights, side.settings)
    if found.out_of_fold is None:
        raise ValueError("the training side does not allow two folds with both outcomes")
    margins = np.mean([found.member.margins(one) for one in held], axis=0)
    return Fitted(found.out_of_fold, margins, ", ".join(f"{name} {value:g}" for name, value in found.chosen.items()))


def weighed(members: Sequence[Fitted], side: Outer) -> Fitted:
    """Return the product's fusion of some members: weights from rows out of fold alone."""
    if len(members) == 1:
        return members[0]
    known = np.stack([one.train for one in members], axis=1)
    shares, intercept = stack(known, side.labels)
    held = np.stack([one.held for one in members], axis=1) @ shares + intercept
    return Fitted(known @ shares + intercept, held, "weights " + " ".join(f"{share:.2f}" for share in shares))
