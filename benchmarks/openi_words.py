"""Lines over every word of the Open-I reports: no cap on the terms, and a weaker ridge than the product's.

The product keeps the 2,000 most frequent terms, since its other learners read dense columns. Here they stay sparse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks.out_of_fold import Fitted, Outer
from xhaim.predict.vocabulary import _terms

RIDGES = (1.0, 10.0, 100.0)
"""Inverse strengths to choose from: those of the peer."""


def plain_words(side: Outer, said: Sequence[str], asked: Sequence[str]) -> Fitted:
    """Fit the peer's one and two words; its ridge is chosen by the log loss over the training side's folds."""
    return _line(side, said, asked, TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True))


def words_with_polarity(side: Outer, said: Sequence[str], asked: Sequence[str]) -> Fitted:
    """Fit the product's terms, each with its polarity, all that stand in two training texts."""
    analyzer: Callable[[str], list[str]] = _terms
    return _line(side, said, asked, TfidfVectorizer(analyzer=analyzer, min_df=2, sublinear_tf=True))


def _line(side: Outer, said: Sequence[str], asked: Sequence[str], words: TfidfVectorizer) -> Fitted:
    seen, new, y = words.fit_transform(said), words.transform(asked), side.labels
    out_of_fold = np.zeros((len(RIDGES), len(y)))
    for fold in range(int(side.folds.max()) + 1):
        held = side.folds == fold
        for place, strength in enumerate(RIDGES):
            line = _ridge(strength).fit(seen[~held], y[~held])
            out_of_fold[place, held] = line.decision_function(seen[held])
    best = int((np.logaddexp(0, out_of_fold) - y * out_of_fold).mean(axis=1).argmin())
    margins = _ridge(RIDGES[best]).fit(seen, y).decision_function(new)
    return Fitted(out_of_fold[best], np.asarray(margins, dtype=np.float64), f"C {RIDGES[best]:g}")


def _ridge(strength: float) -> LogisticRegression:
    return LogisticRegression(solver="liblinear", C=strength, max_iter=1000)
