"""The evidence of a sample for a task: BM25 and sentence embeddings, slots by polarity (paper section 4).

Dense encoders barely see negation, and many boilerplate denials crowd out the one finding: so the finding, its
synonyms and its signs are separate queries, copies go first, and the top k has places for what is affirmed, negated
and uncertain (DESIGN section 5, Anchors and polarity; measured by ``benchmarks/retrieval_polarity.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xhaim.config import RetrieveSettings
from xhaim.records import Chunk, Evidence, Modality, Polarity, ScoredChunk
from xhaim.retrieve.lexical import bm25, coverage, min_max
from xhaim.retrieve.reading import Reading, read
from xhaim.task import Task

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
    near-identical chunks of the same reading are shown once, newest first (``also_in`` names the others); about half
    of the places go to affirmed chunks, then some to negated and uncertain ones, and a place that nobody needs goes
    to the best that is left. Without: the paper's plain form, the anchors joined to one query, one ranking of all.
    """
    newest = sorted(chunks, key=lambda one: (one.doc_id, one.start, one.end))
    newest.sort(key=lambda one: one.known_at, reverse=True)
    k = settings.top_k_notes if modality == "notes" else settings.top_k_cxr
    if not newest:
        return Evidence(sample_id, task.id, modality, (), 0)
    queries = _queries(task) if settings.polarity_slots else (" ".join(task.anchors),)
    texts = [" ".join(one.text.split()) for one in newest]
    vectors = embed([*texts, *queries])
    of_chunks, of_queries = vectors[: len(texts)], vectors[len(texts) :]
    readings = [read(one.text, task) for one in newest]
    copies = (
        _copies(texts, of_chunks, readings, settings.near_duplicate)
        if settings.polarity_slots
        else {at: [] for at in range(len(newest))}
    )
    kept = list(copies)
    scores = _score(queries, [texts[at] for at in kept], of_queries @ of_chunks[kept].T, settings)
    order = sorted(range(len(kept)), key=lambda row: (-scores.best[row], row))
    if settings.polarity_slots:
        order = _slots(order, [readings[at].side for at in kept], k)
    found = tuple(
        ScoredChunk(
            chunk=newest[kept[row]],
            bm25=float(scores.lexical[row]),
            dense=float(scores.dense[row]),
            score=float(scores.best[row]),
            rank=rank,
            query=queries[scores.query[row]],
            polarity=readings[kept[row]].polarity,
            also_in=tuple(newest[at].chunk_id for at in copies[kept[row]]),
        )
        for rank, row in enumerate(order[:k], start=1)
    )
    return Evidence(sample_id, task.id, modality, found, len(newest))


def _queries(task: Task) -> tuple[str, ...]:
    """Anchors, negated anchors, and each concept's name, synonyms and signs, each a query of its own."""
    terms = [term for concept in task.concepts for term in concept.terms]
    return tuple(dict.fromkeys([*task.anchors, *task.negated_anchors, *terms]))


def _copies(
    texts: list[str], vectors: NDArray[np.float32], readings: list[Reading], threshold: float
) -> dict[int, list[int]]:
    """Kept row -> rows of its older copies: identical text, or near-identical with the same reading."""
    kept: dict[int, list[int]] = {}
    folded = [text.casefold() for text in texts]
    first_of = {text: at for at, text in reversed(list(enumerate(folded)))}
    near = np.round(vectors @ vectors.T, _DECIMALS) >= threshold
    near[range(len(texts)), [first_of[text] for text in folded]] = True
    for at, text in enumerate(folded):
        for first in np.flatnonzero(near[at, :at]).tolist():
            if first in kept and (text == folded[first] or readings[at].says == readings[first].says):
                kept[first].append(at)
                break
        else:
            kept[at] = []
    return kept


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


def _slots(order: list[int], sides: Sequence[Polarity | None], k: int) -> list[int]:
    """Fill k places from a ranking: half affirmed, a quarter negated, an eighth uncertain, the rest by score."""
    places: dict[Polarity, int] = {"affirmed": (k + 1) // 2, "negated": max(1, k // 4), "uncertain": max(1, k // 8)}
    chosen: list[int] = []
    for side, n in places.items():
        chosen += [row for row in order if sides[row] == side][: min(n, k - len(chosen))]
    taken = set(chosen)
    chosen += [row for row in order if row not in taken][: k - len(chosen)]
    taken = set(chosen)
    return [row for row in order if row in taken]
