"""Lines of knowledge for a question: ranked as in step 1, without those that are not about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from xhaim.records import KnowledgeLine
from xhaim.task import Task

ABOUT = 0.79
"""Cosine, mapped to [0, 1], from which a line is about a question: so that 95 % of the right passages of one half of
the questions of ``benchmarks.knowledge_search`` are kept, which says what it keeps and drops on the other half."""
_DECIMALS = 4
"""Of scores: coarser than what another order of additions changes."""


class Scores(Protocol):
    """How q queries fit n texts; steps do not import each other, so the run hands step 1's functions in."""

    def __call__(self, queries: Sequence[str], texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what ranks, and what tells whether a text is about a query at all, each [q, n] in [0, 1].

        The first may depend on the other texts: BM25 by min-max gives the best of any texts 1, about the query or not.
        The second may not: the cosine mapped to [0, 1], which ``ABOUT`` is made for.
        """


@dataclass(frozen=True, slots=True)
class Found:
    """A line of knowledge that was found."""

    line: KnowledgeLine
    score: float
    """Of the best query, [0, 1]: what ranks."""
    about: float
    """Of the query that it is most about, [0, 1]."""
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
    lines: Sequence[KnowledgeLine], queries: Sequence[str], scores: Scores, k: int, at_least: float = ABOUT
) -> tuple[Found, ...]:
    """Return the k best lines about any of the queries, best first; none where none is about them.

    Ties: by ``line_id``. Lines of one text are shown once, the first of them. A line whose ``about`` is below
    ``at_least`` is dropped; 0 keeps all. The result is the same for any order of ``lines``.
    """
    ordered = sorted(lines, key=lambda line: line.line_id)
    if not ordered or not queries or k < 1:
        return ()
    rank, about = scores(queries, [searched(line) for line in ordered])
    best, most = np.round(rank.max(axis=0), _DECIMALS), np.round(about.max(axis=0), _DECIMALS)
    found: list[Found] = []
    seen: set[str] = set()
    for at in np.argsort(-best, kind="stable").tolist():
        line = ordered[at]
        if most[at] >= at_least and line.text not in seen:
            seen.add(line.text)
            found.append(Found(line, float(best[at]), float(most[at]), len(found) + 1))
        if len(found) == k:
            break
    return tuple(found)
