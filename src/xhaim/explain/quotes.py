"""Which words of a chunk are quoted, and what they say of the task's concepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from xhaim.records import Document, Polarity, ScoredChunk
from xhaim.task import Task
from xhaim.text.polarity import mentions
from xhaim.text.sentences import sentences

Side = Literal["for", "against"]

_MAX_WORDS = 30
"""Of a quotation that names no concept: the first whole sentences of the chunk."""


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


def choose_quote(scored: ScoredChunk, task: Task, in_summary: frozenset[str]) -> Quote:
    """Return the sentence of the chunk that best shows what the chunk says.

    First the sentences whose concept has the chunk's own polarity, then the task's foremost concept, then what the
    summary holds (``in_summary``: its sentences, white space folded), then the order of the text. Where no sentence
    names a concept: a sentence of the summary, else the beginning of the chunk.
    """
    chunk = scored.chunk
    spans = sentences(chunk.text) or [(0, len(chunk.text))]
    options: list[tuple[tuple[bool, int, bool, int], Polarity | None, int | None]] = []
    for place, (start, end) in enumerate(spans):
        words = chunk.text[start:end]
        unseen = " ".join(words.split()) not in in_summary
        for concept, polarity in _said(words, task):
            other = scored.polarity is not None and polarity != scored.polarity
            options.append(((other, concept, unseen, place), polarity, concept))
        if not unseen:
            options.append(((True, len(task.concepts), False, place), None, None))
    if not options:
        start, end = _beginning(chunk.text, spans)
        return Quote(chunk.start + start, chunk.start + end, chunk.text[start:end], None, None)
    (_, _, _, place), said, index = min(options, key=lambda option: option[0])
    start, end = spans[place]
    speaks = None if said is None or index is None else _side(said, task.concepts[index].points)
    return Quote(chunk.start + start, chunk.start + end, chunk.text[start:end], said, speaks)


def quote_of(document: Document, task: Task) -> Quote | None:
    """Return the first sentence of a document that names the task's foremost concept in it; None where none does."""
    found = [
        (concept, start, end, polarity)
        for start, end in sentences(document.text)
        for concept, polarity in _said(document.text[start:end], task)
    ]
    if not found:
        return None
    concept, start, end, polarity = min(found, key=lambda one: one[:2])
    return Quote(start, end, document.text[start:end], polarity, _side(polarity, task.concepts[concept].points))


def polarities(words: str, task: Task) -> dict[int, set[Polarity]]:
    """Return what the words say: index of a concept -> the polarities with which it is named."""
    found: dict[int, set[Polarity]] = {}
    for concept, polarity in _said(words, task):
        found.setdefault(concept, set()).add(polarity)
    return found


def _said(words: str, task: Task) -> Iterator[tuple[int, Polarity]]:
    """Name the patient's concepts; all terms are looked for at once, so that the longest wins."""
    concepts = {term: index for index, concept in reversed([*enumerate(task.concepts)]) for term in concept.terms}
    for mention in mentions(words, tuple(concepts)):
        if not mention.family:
            yield concepts[mention.term], mention.polarity


def _side(polarity: Polarity, points: Side) -> Side | None:
    if polarity == "uncertain":
        return None
    other: Side = "against" if points == "for" else "for"
    return points if polarity == "affirmed" else other


def _beginning(text: str, spans: list[tuple[int, int]]) -> tuple[int, int]:
    start, end = spans[0]
    for _, later in spans[1:]:
        if len(text[start:later].split()) > _MAX_WORDS:
            break
        end = later
    return start, end
