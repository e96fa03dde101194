"""Which modalities a store does not have, and what that costs, in words."""

from __future__ import annotations

import polars as pl

from xhaim.events import CHART, GENDER, IMAGE, LAB, NOTE, code_is
from xhaim.signals import Group, catalogue


def _codes(group: Group) -> tuple[str, ...]:
    return tuple(code for signal in catalogue().values() if signal.group == group for code in signal.codes)


_NEEDED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("notes", (NOTE,), "steps 1 and 2 find nothing; risks and explanations rest on tables and measurements"),
    ("chest images", (IMAGE,), "samples need a landmark; pathology tasks have no label"),
    ("laboratory values", (LAB, *_codes("lab")), "no laboratory evidence"),
    ("vital signs", (CHART, *_codes("vital")), "no bedside evidence"),
    ("demographics", (GENDER,), "no demographic columns"),
)


def absent(events: pl.LazyFrame) -> dict[str, str]:
    """Return modality -> what its absence costs, for those of which the store has nothing."""
    counts = events.select(
        [pl.any_horizontal(code_is(kind) for kind in kinds).any().alias(name) for name, kinds, _ in _NEEDED]
    ).collect()
    return {name: cost for name, _, cost in _NEEDED if not counts[name][0]}
