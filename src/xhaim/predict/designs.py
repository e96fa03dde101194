"""How columns are shown to a line: as they are, standardised, or as steps. Each remembers which column it came from."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]

EXTREMES = (0.5, 99.5)
"""Percentiles of the training rows at which a column is cut: one mistyped value must not bend a line."""
STEPS = tuple(100 * i / 8 for i in range(1, 8))
"""Percentiles of the training rows at which a column is cut into eight bins."""
_NEAR_ZERO = 1e-6


class Design(Protocol):
    """Columns [n, d], NaN = missing, to columns [n, m] whose mean over the training rows is zero."""

    @property
    def source(self) -> NDArray[np.int64]:
        """[m]: the column that each came from."""

    def __call__(self, X: Floats) -> Floats:
        """Return [n, m]."""

    def to_fit(self, X: Floats) -> tuple[Floats | csr_matrix, NDArray[np.float64]]:
        """Return the rows to fit a line to, and what is to be taken off each column afterwards, [m]."""

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold of it, and ``restore`` needs."""


@dataclass(frozen=True, slots=True)
class Standardised:
    """Cut at extremes, the median where it is missing, standardised; beside each column whether it is missing."""

    low: Floats
    high: Floats
    middle: Floats
    """Median, [d]; 0 where all is missing."""
    mean: Floats
    """[2 d]."""
    scale: Floats
    """[2 d]; 0 for a constant column, which then says nothing."""

    @property
    def source(self) -> NDArray[np.int64]:
        """Each column twice: its values, then what is missing."""
        return np.tile(np.arange(len(self.low)), 2)

    def __call__(self, X: Floats) -> Floats:
        """Return [n, 2 d]."""
        both: Floats = self._filled(X) - self.mean
        return np.divide(both, self.scale, out=np.zeros_like(both), where=self.scale > 0)

    def _filled(self, X: Floats) -> Floats:
        missing = np.isnan(X)
        values = np.clip(np.where(missing, self.middle, X), self.low, self.high)
        return np.concatenate([values, missing], axis=1, dtype=np.float32)

    def to_fit(self, X: Floats) -> tuple[Floats, NDArray[np.float64]]:
        """Return the rows as they are shown, and nothing to take off."""
        shown = self(X)
        return shown, np.zeros(shown.shape[1])

    def plain(self) -> dict[str, Any]:
        """Return lists."""
        return {name: getattr(self, name).tolist() for name in ("low", "high", "middle", "mean", "scale")}

    @classmethod
    def of(cls, X: Floats) -> Standardised:
        """Learn it from the training rows."""
        low, middle, high = _percentiles(X, (EXTREMES[0], 50, EXTREMES[1]))
        blank = np.zeros(0, np.float32)
        filled = cls(low, high, middle, blank, blank)._filled(X)
        scale = filled.std(axis=0, dtype=np.float64)
        spread = np.where(scale > _NEAR_ZERO, scale, 0.0).astype(np.float32)
        return cls(low, high, middle, filled.mean(axis=0, dtype=np.float64).astype(np.float32), spread)


@dataclass(frozen=True, slots=True)
class Steps:
    """Whether a value is at or above the lowest, and above each, of the eighths of the training rows; whether missing.

    A line over steps bends: risks that are high at both ends of a vital sign are within its reach.
    """

    edges: Floats
    """[k, d]: ascending; a value counts as above where it is greater. The first is just below the lowest eighth, for
    columns most of which are at their ceiling."""
    kept: NDArray[np.int64]
    """[m]: which of the (k + 1) d columns differ among the training rows, each from those before it."""
    mean: Floats
    """[m]."""

    @property
    def source(self) -> NDArray[np.int64]:
        """The columns, step by step, then what is missing."""
        return np.tile(np.arange(self.edges.shape[1]), len(self.edges) + 1)[self.kept]

    def __call__(self, X: Floats) -> Floats:
        """Return [n, m]."""
        return np.subtract(self._all(X)[:, self.kept], self.mean, dtype=np.float32)

    def _all(self, X: Floats) -> NDArray[np.bool_]:
        missing = np.isnan(X)
        known = np.where(missing, np.float32(-np.inf), X)
        return np.concatenate([*(known > edge for edge in self.edges), missing], axis=1)

    def to_fit(self, X: Floats) -> tuple[Floats, NDArray[np.float64]]:
        """Return the rows as they are shown, and nothing to take off."""
        shown = self(X)
        return shown, np.zeros(shown.shape[1])

    def plain(self) -> dict[str, Any]:
        """Return lists."""
        return {name: getattr(self, name).tolist() for name in ("edges", "kept", "mean")}

    @classmethod
    def of(cls, X: Floats) -> Steps:
        """Learn it from the training rows."""
        eighths = _percentiles(X, STEPS)
        edges = np.concatenate([np.nextafter(eighths[:1], np.float32(-np.inf)), eighths])
        every = cls(edges, np.arange(0), np.zeros(0, np.float32))._all(X)
        share = every.mean(axis=0, dtype=np.float64)
        each = share.reshape(len(edges) + 1, -1)
        new = np.ones(each.shape, bool)
        new[0] = each[0] + each[-1] < 1  # not all that is known is above it
        new[1:-1] = each[1:-1] < each[:-2]  # fewer rows are above it than above the edge below it
        kept = np.flatnonzero((share > 0) & (share < 1) & new.ravel())
        return cls(edges, kept, share[kept].astype(np.float32))


@dataclass(frozen=True, slots=True)
class AsTheyAre:
    """Columns less their mean: of words, which are weighed already."""

    mean: Floats
    """[d]."""

    @property
    def source(self) -> NDArray[np.int64]:
        """Each column once."""
        return np.arange(len(self.mean))

    def __call__(self, X: Floats) -> Floats:
        """Return [n, d]; what is missing is the mean."""
        return np.asarray(np.nan_to_num(X - self.mean), dtype=np.float32)

    def to_fit(self, X: Floats) -> tuple[csr_matrix, NDArray[np.float64]]:
        """Return the rows without their zeros, not centred: an intercept that no ridge holds makes up for that."""
        return csr_matrix(np.where(np.isnan(X), self.mean, X)), self.mean.astype(np.float64)

    def plain(self) -> dict[str, Any]:
        """Return lists."""
        return {"mean": self.mean.tolist()}

    @classmethod
    def of(cls, X: Floats) -> AsTheyAre:
        """Learn it from the training rows."""
        return cls(np.nan_to_num(_known_mean(X)).astype(np.float32))


def _known_mean(X: Floats) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(X, axis=0, dtype=np.float64))


def _percentiles(X: Floats, wanted: tuple[float, ...]) -> Floats:
    """Return [wanted, d] over the known values; 0 where all is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column that is missing altogether
        return np.nan_to_num(np.nanpercentile(X, wanted, axis=0)).astype(np.float32)
