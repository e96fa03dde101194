"""What a chunk says of a task's concepts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from xhaim.records import Polarity
from xhaim.task import Concept, Task
from xhaim.text.polarity import mentions, names_any
from xhaim.text.sentences import sentences

_STRONGEST: tuple[Polarity, ...] = ("affirmed", "uncertain", "negated")
"""A chunk that affirms a concept in one sentence and denies it in another affirms it."""

_OTHER_SIDE: dict[Polarity, Polarity] = {"affirmed": "negated", "negated": "affirmed", "uncertain": "uncertain"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What one chunk says."""

    says: tuple[Polarity | None, ...]
    """Of each concept of the task, in its order; ``None`` where it is not named."""
    polarity: Polarity | None
    """Of the main concepts, else of the others: what ``ScoredChunk.polarity`` holds."""
    side: Polarity | None
    """The place it may take: as ``polarity``, but what affirms a concept that points against stands with denials."""
    statements: frozenset[tuple[Polarity, str]] = frozenset()
    """Side and words, white space and case folded, of its sentences that answer the question one way or the other:
    that name a main concept or one that points against."""

    @property
    def findings(self) -> frozenset[tuple[Polarity, str]]:
        """The statements that do not deny."""
        return frozenset(one for one in self.statements if one[0] != "negated")


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
    points = [concept.points for concept in task.concepts]
    main = [0] if task.needs_image else [at for at, way in enumerate(points) if way == "for"]
    says: list[Polarity | None] = [None] * len(task.concepts)
    statements: set[tuple[Polarity, str]] = set()
    for start, end in sentences(text) if names_any(text, terms) else ():
        for mention in mentions(text[start:end], terms):
            if not mention.family:
                at = owner[mention.term]
                says[at] = _stronger(says[at], mention.polarity)
                if at in main or points[at] == "against":
                    side = _OTHER_SIDE[mention.polarity] if points[at] == "against" else mention.polarity
                    statements.add((side, " ".join(text[start:end].split()).casefold()))
    others = [at for at in range(len(says)) if at not in main]
    for group in (main, [at for at in others if points[at] == "for"], [at for at in others if points[at] == "against"]):
        found: Polarity | None = None
        for at in group:
            found = _stronger(found, says[at])
        if found is not None:
            against = found == "affirmed" and points[group[0]] == "against"
            return Reading(tuple(says), found, "negated" if against else found, frozenset(statements))
    return Reading(tuple(says), None, None)


def _stronger(one: Polarity | None, other: Polarity | None) -> Polarity | None:
    found = [reading for reading in (one, other) if reading is not None]
    return min(found, key=_STRONGEST.index, default=None)
