"""Which sentence of a text is the wrong one, told that one is: a probability for each, from its words and its place.

A conditional logit: every sentence has a score, linear in the TF-IDF of its words and word pairs and in its place and
shape; the scores of one text compete in a softmax. What it learns is where errors are put and how such sentences are
worded, not medicine: it cannot say whether there is an error at all. Texts of another kind need a ranker of their own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from xhaim.atomic import write_bytes
from xhaim.errors import DataError

Floats = NDArray[np.float64]
SHAPE = (
    "first", "last", "second last", "third last", "sentences to the end", "share of the text before it", "log words",
    "at most 3 words", "at most 8 words", "over 20 words", "share of digits", "any digit", "ends with a full stop",
    "ends with a colon", "begins with a capital",
)  # fmt: skip
"""What is known of a sentence beside its words, in the order of ``Ranker.shape``."""
_TOKEN = re.compile(r"[a-z]+|\d+|[^\sa-z\d]")
_FORMAT = "xhaim wrong sentence 1"
_MOST_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Penalties:
    """Ridge penalties of the weights."""

    words: float = 0.3
    shape: float = 30.0
    """On columns of standard deviation 1."""


@dataclass(frozen=True, slots=True)
class Ranker:
    """A fitted ranking."""

    terms: dict[str, tuple[float, float]]
    """Word or pair of words -> its idf over the training sentences, and its weight."""
    shape: tuple[tuple[float, float, float], ...]
    """Of each of ``SHAPE``: mean and standard deviation over the training sentences, and weight."""

    def rank(self, sentences: Sequence[str]) -> Floats:
        """Return for each of n sentences of one text the probability that it is the wrong one: [n], sum 1.

        No sentences give no probabilities. Time grows with the text's length.
        """
        if not sentences:
            return np.zeros(0)
        mean, deviation, weight = np.array(self.shape).T
        scores = (_shapes(sentences) - mean) / deviation @ weight
        scores += [self._of_words(sentence) for sentence in sentences]
        odds = np.exp(scores - scores.max())
        return np.asarray(odds / odds.sum())

    def _of_words(self, sentence: str) -> float:
        known = [(n, *self.terms[term]) for term, n in sorted(_terms(sentence).items()) if term in self.terms]
        values = np.array([(1 + np.log(n)) * idf for n, idf, _ in known])
        length = float(np.linalg.norm(values))
        return float(values @ [weight for *_, weight in known]) / length if length else 0.0

    def save(self, path: Path) -> None:
        """Write it as JSON, numbers to 6 digits."""
        terms = {term: [_short(idf), _short(weight)] for term, (idf, weight) in sorted(self.terms.items())}
        shape = {name: list(map(_short, three)) for name, three in zip(SHAPE, self.shape, strict=True)}
        text = json.dumps(
            {"format": _FORMAT, "shape": shape, "terms": terms}, ensure_ascii=False, separators=(",", ":")
        )
        write_bytes(path, text.encode())

    @classmethod
    def load(cls, path: Path) -> Ranker:
        """Read what ``save`` wrote. Raises DataError for anything else."""
        try:
            return _read(path)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DataError(
                f"'{path}' is no ranker of wrong sentences",
                got=f"{type(error).__name__}: {error}"[:200],
                expected=f"the JSON that Ranker.save writes, '{_FORMAT}'",
                do="fit it again",
            ) from error


def _read(path: Path) -> Ranker:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES} bytes")
    given = json.loads(path.read_bytes())
    if given["format"] != _FORMAT or tuple(given["shape"]) != SHAPE:
        raise ValueError("another format, or other columns")
    terms = {term: (float(idf), float(weight)) for term, (idf, weight) in given["terms"].items()}
    shape = tuple((float(mean), float(sd), float(weight)) for mean, sd, weight in given["shape"].values())
    if not np.isfinite([*(x for two in terms.values() for x in two), *(x for three in shape for x in three)]).all():
        raise ValueError("a number that is not finite")
    if any(deviation <= 0 for _, deviation, _ in shape):
        raise ValueError("a standard deviation that is not above 0")
    return Ranker(terms, shape)


def learn(texts: Sequence[Sequence[str]], wrong: Sequence[int], penalties: Penalties | None = None) -> Ranker:
    """Fit a ranking to texts as sentences; ``wrong[i]`` is the index of text i's wrong one.

    Terms in fewer than two sentences are left out. The same texts give the same ranker in any order, but for the
    last digits. Raises ValueError for an index outside its text, and for no text.
    """
    penalties = penalties or Penalties()
    if not texts or any(not 0 <= at < len(text) for text, at in zip(texts, wrong, strict=True)):
        raise ValueError("a ranking is fitted to at least one text, and the wrong sentence must be one of its text's")
    sizes = np.array([len(text) for text in texts])
    counts = [_terms(sentence) for text in texts for sentence in text]
    found = Counter(term for count in counts for term in count)
    terms = sorted(term for term, n in found.items() if n > 1)
    idf = np.array([np.log((1 + len(counts)) / (1 + found[term])) + 1 for term in terms])
    shapes = np.vstack([_shapes(text) for text in texts])
    mean, deviation = shapes.mean(axis=0), shapes.std(axis=0)
    deviation[deviation == 0] = 1.0
    X = sparse.hstack([_tf_idf(counts, terms, idf), (shapes - mean) / deviation], format="csr")
    penalty = np.r_[np.full(len(terms), penalties.words), np.full(len(SHAPE), penalties.shape)]
    weights = _conditional_logit(X, sizes, np.array(wrong), penalty)
    split = len(terms)
    return Ranker(
        {term: (float(i), float(w)) for term, i, w in zip(terms, idf, weights[:split], strict=True)},
        tuple((float(m), float(d), float(w)) for m, d, w in zip(mean, deviation, weights[split:], strict=True)),
    )


def _conditional_logit(X: sparse.csr_matrix, sizes: NDArray[Any], wrong: NDArray[Any], penalty: Floats) -> Floats:
    """Return the weights [d] under which the wrong sentences are likeliest, each among those of its text, by L-BFGS."""
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    of_text = np.repeat(np.arange(len(sizes)), sizes)
    chosen = starts + wrong
    transposed = X.T.tocsr()
    target = np.asarray(X[chosen].sum(axis=0)).ravel()

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = X @ weights
        highest = np.maximum.reduceat(scores, starts)
        odds = np.exp(scores - highest[of_text])
        total = np.add.reduceat(odds, starts)
        value = (highest + np.log(total)).sum() - scores[chosen].sum() + 0.5 * (penalty * weights**2).sum()
        return float(value), transposed @ (odds / total[of_text]) - target + penalty * weights

    found = minimize(loss, np.zeros(X.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return np.asarray(found.x)


def _terms(sentence: str) -> Counter[str]:
    """Count words and neighbouring pairs, with the sentence's two edges; every number is the same word."""
    words = ["^", *("0" if word.isdigit() else word for word in _TOKEN.findall(sentence.casefold())), "$"]
    return Counter([*words[1:-1], *(f"{one} {other}" for one, other in pairwise(words))])


