"""How good retrieval is where the truth is known: what the shown chunks hold of what the record says.

The unit is a fact: a distinct statement about the task's question in an admissible document. A copy of a sentence is
the same fact; a fact is found when its words stand in a shown chunk, whichever document that chunk is from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from xhaim.records import Polarity

CROWDED = 3
"""Denials for each affirmation from which affirmations count as hidden among boilerplate."""


def folded(text: str) -> str:
    """Return a text in which white space and case make no difference."""
    return " ".join(text.split()).casefold()


@dataclass(frozen=True, slots=True)
class Fact:
    """A statement of the record about the question, as the truth has it."""

    concept: str
    polarity: Polarity
    text: str
    """Folded."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Of one sample and modality; ``None``: there was nothing that could be counted."""

    precision: float | None
    """Share of the shown chunks that hold a fact; None where nothing is shown."""
    recall: float
    """Share of the facts that the shown chunks hold."""
    attainable: float
    """Share of the recall that the best choice of as many chunks would have: 1 is all that k places can give."""
    must_have: float
    """Share of the must-have facts that are shown: of each concept and polarity, what was said last."""
    crowded: float | None
    """Share of the affirmed facts that are shown, where at least three times as many deny; None elsewhere."""

    @property
    def nothing(self) -> bool:
        """Whether no shown chunk holds a fact."""
        return self.recall == 0


def facts_of(said: Sequence[tuple[datetime, str, Polarity, str]]) -> tuple[list[Fact], frozenset[int]]:
    """Return the distinct facts, ordered, and which are must-have; ``said``: time, concept, polarity, text."""
    newest: dict[Fact, datetime] = {}
    for time, concept, polarity, text in said:
        fact = Fact(concept, polarity, folded(text))
        newest[fact] = max(time, newest.get(fact, time))
    facts = sorted(newest, key=lambda fact: (fact.concept, fact.polarity, fact.text))
    last: dict[tuple[str, Polarity], datetime] = {}
    for fact, time in newest.items():
        key = (fact.concept, fact.polarity)
        last[key] = max(time, last.get(key, time))
    must = frozenset(at for at, fact in enumerate(facts) if newest[fact] == last[fact.concept, fact.polarity])
    return facts, must


def held(facts: Sequence[Fact], text: str) -> frozenset[int]:
    """Return which facts stand in a chunk's text."""
    inside = folded(text)
    return frozenset(at for at, fact in enumerate(facts) if fact.text in inside)


def best_choice(holds: Sequence[frozenset[int]], k: int) -> frozenset[int]:
    """Return the facts of k chunks, each chosen for the most that are new: at least 63 % of the best there are."""
    found: frozenset[int] = frozenset()
    for _ in range(min(k, len(holds))):
        found |= max(holds, key=lambda one: len(one - found))
    return found


def mark(
    shown: Sequence[frozenset[int]],
    every: Sequence[frozenset[int]],
    facts: Sequence[Fact],
    must: Collection[int],
    k: int,
) -> Marks:
    """Mark the chunks that are shown, each as what it ``held``; ``every``: those of all the record's chunks.

    Raises ValueError without facts: then there is nothing to find.
    """
    if not facts:
        raise ValueError("a record without facts cannot be marked")
    found = frozenset[int]().union(*shown)
    affirmed = {at for at, fact in enumerate(facts) if fact.polarity == "affirmed"}
    denied = sum(fact.polarity == "negated" for fact in facts)
    best = best_choice(every, k)
    return Marks(
        precision=fmean(bool(one) for one in shown) if shown else None,
        recall=len(found) / len(facts),
        attainable=min(1.0, len(found) / len(best)) if best else 1.0,
        must_have=len(found & set(must)) / len(must),
        crowded=len(found & affirmed) / len(affirmed) if affirmed and denied >= CROWDED * len(affirmed) else None,
    )


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean over what could be counted; None where nothing could."""
    counted = [value for value in values if value is not None]
    return fmean(counted) if counted else None
