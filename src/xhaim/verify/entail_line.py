"""Multinomial logistic regression as arrays: fitted by scikit-learn, saved as safetensors, the same on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

Numbers = NDArray[np.float32]
KNOTS = 100


def balance(labels: NDArray[np.int64]) -> Numbers:
    """Return a weight for each row, so that the labels that occur weigh the same, [n]."""
    many = np.bincount(labels)
    return np.asarray(len(labels) / (np.count_nonzero(many) * many[labels]), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Line:
    """Multinomial logistic regression; over ranks turned into normal scores where there are knots."""

    knots: Numbers
    """[q, d]: quantiles of each column when it was fitted; [0, d] where columns are taken as they are."""
    weights: Numbers
    """[k, d]"""
    bias: Numbers
    """[k]"""

    @classmethod
    def fit(cls, X: Numbers, labels: NDArray[np.int64], strength: float, ranks: bool) -> Line:
        """Fit columns [n, d] to labels [n] of 0 to k - 1; ``strength``: inverse of the ridge's."""
        knots = np.quantile(X, np.linspace(0, 1, KNOTS), axis=0) if ranks else np.zeros((0, X.shape[1]))
        knots = np.asarray(knots, dtype=np.float32)
        fitted = LogisticRegression(C=strength, max_iter=500)
        fitted.fit(_scores(X, knots), labels, sample_weight=balance(labels))
        weights, bias = fitted.coef_, fitted.intercept_
        if len(weights) == 1:  # two labels: one row that speaks for the second
            weights, bias = np.vstack([0 * weights, weights]), np.concatenate([0 * bias, bias])
        return cls(knots, np.asarray(weights, dtype=np.float32), np.asarray(bias, dtype=np.float32))

    def odds(self, X: Numbers) -> Numbers:
        """Return probabilities [n, k]."""
        logits = _scores(X, self.knots).astype(np.float64) @ self.weights.T.astype(np.float64) + self.bias
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)

    def tensors(self, name: str) -> dict[str, Numbers]:
        """Return what ``restore`` needs, by name."""
        parts = {"knots": self.knots, "weights": self.weights, "bias": self.bias}
        return {f"{name}.{part}": np.ascontiguousarray(value) for part, value in parts.items()}  # or it is saved wrong

    @classmethod
    def restore(cls, tensors: Mapping[str, Numbers], name: str) -> Line:
        """Read what ``tensors`` gave. Raises KeyError or ValueError."""
        line = cls(*(np.asarray(tensors[f"{name}.{part}"], dtype=np.float32) for part in ("knots", "weights", "bias")))
        if line.weights.ndim != 2 or line.bias.shape != line.weights.shape[:1] or line.knots.ndim != 2:
            raise ValueError("weights of another shape")
        if line.knots.shape[1] != line.weights.shape[1]:
            raise ValueError("knots and weights of different columns")
        return line


def _scores(X: Numbers, knots: Numbers) -> Numbers:
    """Return the normal score of the rank of each value among the knots, [n, d]; within 2.5 either way."""
    if not len(knots):
        return X
    out = np.zeros(X.shape, dtype=np.float32)
    for at in range(X.shape[1]):
        column = knots[:, at]
        if column[0] == column[-1]:
            continue  # was the same in every row: says nothing
        below, above = (np.searchsorted(column, X[:, at], side) for side in ("left", "right"))
        share = (below + above) / (2 * len(column))
        middle = float((column[:, None] > column[None, :]).mean() + (column[:, None] == column[None, :]).mean() / 2)
        out[:, at] = norm.ppf(np.clip(share, 0.00621, 0.99379)) - norm.ppf(np.clip(middle, 0.00621, 0.99379))
    return out
