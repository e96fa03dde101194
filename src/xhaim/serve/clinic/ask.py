"""Ask the record: a question in words, answered by sentences of the chart and by values, or by nothing.

The best chunks are found as in step 1 (BM25 and sentence embeddings), then their sentences are weighed one by one.
A sentence is an answer only if it passes ``HELD`` or ``NEAR``; otherwise the answer is that the record does not say.
No language model writes anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xhaim.config import RetrieveSettings
from xhaim.errors import XhaimError
from xhaim.evaluate.signal_plot import SignalView, signal_view
from xhaim.modality.documents import modality_of
from xhaim.records import Chunk, Document, Record
from xhaim.retrieve.chunk import chunk
from xhaim.retrieve.hybrid import Embed
from xhaim.retrieve.lexical import bm25, min_max
from xhaim.retrieve.token_counts import tokens
from xhaim.serve.clinic.asked_words import content, named, share_held
from xhaim.text.sentences import sentences

HELD = 0.6
"""Share of the question's words, rarer ones counting more, that an answer holds: more than half of what is asked."""
NEAR = 0.65
"""Or the cosine of its embedding to the question's: 2 % of questions about findings that a record does not name pass it
(``benchmarks/ask.py``)."""
ANSWERS = 6
_CHUNKS = 12
MAX_QUESTION = 300
_LEAST_WORDS = 3  # of a sentence: headings answer nothing
_PARTS = re.compile(r"[?;\n]")
_MOST_PARTS = 4
_BRACKET = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Found:
    """A sentence of the record."""

    document: Document
    number: int
    """Place of the document in the record."""
    start: int
    end: int
    text: str
    held: float
    near: float | None
    """``None`` where no encoder is at hand."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the record says to a question."""

    sentences: tuple[Found, ...]
    values: tuple[SignalView, ...]
    value_ids: tuple[str, ...]
    unanswered: tuple[str, ...]
    """Parts of the question of which the record does not speak."""
    read: int
    """Sentences of the record that were looked through."""
    dense: bool
    """An encoder was asked too."""

    @property
    def silent(self) -> bool:
        """Say whether the record does not speak of it."""
        return not self.sentences and not self.values


def ask(question: str, record: Record, embed: Embed | None, settings: RetrieveSettings) -> Answer:
    """Answer a question, or several in one, from what was known of a sample. The same for any order of documents.

    ``embed``: texts to unit vectors; ``None``, or one that fails, leaves the words alone.
    """
    spans = [(number, one, span) for number, one in enumerate(record.documents) for span in sentences(one.text)]
    values, ids = _values(question, record)
    found: dict[tuple[int, int], Found] = {}
    silent = []
    for part in [one.strip() for one in _PARTS.split(question) if content(one)][:_MOST_PARTS]:
        wanted = content(part)
        try:
            mine = _sentences(part, wanted, record, spans, embed, settings) if spans else ()
        except XhaimError:
            embed = None
            mine = _sentences(part, wanted, record, spans, embed, settings)
        found |= {(one.number, one.start): one for one in mine if (one.number, one.start) not in found}
        if not mine and not _values(part, record)[1]:
            silent.append(part)
    return Answer(tuple(found.values()), values, ids, tuple(silent), len(spans), embed is not None)


def _sentences(
    question: str,
    wanted: tuple[str, ...],
    record: Record,
    spans: Sequence[tuple[int, Document, tuple[int, int]]],
    embed: Embed | None,
    settings: RetrieveSettings,
) -> tuple[Found, ...]:
    inside = _best_chunks(wanted, question, record, embed, settings)
    texts = [" ".join(one.text[start:end].split()) for _, one, (start, end) in spans]
    held = share_held(wanted, texts)
    rows = [
        row
        for row, (_, one, (start, end)) in enumerate(spans)
        if len(tokens(texts[row])) >= _LEAST_WORDS
        and (held[row] >= HELD or any(low <= start < high for low, high in inside.get(one.doc_id, ())))
    ]
    near = _near(question, [texts[row] for row in rows], embed)
    newest = sorted(range(len(rows)), key=lambda at: _newest_first(spans[rows[at]]))
    found: dict[str, Found] = {}
    for at in newest:
        row, close = rows[at], None if near is None else float(near[at])
        if held[row] < HELD and (close is None or close < NEAR):
            continue
        number, document, (start, end) = spans[row]
        one = Found(document, number, start, end, document.text[start:end], float(held[row]), close)
        found.setdefault(texts[row].casefold(), one)  # what is copied forward is shown where it is newest
    ranked = sorted(found.values(), key=lambda one: -round(one.held + (one.near or 0.0), 4))
    return tuple(ranked[:ANSWERS])


def _newest_first(span: tuple[int, Document, tuple[int, int]]) -> tuple[float, str, int]:
    _, document, (start, _) = span
    return -document.known_at.timestamp(), document.doc_id, start


def _best_chunks(
    wanted: tuple[str, ...], question: str, record: Record, embed: Embed | None, settings: RetrieveSettings
) -> dict[str, list[tuple[int, int]]]:
    """Return doc id -> spans of the chunks that step 1's score puts first."""
    chunks: list[Chunk] = [part for one in record.documents for part in chunk(one, modality_of(one), settings)]
    texts = [" ".join(one.text.split()) for one in chunks]
    score = min_max(bm25((" ".join(wanted),), texts, settings.k1, settings.b))[0]
    if embed is not None:
        vectors = embed([*texts, question])
        score = settings.alpha * score + (1 - settings.alpha) * (vectors[:-1] @ vectors[-1] + 1) / 2
    order = sorted(range(len(chunks)), key=lambda row: (-round(float(score[row]), 4), chunks[row].chunk_id))
    found: dict[str, list[tuple[int, int]]] = {}
    for row in order[:_CHUNKS]:
        found.setdefault(chunks[row].doc_id, []).append((chunks[row].start, chunks[row].end))
    return found


def _near(question: str, texts: Sequence[str], embed: Embed | None) -> NDArray[np.float32] | None:
    if embed is None or not texts:
        return None
    vectors = embed([*texts, question])
    return np.asarray(np.round(vectors[:-1] @ vectors[-1], 4))


def _values(question: str, record: Record) -> tuple[tuple[SignalView, ...], tuple[str, ...]]:
    """Return the signals that the question names, and the latest value of each."""
    labels = {one.signal: _BRACKET.sub(" ", one.label.partition(",")[0]) for one in record.measurements}
    views: list[SignalView] = []
    ids: list[str] = []
    for signal in named(question, labels):
        values = sorted(
            (one for one in record.measurements if one.signal == signal), key=lambda one: (one.time, one.value)
        )
        latest = values[-1].measurement_id
        view, _ = signal_view(values, {latest}, f"v{len(views) + 1}", record.sample.prediction_time)
        views.append(view)
        ids.append(latest)
    return tuple(views), tuple(ids)
