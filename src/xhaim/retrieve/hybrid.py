"""The evidence of a sample for a task: BM25 and sentence embeddings, slots by polarity (paper section 4).

Dense encoders barely see negation, and many boilerplate denials crowd out the one finding: so the finding, its
synonyms and its signs are separate queries, copies go first, and the top k has places for what is affirmed, negated
and uncertain (DESIGN section 5, Anchors and polarity; measured by ``benchmarks/retrieval_polarity.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from xhaim.config import RetrieveSettings
from xhaim.records import Chunk, Evidence, Modality, ScoredChunk
from xhaim.retrieve.choose import choose
from xhaim.retrieve.copies import copies
from xhaim.retrieve.lexical import bm25, coverage, min_max
from xhaim.retrieve.reading import read
from xhaim.task import Task
from xhaim.text.elsewhere import bare

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts -> [n, d] unit vectors, each a function of its text alone; the caller may cache."""

_DECIMALS = 4
"""Of scores: coarser than what another order of additions changes."""


def retrieve(
    sample_id: str,
    task: Task,
    modality: Modality,
    chunks: Sequence[Chunk],
    embed: Embed,
    settings: RetrieveSettings,
) -> Evidence:
    """Rank the admissible chunks of one modality and return the top k, best first.

    Score: the maximum over the queries of ``alpha * BM25 (min-max) + (1 - alpha) * (cosine + 1) / 2``. Ties: newest
    known_at, then document id, then offset. The result is the same for any order of ``chunks``.

    With ``settings.polarity_slots`` the many short queries have their BM25 weighted by ``lexical.coverage``;
    what is copied forward (``copies``) is shown once, where it is newest (``also_in`` names the others); and the top
    k are chosen for what they say (``choose``), by the score with a bonus of at most ``settings.recency`` for new
    documents. Without: the paper's plain form, the anchors joined to one query, one ranking of all.
    """
    newest = newest_first(chunks)
    k = settings.top_k_notes if modality == "notes" else settings.top_k_cxr
    if not newest:
        return Evidence(sample_id, task.id, modality, (), 0)
    asked = queries(task) if settings.polarity_slots else (" ".join(task.anchors),)
    texts = [" ".join(one.text.split()) for one in newest]
    vectors = embed([*texts, *asked])
    of_chunks, of_queries = vectors[: len(texts)], vectors[len(texts) :]
    reading = cache(partial(read, task=task))  # many chunks have one text
    older: dict[int, list[int]] = {at: [] for at in range(len(newest))}
    if settings.polarity_slots:
        older = copies([one.text for one in newest], [(reading(one.text).says, one.section) for one in newest])
    kept = list(older)
    scores = _score(asked, [texts[at] for at in kept], of_queries @ of_chunks[kept].T, settings)
    order = sorted(range(len(kept)), key=lambda row: (-scores.best[row], row))
    if settings.polarity_slots:
        worth = np.round(scores.best + settings.recency * freshness([newest[at] for at in kept]), _DECIMALS)
        fresh = sorted(range(len(kept)), key=lambda row: (-worth[row], row))
        chosen = set(choose(fresh, [reading(newest[at].text) for at in kept], k))
        order = [row for row in order if row in chosen]
    found = tuple(
        ScoredChunk(
            chunk=newest[kept[row]],
            bm25=float(scores.lexical[row]),
            dense=float(scores.dense[row]),
            score=float(scores.best[row]),
            rank=rank,
            query=asked[scores.query[row]],
            polarity=reading(newest[kept[row]].text).polarity,
            also_in=tuple(newest[at].chunk_id for at in older[kept[row]]),
        )
        for rank, row in enumerate(order[:k], start=1)
    )
    return Evidence(sample_id, task.id, modality, found, len(newest))


def newest_first(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Order chunks by known_at, the newest first, then by document id and offset."""
    newest = sorted(chunks, key=lambda one: (one.doc_id, one.start, one.end))
    newest.sort(key=lambda one: one.known_at, reverse=True)
    return newest


def freshness(chunks: Sequence[Chunk]) -> NDArray[np.float64]:
    """Return [n] in [0, 1]: 1 for what was known last, 0 for what was known first, in equal steps between."""
    times = sorted({one.known_at for one in chunks})
    step = {time: at / max(1, len(times) - 1) for at, time in enumerate(times)}
    return np.array([step[one.known_at] for one in chunks], dtype=np.float64)


def queries(task: Task) -> tuple[str, ...]:
    """Return anchors, negated anchors, and each concept's name, synonyms and signs, each a query of its own."""
    terms = [bare(term) for concept in task.concepts for term in concept.terms]
    return tuple(dict.fromkeys([*task.anchors, *task.negated_anchors, *terms]))


@dataclass(frozen=True, slots=True)
class _Scores:
    """Of each of n chunks: the best query's scores, [n], and which query it was."""

    best: NDArray[np.float64]
    lexical: NDArray[np.float64]
    dense: NDArray[np.float64]
    query: NDArray[np.int64]


def _score(
    queries: Sequence[str], texts: list[str], cosine: NDArray[np.float32], settings: RetrieveSettings
) -> _Scores:
    """Score n texts against q queries; ``cosine`` is [q, n]. The first of equally good queries is named."""
    lexical = min_max(bm25(queries, texts, settings.k1, settings.b))
    if settings.polarity_slots:
        lexical *= coverage(queries, texts)
    lexical = np.round(lexical, _DECIMALS)
    dense = np.round(np.clip((cosine.astype(np.float64) + 1) / 2, 0, 1), _DECIMALS)
    score = np.round(settings.alpha * lexical + (1 - settings.alpha) * dense, _DECIMALS)
    query = score.argmax(axis=0)
    column = np.arange(len(texts))
    return _Scores(score[query, column], lexical[query, column], dense[query, column], query)
