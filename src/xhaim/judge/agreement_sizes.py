"""How many explanations a next study should score, from what this one found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from xhaim.judge.agreement_rows import Compared, Sheet
from xhaim.judge.sample_size import items_for_icc, items_for_mean, items_for_width


@dataclass(frozen=True, slots=True)
class Size:
    """One statistic, how well it is known, and how many items a wanted width asks for."""

    task_id: str
    dimension: str
    what: str
    value: float
    items: int
    now: float
    """Width of its 95 % interval."""
    needed: int


def sizes(every: Iterable[Sheet], compared: Sequence[Compared], width: float) -> list[Size]:
    """Return what an interval of ``width`` needs, for each rater's mean, people's ICC and a judge's kappa with them.

    A statistic without a value or an interval is left out: there is nothing to plan from.
    """
    found = list[Size]()
    for sheet in every:
        found += _of_means(sheet, width)
        mine = [one for one in compared if (one.task_id, one.dimension) == (sheet.task_id, sheet.dimension)]
        found += [size for one in mine for size in _of_agreement(one, width)]
    return found


def _of_means(sheet: Sheet, width: float) -> Iterator[Size]:
    for rater, given in (dict(sheet.people) | dict(sheet.judges)).items():
        known = given[np.isfinite(given)]
        if known.size > 1:
            sd = float(known.std(ddof=1))
            now = 2 * 1.96 * sd / known.size**0.5
            needed = items_for_mean(sd, width)
            yield Size(sheet.task_id, sheet.dimension, f"mean of {rater}", float(known.mean()), known.size, now, needed)


def _of_agreement(one: Compared, width: float) -> Iterator[Size]:
    people = one.kind in ("person and person", "all people")
    if one.kind == "judge and judge":
        return
    name, words = ("icc_single", "ICC(2,1)") if people else ("kappa", "kappa")
    found = one.found[name]
    if found.value is None or found.low is None or found.high is None:
        return
    now = found.high - found.low
    needed = items_for_icc(found.value, len(one.raters), width) if people else items_for_width(now, found.items, width)
    what = f"{words} of {', '.join(one.raters)}"
    yield Size(one.task_id, one.dimension, what, found.value, found.items, now, needed)
