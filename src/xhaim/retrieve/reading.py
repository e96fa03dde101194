"""What a chunk says of a task's concepts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from xhaim.records import Polarity
from xhaim.task import Concept, Task
from xhaim.text.polarity import mentions
from xhaim.text.sentences import sentences

_STRONGEST: tuple[Polarity, ...] = ("affirmed", "uncertain", "negated")
"""A chunk that affirms a concept in one sentence and denies it in another affirms it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one chunk says."""

    says: tuple[Polarity | None, ...]
    """Of each concept of the task, in its order; ``None`` where it is not named."""
    polarity: Polarity | None
    """Of the main concepts, else of the others: what ``ScoredChunk.polarity`` holds."""
    side: Polarity | None
    """The place it may take: as ``polarity``, but what affirms a concept that points against stands with denials."""


@lru_cache(maxsize=64)
def _terms(concepts: tuple[Concept, ...]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return all terms, and term -> the first concept that has it."""
    owner: dict[str, int] = {}
    for at, concept in enumerate(concepts):
        for term in concept.terms:
            owner.setdefault(term, at)
    return tuple(owner), owner


def read(text: str, task: Task) -> Reading:
    """Read a chunk: mentions of another person count for nothing.

    Main concepts are the first one where the task asks for a finding, else all that point for the answer.
    """
    terms, owner = _terms(task.concepts)
    says: list[Polarity | None] = [None] * len(task.concepts)
    for start, end in sentences(text):
        for mention in mentions(text[start:end], terms):
            if not mention.family:
                at = owner[mention.term]
                says[at] = _stronger(says[at], mention.polarity)
    points = [concept.points for concept in task.concepts]
    main = [0] if task.needs_image else [at for at, way in enumerate(points) if way == "for"]
    others = [at for at in range(len(says)) if at not in main]
    for group in (main, [at for at in others if points[at] == "for"], [at for at in others if points[at] == "against"]):
        found: Polarity | None = None
        for at in group:
            found = _stronger(found, says[at])
        if found is not None:
            against = found == "affirmed" and points[group[0]] == "against"
            return Reading(tuple(says), found, "negated" if against else found)
    return Reading(tuple(says), None, None)


def _stronger(one: Polarity | None, other: Polarity | None) -> Polarity | None:
    found = [reading for reading in (one, other) if reading is not None]
    return min(found, key=_STRONGEST.index, default=None)
