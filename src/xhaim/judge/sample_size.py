"""How many explanations to score for an interval of a wanted width."""

from __future__ import annotations

from math import ceil

_Z = 1.959963984540054
"""Of a 95 % interval."""


def items_for_mean(sd: float, width: float) -> int:
    """Return how many scores of standard deviation ``sd`` give a mean's 95 % interval of ``width`` from end to end."""
    _positive(width)
    return max(2, ceil((2 * _Z * sd / width) ** 2))


def items_for_icc(icc: float, raters: int, width: float) -> int:
    """Return how many items that ``raters`` all score give a 95 % interval of ``width`` for a single-rater ICC.

    Bonett (2002): 8 z^2 (1 - r)^2 (1 + (k - 1) r)^2 / (k (k - 1) w^2) + 1. Raises ValueError for one rater.
    """
    _positive(width)
    if raters < 2:
        raise ValueError("agreement needs two raters")
    spread = (1 - icc) * (1 + (raters - 1) * icc)
    return ceil(8 * _Z**2 * spread**2 / (raters * (raters - 1) * width**2) + 1)


def items_for_width(found: float, items: int, wanted: float) -> int:
    """Return how many items bring an interval of width ``found`` on ``items`` to ``wanted``: widths fall by root n."""
    _positive(wanted)
    return max(2, ceil(items * (found / wanted) ** 2))


def _positive(width: float) -> None:
    if not width > 0:
        raise ValueError("the width of an interval is above 0")
