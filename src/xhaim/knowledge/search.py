"""Lines of knowledge for a question: ranked as in step 1, without those that are not about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from xhaim.records import KnowledgeLine
from xhaim.task import Task

Values = NDArray[np.float64]
ABOUT = 0.79
"""Cosine, mapped to [0, 1], from which a line is about a question: so that 95 % of the right passages of one half of
the questions of ``benchmarks.knowledge_search`` are kept, which says what it keeps and drops on the other half."""
_DECIMALS = 4
"""Of scores: coarser than what another order of additions changes."""


class Scores(Protocol):
    """How q questions fit n texts; steps do not import each other, so the run hands step 1's functions in."""

    def __call__(self, asked: Sequence[str], texts: Sequence[str], /) -> tuple[Values, Values]:
        """Return what ranks, and what tells whether a text is about a question at all, each [q, n] in [0, 1].

        The first may depend on the other texts: BM25 by min-max gives the best of any texts 1, whatever is asked. The
        second may not: the cosine mapped to [0, 1], which ``ABOUT`` is made for.
        """


@dataclass(frozen=True, slots=True)
class Found:
    """A line of knowledge that was found."""

    line: KnowledgeLine
    question: str
    """By which it was found."""
    score: float
    """What ranks it for the question, [0, 1]."""
    about: float
    """How far it is about the question, [0, 1]."""
    rank: int
    """From 1."""


def searched(line: KnowledgeLine) -> str:
    """Return the words by which a line is found: its source says what a passage in the middle of a page is about."""
    return f"{line.source}. {line.text}"


def questions(task: Task) -> tuple[str, ...]:
    """Return what to ask of a knowledge base for a task: ``What is pneumonia?`` for each concept that speaks for it.

    Not the task's own question: ``Does the chest X-ray taken now show …`` finds pages about chest X-rays.
    """
    return tuple(f"What is {concept.name}?" for concept in task.concepts if concept.points == "for")


def search(
    lines: Sequence[KnowledgeLine], asked: Sequence[str], scores: Scores, k: int, at_least: float = ABOUT
) -> tuple[Found, ...]:
    """Return at most k lines: of each question in turn the best that is about it and not yet there.

    Questions that many pages answer so leave room for the others. Ties: by ``line_id``. Lines of one text are shown
    once, the first of them. A line whose ``about`` is below ``at_least`` is dropped; 0 keeps all. The result is the
    same for any order of ``lines``.
    """
    ordered = sorted(lines, key=lambda line: line.line_id)
    if not ordered or not asked or k < 1:
        return ()
    rank, about = (np.round(each, _DECIMALS) for each in scores(asked, [searched(line) for line in ordered]))
    waiting = [_about(row, at_least, most) for row, most in zip(rank, about, strict=True)]
    found: list[Found] = []
    seen: set[str] = set()
    while any(waiting) and len(found) < k:
        for q, places in enumerate(waiting):
            while places and ordered[places[0]].text in seen:
                places.popleft()
            if places and len(found) < k:
                at = places.popleft()
                seen.add(ordered[at].text)
                score, most = float(rank[q, at]), float(about[q, at])
                found.append(Found(ordered[at], asked[q], score, most, len(found) + 1))
    return tuple(found)


def _about(rank: Values, at_least: float, about: Values) -> deque[int]:
    """Return the places of the lines about a question, best first."""
    return deque(at for at in np.argsort(-rank, kind="stable").tolist() if about[at] >= at_least)
