"""Which words of a chunk are quoted, and what they say of the task's concepts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from xhaim.records import Document, Polarity, ScoredChunk
from xhaim.task import Task
from xhaim.text.polarity import mentions, places
from xhaim.text.sentences import sentences

Side = Literal["for", "against"]

_MAX_WORDS = 30
"""Of a quotation that names no concept: the first whole sentences of the chunk."""


_WORD = re.compile(r"[\w.%/]*\w|%")
LEAST_COPY = 4
"""Words of a quotation from which it counts as copied where another ends with it: ``CXR: There is an effusion.``"""
MAX_QUOTES = 3
"""Sentences of one chunk that are quoted on one side."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A span of a document, and what it says."""

    start: int
    end: int
    """Offsets into the document."""
    text: str
    polarity: Polarity | None
    """Of the foremost concept that it names; ``None`` where it names none."""
    speaks: Side | None
    """The side that its words take, whatever the model makes of them; ``None``: neither, or uncertain."""
    foremost: bool = False
    """It names the task's finding itself; of an outcome, any of its concepts."""


def choose_quotes(scored: ScoredChunk, task: Task, in_summary: frozenset[str]) -> list[tuple[Quote, ...]]:
    """Return the sentences of the chunk that best show what it says, those of one side together, the best side first.

    First the sentences whose concept has the chunk's own polarity, then the task's foremost concept, then what the
    summary holds (``in_summary``: its sentences, white space folded), then the order of the text; of each side
    MAX_QUOTES. Doubtful words are quoted where they come first, and then alone. Where no sentence names a concept: a
    sentence of the summary, else the beginning of the chunk.
    """
    chunk = scored.chunk
    spans = sentences(chunk.text) or [(0, len(chunk.text))]
    options: list[tuple[tuple[bool, int, bool, int], Quote]] = []
    for place, (start, end) in enumerate(spans):
        words = chunk.text[start:end]
        unseen = " ".join(words.split()) not in in_summary
        for concept, polarity, past in _said(words, task):
            other = scored.polarity is not None and polarity != scored.polarity
            quote = _quote(chunk.start + start, words, task, concept, None if past else polarity)
            quote = replace(quote, polarity=polarity)
            options.append(((other, concept, unseen, place), quote))
        if not unseen:
            plain = Quote(chunk.start + start, chunk.start + end, words, None, None)
            options.append(((True, len(task.concepts), False, place), plain))
    if not options:
        start, end = _beginning(chunk.text, spans)
        return [(Quote(chunk.start + start, chunk.start + end, chunk.text[start:end], None, None),)]
    ranked = [quote for _, quote in sorted(options, key=lambda option: option[0])]
    first = ranked[0].speaks
    groups: list[tuple[Quote, ...]] = [(ranked[0],)] if first is None else []
    for side in _SIDES if first is None else (first, _OTHER[first]):
        told = {(one.start, one.end) for group in groups for one in group}  # a sentence may speak for both
        left = [one for one in ranked if one.speaks == side and (one.start, one.end) not in told]
        if left:
            groups.append(_first_of(left))
    return groups


_SIDES: tuple[Side, Side] = ("for", "against")
_OTHER: dict[Side, Side] = {"for": "against", "against": "for"}


def _first_of(quotes: list[Quote]) -> tuple[Quote, ...]:
    """Return the first sentences, those of the same words once."""
    found: dict[str, Quote] = {}
    for one in quotes:
        found.setdefault(folded(one.text), one)
    return tuple(found.values())[:MAX_QUOTES]


def folded(text: str) -> str:
    """Return a text's words in lower case: marks and white space tell no two quotations apart."""
    return " ".join(_WORD.findall(text.lower()))


def same_words(one: str, two: str) -> bool:
    """Say whether two quotations are copies, or one is quoted in the other behind a few words of its own."""
    short, long = sorted((one, two), key=len)
    return one == two or (len(short.split()) >= LEAST_COPY and long.endswith(short) and len(long) < 2 * len(short))


def _quote(start: int, words: str, task: Task, concept: int, polarity: Polarity | None) -> Quote:
    """Return a quotation; what is spoken of as past takes no side."""
    side = None if polarity is None else _side(polarity, task.concepts[concept].points)
    return Quote(start, start + len(words), words, polarity, side, is_foremost(task, concept))


def is_foremost(task: Task, concept: int) -> bool:
    """Say whether a concept says that the finding itself is there or not; of an outcome, every concept is foremost."""
    return concept == 0 or not task.needs_image or task.concepts[concept].foremost


def quote_of(document: Document, task: Task) -> Quote | None:
    """Return the first sentence of a document that names the task's foremost concept in it; None where none does."""
    found = [(concept, quote.start, quote) for concept, quote in _present(document, task)]
    return min(found, key=lambda one: one[:2])[2] if found else None


def foremost_quotes(document: Document, task: Task) -> Iterator[Quote]:
    """Yield the sentences of a document that say whether the finding itself is there; of an outcome, any concept."""
    for concept, quote in _present(document, task):
        if is_foremost(task, concept):
            yield quote


def _present(document: Document, task: Task) -> Iterator[tuple[int, Quote]]:
    """Yield each concept that a sentence of a document names, and the sentence; not what is spoken of as past."""
    named = places(document.text, tuple(term for concept in task.concepts for term in concept.terms))
    for start, end in sentences(document.text) if named else ():
        at = bisect_left(named, start)
        if at == len(named) or named[at] >= end:
            continue
        words = document.text[start:end]
        for concept, polarity, past in _said(words, task):
            if not past:
                yield concept, _quote(start, words, task, concept, polarity)


def sides_of(words: str, task: Task) -> set[Side]:
    """Return the sides that the words take."""
    said = (_side(polarity, task.concepts[at].points) for at, polarity, past in _said(words, task) if not past)
    return {side for side in said if side is not None}


def polarities(words: str, task: Task) -> dict[int, set[Polarity]]:
    """Return what the words say: index of a concept -> the polarities with which it is named."""
    found: dict[int, set[Polarity]] = {}
    for concept, polarity, _ in _said(words, task):
        found.setdefault(concept, set()).add(polarity)
    return found


def _said(words: str, task: Task) -> Iterator[tuple[int, Polarity, bool]]:
    """Name the patient's concepts, and whether as past; all terms are looked for at once, so that the longest wins."""
    concepts = {term: index for index, concept in reversed([*enumerate(task.concepts)]) for term in concept.terms}
    for mention in mentions(words, tuple(concepts)):
        if not mention.family:
            yield concepts[mention.term], mention.polarity, mention.historical


def _side(polarity: Polarity, points: Side) -> Side | None:
    if polarity == "uncertain":
        return None
    return points if polarity == "affirmed" else _OTHER[points]


def _beginning(text: str, spans: list[tuple[int, int]]) -> tuple[int, int]:
    start, end = spans[0]
    for _, later in spans[1:]:
        if len(text[start:later].split()) > _MAX_WORDS:
            break
        end = later
    return start, end
