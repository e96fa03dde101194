"""A learner of the fusion: logistic regression with a ridge, which sums many weak columns better than trees do.

Columns are cut at extreme percentiles and standardised; a missing value is the median, with an indicator beside it.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from xhaim.config import FusionSettings
from xhaim.ports import Learned, Progress, silent

Floats = NDArray[np.float64]

STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths of the ridge to choose from, the strongest first."""
EXTREMES = (0.5, 99.5)
"""Percentiles of the training rows at which a column is cut: one mistyped value must not bend a line."""
_NEAR_ZERO = 1e-9


@dataclass(frozen=True, slots=True)
class Scaling:
    """Columns [n, d] to standardised columns [n, 2 d], the second half of them the indicators of what is missing."""

    low: Floats
    high: Floats
    middle: Floats
    """Median, [d]; 0 where all is missing."""
    mean: Floats
    """[2 d]."""
    scale: Floats
    """[2 d]; 0 for a constant column, which then says nothing."""

    def __call__(self, X: NDArray[np.float32]) -> Floats:
        """Return [n, 2 d]."""
        both = self._filled(X) - self.mean
        return np.divide(both, self.scale, out=np.zeros_like(both), where=self.scale > 0)

    def _filled(self, X: NDArray[np.float32]) -> Floats:
        missing = np.isnan(X)
        values = np.clip(np.where(missing, self.middle, X.astype(np.float64)), self.low, self.high)
        return np.concatenate([values, missing], axis=1)

    @classmethod
    def of(cls, X: NDArray[np.float32]) -> Scaling:
        """Learn it from rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column that is missing altogether
            low, middle, high = np.nan_to_num(
                np.nanpercentile(X.astype(np.float64), (EXTREMES[0], 50, EXTREMES[1]), axis=0)
            )
        blank = np.zeros(0)
        filled = cls(low, high, middle, blank, blank)._filled(X)
        scale = filled.std(axis=0)
        return cls(low, high, middle, filled.mean(axis=0), np.where(scale > _NEAR_ZERO, scale, 0.0))


@dataclass(frozen=True, slots=True)
class Linear:
    """A fitted line in log-odds."""

    scaling: Scaling
    slopes: Floats
    """[2 d]."""
    intercept: float

    def margins(self, X: NDArray[np.float32]) -> Floats:
        """Return the log-odds, [n]."""
        return np.asarray(self.scaling(X) @ self.slopes + self.intercept)

    def contributions(self, X: NDArray[np.float32]) -> Floats:
        """Return what each column adds to the log-odds of a mean row, and the latter last, [n, d + 1].

        A column's own share and that of its indicator are added: a row sums to its log-odds.
        """
        each = self.scaling(X) * self.slopes
        d = X.shape[1]
        return np.concatenate([each[:, :d] + each[:, d:], np.full((len(X), 1), self.intercept)], axis=1)

    def to_bytes(self) -> bytes:
        """Return JSON; numbers come back to the last bit."""
        plain = {name: found.tolist() for name, found in asdict(self.scaling).items()}
        said = {"scaling": plain, "slopes": self.slopes.tolist(), "intercept": self.intercept}
        return json.dumps(said, allow_nan=False).encode()


def learn(
    X: NDArray[np.float32],
    labels: NDArray[np.int8],
    folds: NDArray[np.int64],
    weights: NDArray[np.float32],
    settings: FusionSettings,
    progress: Progress = silent,
) -> Learned:
    """Choose the ridge with the lowest log loss over the folds, and fit it on all rows.

    ``X`` [n, d], NaN = missing; ``labels`` 0 or 1, not re-weighted; ``folds`` [n]. Of equal losses the stronger ridge.
    With one fold a ridge in the middle is taken, and nothing is out of fold.
    """
    n_folds = int(folds.max()) + 1
    total = n_folds + 1
    held_out = np.zeros((len(STRENGTHS), len(labels)))
    for fold in range(n_folds if n_folds > 1 else 0):
        held = folds == fold
        held_out[:, held] = [one.margins(X[held]) for one in _path(X[~held], labels[~held], STRENGTHS)]
        progress(fold + 1, total)
    losses = (np.logaddexp(0, held_out) - labels * held_out).mean(axis=1)
    best = int(losses.argmin()) if n_folds > 1 else len(STRENGTHS) // 2
    member = _path(X, labels, STRENGTHS[: best + 1])[-1]
    progress(total, total)
    return Learned(member, held_out[best] if n_folds > 1 else None, {"C": STRENGTHS[best]})


def restore(state: bytes) -> Linear:
    """Read what ``Linear.to_bytes`` gave."""
    plain = json.loads(state)
    arrays = {name: np.array(found, dtype=np.float64) for name, found in plain["scaling"].items()}
    return Linear(Scaling(**arrays), np.array(plain["slopes"], dtype=np.float64), float(plain["intercept"]))


def _path(X: NDArray[np.float32], labels: NDArray[np.int8], strengths: tuple[float, ...]) -> list[Linear]:
    """Fit each ridge, beginning at the line before it."""
    scaling = Scaling.of(X)
    Z = scaling(X)
    model = LogisticRegression(warm_start=True, max_iter=500)
    found = []
    for strength in strengths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # near enough: the folds judge what came out
            model.set_params(C=strength).fit(Z, labels)
        found.append(Linear(scaling, model.coef_[0].copy(), float(model.intercept_[0])))
    return found
