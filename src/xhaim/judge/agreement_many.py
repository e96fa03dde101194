"""Agreement of two or more raters: intraclass correlations and Krippendorff's alpha, for many resamples at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NOTHING = 1e-12
"""Of the scores' sum of squares: less is rounding."""
_ROUNDING = 1e-9
"""Share of the mean squares from which an estimated variance is above 0."""


def intraclass(scores: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Return ICC(2,1) and ICC(2,k), [b] each, of complete ``scores`` [n, k] for each row of ``times`` [b, n].

    Two-way random effects, absolute agreement: of one rater, and of the mean of all k (Shrout and Fleiss 1979,
    cases 2,1 and 2,k). Mean squares between items, raters and of the rest, by how often each item was drawn. NaN
    where all scores are equal, fewer than two items were drawn, or the estimated variance is not above 0.
    """
    raters = scores.shape[1]
    n = times.sum(axis=1)
    centred = scores - scores.mean()  # sums of squares of small numbers: less is lost by subtraction
    mean = times @ centred.mean(axis=1) / n
    whole = times @ (centred**2).sum(axis=1) - n * raters * mean**2
    of_items = raters * (times @ centred.mean(axis=1) ** 2 - n * mean**2)
    of_raters = n * (((times @ centred / n[:, None]) ** 2).sum(axis=1) - raters * mean**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        items = of_items / (n - 1)
        between = of_raters / (raters - 1)
        rest = (whole - of_items - of_raters) / ((n - 1) * (raters - 1))
        total = items + (raters - 1) * rest + raters * (between - rest) / n
        of_mean = items + (between - rest) / n
        least = _ROUNDING * (items + between + rest)
        one = np.where(total > least, (items - rest) / total, np.nan)
        mean_of_k = np.where(of_mean > least, (items - rest) / of_mean, np.nan)
    varies = whole > _NOTHING * n
    return np.where(varies, one, np.nan), np.where(varies, mean_of_k, np.nan)


def alphas(scores: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Return Krippendorff's alpha, ordinal and interval, [b] each, of ``scores`` [n, k] (NaN = none).

    From the coincidences of values within items with at least two scores (Krippendorff 2011): 1 less observed over
    expected squared distance. The ordinal distance counts how many scores lie between two values, half of each end,
    so it is of each resample its own. NaN where all scores are equal.
    """
    levels = np.unique(scores[np.isfinite(scores)])
    counts = np.stack([(scores == level).sum(axis=1) for level in levels], axis=1).astype(np.float64)
    marked = counts.sum(axis=1)
    pairs = np.einsum("ni,nj->nij", counts, counts) - np.einsum("ni,ij->nij", counts, np.eye(len(levels)))
    weights = np.where(marked >= 2, 1 / np.maximum(marked - 1, 1), 0.0)
    flat = (pairs * weights[:, None, None]).reshape(len(scores), -1)
    together = (times @ flat).reshape(len(times), len(levels), len(levels))
    margin = together.sum(axis=2)
    reach = np.cumsum(margin, axis=1) - margin / 2  # scores below a value, and half of those at it
    ordinal = (reach[:, :, None] - reach[:, None, :]) ** 2
    interval = np.broadcast_to((levels[:, None] - levels[None, :]) ** 2, ordinal.shape)
    return _alpha(together, margin, ordinal), _alpha(together, margin, interval)


def _alpha(together: Floats, margin: Floats, apart: Floats) -> Floats:
    n = margin.sum(axis=1)
    observed = (together * apart).sum(axis=(1, 2))
    expected = np.einsum("bi,bij,bj->b", margin, apart, margin)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (n - 1) * observed / np.where(expected > 0, expected, np.nan), np.nan)
