"""What a written sentence must share with the chunks it cites: numbers, sides, and what is said of each concept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xhaim.records import Polarity
from xhaim.task import Task
from xhaim.text.polarity import mentions
from xhaim.text.sentences import sentences

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SIDE = re.compile(r"\b(left|right|bilateral|bilaterally)\b", re.IGNORECASE)


def supported(sentence: str, cited: Sequence[str], task: Task) -> bool:
    """Say whether every number and side of ``sentence`` stands in the cited texts, and its concepts are said alike.

    A concept that the sentence affirms, denies or doubts must be affirmed, denied or doubted in a cited text.
    """
    together = "\n\n".join(cited)
    if not _numbers(sentence) <= _numbers(together) or not _sides(sentence) <= _sides(together):
        return False
    return said(sentence, task) <= {reading for text in cited for reading in said(text, task)}


def said(text: str, task: Task) -> set[tuple[int, Polarity]]:
    """Return (index of the concept, polarity) of every mention in a text, sentence by sentence."""
    owner: dict[str, int] = {}
    for at, concept in enumerate(task.concepts):
        for term in concept.terms:
            owner.setdefault(term, at)
    found: set[tuple[int, Polarity]] = set()
    for start, end in sentences(text):
        found |= {(owner[one.term], one.polarity) for one in mentions(text[start:end], tuple(owner))}
    return found


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(text))


def _sides(text: str) -> set[str]:
    return {side.lower().removesuffix("ly") for side in _SIDE.findall(text)}
