"""Learners of the fusion that add up: logistic regression with a ridge, over columns in one of several designs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from xhaim.config import FusionSettings
from xhaim.ports import Learned, Progress, silent
from xhaim.predict.designs import AsTheyAre, Design, Standardised, Steps


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted line in log-odds."""

    design: Design
    slopes: NDArray[np.float64]
    """[m]."""
    intercept: float

    def margins(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log-odds, [n]."""
        return np.asarray(self.design(X) @ self.slopes + self.intercept, dtype=np.float64)

    def contributions(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what each column adds to the log-odds of a mean row, and the latter last, [n, d + 1].

        The shares of all that came from one column are added: a row sums to its log-odds.
        """
        each = self.design(X) * self.slopes
        found = np.zeros((X.shape[1] + 1, len(X)))
        np.add.at(found, self.design.source, each.T)
        found[-1] = self.intercept
        return found.T

    def to_bytes(self) -> bytes:
        """Return JSON; numbers come back to the last bit."""
        said = {"design": self.design.plain(), "slopes": self.slopes.tolist(), "intercept": self.intercept}
        return json.dumps(said, allow_nan=False).encode()


@dataclass(frozen=True, slots=True)
class LineLearner:
    """Fits lines over one design."""

    design: Callable[[NDArray[np.float32]], Design]
    """Learns it from rows."""
    read: Callable[[dict[str, Any]], Design]
    """Reads ``Design.plain`` again."""
    strengths: tuple[float, ...]
    """Inverse strengths of the ridge to choose from, the strongest first."""

    def learn(
        self,
        X: NDArray[np.float32],
        labels: NDArray[np.int8],
        folds: NDArray[np.int64],
        weights: NDArray[np.float32],
        settings: FusionSettings,
        progress: Progress = silent,
    ) -> Learned:
        """Choose the ridge with the lowest log loss over the folds, and fit it on all rows.

        ``X`` [n, d], NaN = missing; ``labels`` 0 or 1, not re-weighted; ``folds`` [n]. Nothing is drawn, so neither
        ``weights`` nor a seed has a say. Of equal losses the stronger ridge; with one fold a ridge in the middle is
        taken, and nothing is out of fold.
        """
        n_folds = int(folds.max()) + 1
        total = n_folds + 1
        held_out = np.zeros((len(self.strengths), len(labels)))
        for fold in range(n_folds if n_folds > 1 else 0):
            held = folds == fold
            held_out[:, held] = [one.margins(X[held]) for one in self._path(X[~held], labels[~held], self.strengths)]
            progress(fold + 1, total)
        losses = (np.logaddexp(0, held_out) - labels * held_out).mean(axis=1)
        best = int(losses.argmin()) if n_folds > 1 else len(self.strengths) // 2
        member = self._path(X, labels, self.strengths[: best + 1])[-1]
        progress(total, total)
        return Learned(member, held_out[best] if n_folds > 1 else None, {"C": self.strengths[best]})

    def restore(self, state: bytes) -> Line:
        """Read what ``Line.to_bytes`` gave. Raises ValueError or its like for anything else."""
        plain = json.loads(state)
        design, slopes = self.read(plain["design"]), np.array(plain["slopes"], dtype=np.float64)
        if slopes.shape != design.source.shape:
            raise ValueError(f"{slopes.shape} slopes for {design.source.shape} columns")
        return Line(design, slopes, float(plain["intercept"]))

    def _path(self, X: NDArray[np.float32], labels: NDArray[np.int8], strengths: tuple[float, ...]) -> list[Line]:
        """Fit each ridge, beginning at the line before it."""
        design = self.design(X)
        Z, off = design.to_fit(X)
        if not Z.shape[1]:
            share = labels.mean()
            return [Line(design, np.zeros(0), float(np.log(share / (1 - share)))) for _ in strengths]
        model = LogisticRegression(warm_start=True, max_iter=300)
        found = []
        for strength in strengths:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # near enough: the folds judge what came out
                model.set_params(C=strength).fit(Z, labels)
            slopes = model.coef_[0].astype(np.float64)
            found.append(Line(design, slopes, float(model.intercept_[0] + off @ slopes)))
        return found


def _floats(plain: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    return {name: np.array(found, dtype=np.float32) for name, found in plain.items()}


def _steps(plain: dict[str, Any]) -> Steps:
    floats = _floats({name: plain[name] for name in ("edges", "mean")})
    return Steps(floats["edges"], np.array(plain["kept"], dtype=np.int64), floats["mean"])


linear = LineLearner(Standardised.of, lambda plain: Standardised(**_floats(plain)), (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 0.1))
"""Over standardised columns: embeddings."""
steps = LineLearner(Steps.of, _steps, (1e-3, 3e-3, 1e-2, 3e-2))
"""Over the bins of each column: values, whose risk is seldom a straight line."""
words = LineLearner(AsTheyAre.of, lambda plain: AsTheyAre(**_floats(plain)), (0.1, 0.3, 1.0, 3.0, 10.0))
"""Over columns as they are: words weighed by how telling they are."""
