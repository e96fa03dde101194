"""BM25 over the few chunks of one sample (Robertson and Zaragoza 2009; the idf of Lucene)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from xhaim.retrieve.token_counts import Vocabulary, tokens


@lru_cache(maxsize=256)
def _query_matrix(queries: tuple[str, ...]) -> tuple[Vocabulary, NDArray[np.float64]]:
    """Return the tokens of the queries, and how often each query holds each: [q, t]."""
    counts = [Counter(tokens(query)) for query in queries]
    words = tuple(sorted({token for count in counts for token in count}))
    matrix = np.array([[count[word] for word in words] for count in counts], dtype=np.float64)
    return Vocabulary(words), matrix.reshape(len(queries), len(words))


def _counts(
    queries: Sequence[str], texts: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return query tokens [q, t], text tokens [t, n], lengths of the texts [n], idf [t]; the corpus is ``texts``."""
    vocabulary, query_counts = _query_matrix(tuple(queries))
    frequency, lengths = vocabulary.count(texts)
    df = (frequency > 0).sum(axis=1)
    return query_counts, frequency, lengths, np.log1p((len(texts) - df + 0.5) / (df + 0.5))


def bm25(queries: Sequence[str], texts: Sequence[str], k1: float, b: float) -> NDArray[np.float64]:
    """Return scores [q, n]: sum over query tokens of idf * tf / (tf + k1 * (1 - b + b * length / mean length)).

    ``idf = ln(1 + (N - df + 0.5) / (df + 0.5))``; the corpus is ``texts``. Never negative.
    """
    query_counts, frequency, lengths, idf = _counts(queries, texts)
    mean_length = lengths.mean() if lengths.any() else 1.0
    saturation = k1 * (1 - b + b * lengths / mean_length)
    weight = np.divide(frequency, frequency + saturation, out=np.zeros_like(frequency), where=frequency > 0)
    return np.asarray(query_counts @ (idf[:, None] * weight), dtype=np.float64)


def coverage(queries: Sequence[str], texts: Sequence[str]) -> NDArray[np.float64]:
    """Return [q, n] in [0, 1]: the share of a query's distinct tokens, weighted by idf, that a text holds.

    Min-max gives the best text of a query 1 even where it shares but one word: ``obscured hemidiaphragm`` would put
    ``Elevated hemidiaphragm.`` first. The share tells how much of the query that best is.
    """
    query_counts, frequency, _, idf = _counts(queries, texts)
    asked = (query_counts > 0) * idf
    whole = asked.sum(axis=1, keepdims=True)
    held = asked @ (frequency > 0)
    return np.asarray(np.divide(held, whole, out=np.zeros_like(held), where=whole > 0), dtype=np.float64)


def min_max(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale each query's scores [q, n] to [0, 1] over its n texts; all zeros where they are all equal."""
    if scores.shape[1] == 0:
        return scores
    low = scores.min(axis=1, keepdims=True)
    spread = scores.max(axis=1, keepdims=True) - low
    scaled = np.divide(scores - low, spread, out=np.zeros_like(scores), where=spread > 0)
    return np.asarray(scaled, dtype=np.float64)
