"""Documents cut into chunks: whole sentences of one section, with exact offsets (DESIGN section 5, Chunks)."""

from __future__ import annotations

import re

from xhaim.config import RetrieveSettings
from xhaim.records import Chunk, Document, Modality
from xhaim.text.sections import Section, sections
from xhaim.text.sentences import sentences

_WORD = re.compile(r"\S+")
_Span = tuple[int, int]


def chunk(document: Document, modality: Modality, settings: RetrieveSettings) -> list[Chunk]:
    """Return the chunks of a document in the order of its text.

    A chunk never crosses a section, holds at most ``settings.max_words`` words, and starts with the last
    ``settings.overlap_sentences`` sentences of the chunk before where they fit. A sentence that is longer than a
    chunk is cut between words. Every non-space character of the document lies in a chunk.
    """
    spans = sentences(document.text)
    chunks: list[Chunk] = []
    at = 0
    for section in sections(document.text):
        inside: list[_Span] = []
        while at < len(spans) and spans[at][0] < section.end:
            inside.append(spans[at])
            at += 1
        pieces = [piece for span in inside for piece in _cut(document.text, span, settings.max_words)]
        chunks.extend(
            _chunk(document, modality, section, start, end)
            for start, end in _pack(document.text, pieces, settings.max_words, settings.overlap_sentences)
        )
    return chunks


def _chunk(document: Document, modality: Modality, section: Section, start: int, end: int) -> Chunk:
    return Chunk(
        chunk_id=f"{document.doc_id}:{start}-{end}",
        doc_id=document.doc_id,
        modality=modality,
        kind=document.kind,
        section=section.name,
        start=start,
        end=end,
        text=document.text[start:end],
        time=document.time,
        known_at=document.known_at,
    )


def _cut(text: str, span: _Span, max_words: int) -> list[_Span]:
    """Cut a sentence that is too long between words."""
    if _at_most(max_words, span):
        return [span]
    words = [match.span() for match in _WORD.finditer(text, *span)]
    return [
        (words[first][0], words[min(first + max_words, len(words)) - 1][1]) for first in range(0, len(words), max_words)
    ]


def _at_most(words: int, span: _Span) -> bool:
    """Say whether a stretch is so short that it holds no more words, each with a space or a full stop behind it."""
    return span[1] - span[0] < 2 * words


def _pack(text: str, pieces: list[_Span], max_words: int, overlap: int) -> list[_Span]:
    """Fill chunks with sentences in order; the overlap gives way where it would not fit."""
    if pieces and _at_most(max_words, (pieces[0][0], pieces[-1][1])):
        return [(pieces[0][0], pieces[-1][1])]
    counts = [len(text[start:end].split()) for start, end in pieces]
    packed: list[_Span] = []
    first, words = 0, 0
    for at, count in enumerate(counts):
        if words and words + count > max_words:
            packed.append((pieces[first][0], pieces[at - 1][1]))
            first = max(at - overlap, first + 1)
            while first < at and sum(counts[first : at + 1]) > max_words:
                first += 1
            words = sum(counts[first:at])
        words += count
    if pieces:
        packed.append((pieces[first][0], pieces[-1][1]))
    return packed
