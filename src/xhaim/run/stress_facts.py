"""What an edit of a note must leave as it was, and how it is undone where it does not: the facts of a text.

Facts are how often each concept of the task is affirmed, denied or doubted (as the ``concepts`` block counts them), and
the numbers. What is random in an edit is drawn from a hash of the text it is done to, so that text copied forward
stays a copy, and no order of samples or processes decides anything.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import numpy as np

from xhaim.records import Document
from xhaim.task import Task
from xhaim.text.polarity import Mention, mentions
from xhaim.text.sections import headings
from xhaim.text.sentences import sentences

_NUMBER = re.compile(r"\d+(?:[.,/:]\d+)*")
Terms = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """A sample's documents after an edit."""

    documents: tuple[Document, ...]
    made: int = 0
    """Edits made: words, sentences or copies, as the perturbation's title says."""
    undone: int = 0
    """Edits taken back, since they would have changed a fact."""


Edit = Callable[[Sequence[Document], Task, datetime], Edited]
"""Documents of one sample, the task and the prediction time -> the same documents, edited: a pure function."""
Rewrite = Callable[[str], tuple[str, int]]
"""A sentence -> how it is written instead, and how many edits that took."""


def drawn(*parts: object) -> np.random.Generator:
    """Return the random numbers that belong to some words: the same everywhere."""
    text = "\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass")
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big"))


def terms_of(task: Task) -> Terms:
    """Return the concepts of a task with their words."""
    return tuple((concept.name, concept.terms) for concept in task.concepts)


def named(sentence: str, terms: Terms) -> list[tuple[str, Mention]]:
    """Return what a sentence says of the patient's concepts, with each concept's name; of a relative nothing."""
    return [(name, one) for name, words in terms for one in mentions(sentence, words) if not one.family]


@lru_cache(maxsize=100_000)
def facts(text: str, terms: Terms) -> Counter[tuple[str, str]]:
    """Return how often a text says what of each concept, and each number in it. Not to be changed by the caller."""
    found = Counter(("number", number) for number in _NUMBER.findall(text))
    for start, end in sentences(text):
        found.update((name, one.polarity) for name, one in named(text[start:end], terms))
    return found


def body(text: str) -> list[tuple[int, int]]:
    """Return the spans of a text's sentences without its headings, in order."""
    titles = {(start, end) for start, end, _ in headings(text)}
    return [span for span in sentences(text) if span not in titles]


def spliced(text: str, pieces: Sequence[tuple[int, int, str]]) -> str:
    """Return a text with other words at some spans, given in order and without overlap."""
    parts, at = [], 0
    for start, end, words in pieces:
        parts += [text[at:start], words]
        at = end
    return "".join([*parts, text[at:]])


def kept(document: Document, text: str, made: int, terms: Terms) -> tuple[Document, int, int]:
    """Return the document with its new text, or as it was where that would change a fact; edits made and undone."""
    if not made or text == document.text:
        return document, 0, 0
    if facts(text, terms) != facts(document.text, terms):
        return document, 0, made
    return replace(document, text=text), made, 0


def rewritten(documents: Sequence[Document], task: Task, rewrite: Rewrite) -> Edited:
    """Write each sentence of each document otherwise, where no fact of the sentence and of the document changes."""
    terms = terms_of(task)
    found, total, undone = [], 0, 0
    for document in documents:
        pieces, made = [], 0
        for start, end in body(document.text):
            old = document.text[start:end]
            new, edits = rewrite(old)
            if edits and facts(new, terms) != facts(old, terms):
                undone += edits
            elif edits:
                pieces.append((start, end, new))
                made += edits
        document, made, lost = kept(document, spliced(document.text, pieces), made, terms)  # noqa: PLW2901
        found.append(document)
        total, undone = total + made, undone + lost
    return Edited(tuple(found), total, undone)