def _tf_idf(counts: Sequence[Counter[str]], terms: Sequence[str], idf: Floats) -> sparse.csr_matrix:
    """Return rows [n, t] of length 1, or 0 where no term is known."""
    at = {term: place for place, term in enumerate(terms)}
    cells = [(row, at[term], n) for row, count in enumerate(counts) for term, n in count.items() if term in at]
    rows, columns, times = np.array(cells, dtype=np.int64).reshape(-1, 3).T
    values = (1 + np.log(times)) * idf[columns]
    lengths = np.sqrt(np.bincount(rows, values**2, minlength=len(counts)))
    return sparse.csr_matrix((values / lengths[rows], (rows, columns)), shape=(len(counts), len(terms)))


def _shapes(sentences: Sequence[str]) -> Floats:
    """Return ``SHAPE`` of each sentence: [n, 15]."""
    n = len(sentences)
    return np.array([_shape(sentence.strip(), place, n) for place, sentence in enumerate(sentences)], dtype=np.float64)


def _shape(sentence: str, place: int, n: int) -> list[float]:
    tokens = _TOKEN.findall(sentence.casefold())
    words, digits = sum(token.isalpha() for token in tokens), sum(token.isdigit() for token in tokens)
    left = n - 1 - place
    return [
        place == 0, left == 0, left == 1, left == 2, left, place / max(n - 1, 1), np.log1p(words),
        words <= 3, words <= 8, words > 20, digits / max(len(tokens), 1), digits > 0, sentence.endswith("."),
        sentence.endswith(":"), sentence[:1].isupper(),
    ]  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.6g}")
