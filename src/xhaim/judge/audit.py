"""Can a judge be trusted? Tests of any judge on explanations made worse, made other, and asked again.

A judge is here a function of an explanation alone, so the deterministic critic and a model are tested by the same code.
Two verdicts are compared over the dimensions that both score: by the sum of the scores and, where these are equal, by
the weight of the issues (minor 1, considerable 2, major 4), less being better. Both figures are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TypeAlias

from xhaim.judge.findings import WEIGHT
from xhaim.records import Explanation, Verdict

Judged: TypeAlias = Callable[[Explanation, int], Verdict]
"""An explanation of one sample, and which reading of it (0: the first)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One explanation of a run, who judges it, and another patient's for the same task."""

    explanation: Explanation
    judge: Judged
    other: Explanation | None
    """``None`` where there is no other patient."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of one test."""

    name: str
    n: int
    """Comparisons that could be made."""
    value: float | None
    """What is held against ``wanted``; ``None`` where nothing could be compared."""
    wanted: str
    passed: bool | None
    """``None``: not applicable."""
    told: str
    """The other figures, in words; why it does not apply."""


@dataclass(frozen=True, slots=True)
class Pair:
    """How a changed explanation was scored against the one that it was made of."""

    change: int
    """Of the sum of the scores that both have: below 0 is lower."""
    dimensions: int
    """How many both have."""
    heavier: int
    """By how much the issues weigh more."""

    @property
    def lower(self) -> bool:
        """Say whether it is ranked below, with the issues deciding between equal scores."""
        return self.change < 0 or (self.change == 0 and self.heavier > 0)


def pair(before: Verdict, after: Verdict) -> Pair | None:
    """Compare two verdicts; ``None`` where no dimension has a score in both."""
    both = [
        (old, new)
        for name, old in before.scores.items()
        if old is not None and (new := after.scores.get(name)) is not None
    ]
    if not both:
        return None
    return Pair(sum(new - old for old, new in both), len(both), weight(after) - weight(before))


def weight(verdict: Verdict) -> int:
    """Return what the issues of a verdict weigh together."""
    return sum(WEIGHT[one.severity] for one in verdict.issues)


def ranked(name: str, pairs: Sequence[Pair | None], at_least: float) -> Trial:
    """Say in which share of pairs the worse one was ranked below."""
    made = [one for one in pairs if one is not None]
    lost = len(pairs) - len(made)
    if not pairs:
        return Trial(name, 0, None, f"at least {at_least:.0%}", None, "not applicable: nothing could be made worse")
    if not made:
        return Trial(name, 0, None, f"at least {at_least:.0%}", False, f"no score in any of {lost} pairs")
    share = mean(one.lower for one in made)
    alone, equal = mean(one.change < 0 for one in made), mean(one.change == 0 for one in made)
    told = f"by the scores alone {alone:.0%} lower, {equal:.0%} equal; mean change of the sum {_mean_change(made):+.2f}"
    told += f"; {lost} pairs without a score" if lost else ""
    return Trial(name, len(made), share, f"at least {at_least:.0%}", share >= at_least, told)


def unmoved(name: str, pairs: Sequence[Pair | None], at_most: float, *, only_up: bool = False) -> Trial:
    """Say by how much scores change, on average over dimensions, where they should not; ``only_up``: a fall may be."""
    made = [one for one in pairs if one is not None]
    wanted = f"{'rise' if only_up else 'change'} of at most {at_most:g}"
    if not pairs:
        return Trial(name, 0, None, wanted, None, "not applicable: nothing could be changed")
    if not made:
        return Trial(name, 0, None, wanted, False, f"no score in any of {len(pairs)} pairs")
    changes = [one.change / one.dimensions for one in made]
    value = mean(max(0.0, change) if only_up else abs(change) for change in changes)
    told = f"mean change {mean(changes):+.3f}, from {min(changes):+.2f} to {max(changes):+.2f}"
    told += f"; {len(pairs) - len(made)} pairs without a score" if len(made) < len(pairs) else ""
    return Trial(name, len(made), value, wanted, value <= at_most + 1e-9, told)


def _mean_change(pairs: Sequence[Pair]) -> float:
    return mean(one.change for one in pairs)
