"""The words of summaries as columns, each with how it is meant: ``effusion, denied`` is another word than ``effusion``.

A small encoder was measured to lose on report text to words that carry their polarity (``benchmarks.openi``), and a
column that is a word can be shown to a reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from xhaim.text.polarity import polarity
from xhaim.text.sentences import sentences

MOST = 2_000
"""Terms kept, the most frequent."""
FEWEST = 3
"""Training texts that must hold a term."""
_WORD = re.compile(r"[a-z][a-z]+")
_MEANT = {"affirmed": "", "negated": "-", "uncertain": "?"}
_IN_WORDS = {"-": ", denied", "?": ", uncertain"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Terms, one or two words of a sentence, and how telling each is."""

    terms: tuple[str, ...]
    """A word ends in ``-`` where it is denied and in ``?`` where it is uncertain; two have a space between them."""
    idf: tuple[float, ...]
    """Inverse document frequency of each term among the training texts."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> Vocabulary:
        """Learn the terms of the training texts; their labels have no say."""
        counted = TfidfVectorizer(analyzer=_terms, min_df=FEWEST, max_features=MOST)
        try:
            counted.fit([text for text in texts if text])
        except ValueError:  # no term is frequent enough, or there is no text
            return cls((), ())
        order = np.argsort(list(counted.vocabulary_.values()))
        terms = np.array(list(counted.vocabulary_))[order]
        return cls(tuple(terms.tolist()), tuple(counted.idf_.tolist()))

    def matrix(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return [n, terms]: (1 + log count) x idf, each row of length one; zeros where no term is there."""
        if not self.terms:
            return np.zeros((len(texts), 0), np.float32)
        weighed = TfidfVectorizer(analyzer=_terms, vocabulary=self.terms, sublinear_tf=True, dtype=np.float32)
        weighed.idf_ = np.array(self.idf, dtype=np.float32)
        found: NDArray[np.float32] = weighed.transform(texts).toarray()
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Each term as a reader should see it: ``pleural effusion, denied``."""
        return tuple(_named(term) for term in self.terms)


def _terms(text: str) -> list[str]:
    return [term for start, end in sentences(text) for term in _of_sentence(text[start:end])]


@lru_cache(maxsize=50_000)
def _of_sentence(sentence: str) -> tuple[str, ...]:
    meant = [
        one.group() + _MEANT[polarity(sentence, one.start(), one.end())] for one in _WORD.finditer(sentence.lower())
    ]
    return (*meant, *(f"{a} {b}" for a, b in pairwise(meant)))


def _named(term: str) -> str:
    words = term.split()
    ends = [word[-1] if word[-1] in _IN_WORDS else "" for word in words]
    if len(set(ends)) == 1:
        return " ".join(word.rstrip("-?") for word in words) + _IN_WORDS.get(ends[0], "")
    return ", ".join(word.rstrip("-?") + _IN_WORDS.get(end, "") for word, end in zip(words, ends, strict=True))
