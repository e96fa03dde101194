"""A trained filter, "does this passage hold evidence for this question?", against the hybrid score it would replace.

    python -m benchmarks.evidence_filter [--train bioasq] [--test medquad pubmedqa] [--healthver]
        [--data FOLDER] [--scratch FOLDER]

Trained on one collection (the hybrid's first 50 passages of each question), tested on others, whose passages it never
saw, by reordering the hybrid's first 100; with ``--healthver`` on whether a passage supports or refutes a claim, or
does neither. On SIMULATED charts: ``evidence_filter_simulated``.
"""

from __future__ import annotations

import argparse
import csv
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.judged_collections import Collection
from benchmarks.retrieval_open import COLLECTIONS, Embeddings, hybrid, interval, ndcg, recall, top
from xhaim.config import RetrieveSettings
from xhaim.retrieve.dense import minilm
from xhaim.retrieve.lexical import bm25, coverage, min_max, tokens

FEATURES = ("BM25, min-max", "BM25 of its most", "coverage", "cosine", "log words", "denies", "denies as asked")
TRAINED_ON = 50
"""Candidates of a question: what the hybrid puts first, so that the filter learns what the score cannot tell."""
_DENIAL = re.compile(r"\b(?:no|not|without|never|none|neither|nor|denies|absent|negative)\b", re.IGNORECASE)
Values = NDArray[np.float64]
Score = Callable[[Values], Values]
"""[n, f] -> [n]"""


@dataclass(frozen=True)
class Corpus:
    """Texts, with what each feature needs of them."""

    texts: list[str]
    vectors: NDArray[np.float32]
    holding: Counter[str]
    """Token -> texts that hold it."""

    @classmethod
    def of(cls, texts: list[str], vectors: NDArray[np.float32]) -> Corpus:
        """Count the tokens."""
        return cls(texts, vectors, Counter(word for text in texts for word in set(tokens(text))))

    def features(self, queries: Sequence[str], asked: NDArray[np.float32]) -> tuple[Values, Values]:
        """Return the hybrid score [q, n] and the features [q, n, f]; none grows with the corpus by itself."""
        settings = RetrieveSettings()
        lexical = bm25(queries, self.texts, settings.k1, settings.b)
        cosine = (asked @ self.vectors.T).astype(np.float64)
        most = np.array([self._most(query) for query in queries])[:, None]
        strength = np.divide(lexical, most, out=np.zeros_like(lexical), where=most > 0)
        words = np.log1p([len(tokens(text)) for text in self.texts])
        denies = np.array([bool(_DENIAL.search(text)) for text in self.texts])
        as_asked = denies[None, :] == np.array([bool(_DENIAL.search(query)) for query in queries])[:, None]
        shape = lexical.shape
        columns = [
            min_max(lexical), strength, coverage(queries, self.texts), cosine, np.broadcast_to(words, shape),
            np.broadcast_to(denies, shape), as_asked,
        ]  # fmt: skip
        return hybrid(lexical, cosine), np.stack(columns, axis=2).astype(np.float64)

    def _most(self, query: str) -> float:
        """Return what BM25 comes near for a short text with every word: the sum of their idf."""
        n, df = len(self.texts), [self.holding[word] for word in tokens(query)]
        return float(sum(np.log1p((n - d + 0.5) / (d + 0.5)) for d in df))


@dataclass(frozen=True)
class Candidates:
    """The first passages of each question by the hybrid: places [q, k], features [q, k, f], gold or not [q, k]."""

    places: NDArray[np.int64]
    X: Values
    y: NDArray[np.bool_]


def candidates(one: Collection, vectors: Embeddings, depth: int) -> Candidates:
    """Return the candidates of a collection, in blocks of questions."""
    encoder = minilm()
    asked = vectors.of(one.queries, encoder.name, encoder.encode)
    corpus = Corpus.of(one.passages, vectors.of(one.passages, encoder.name, encoder.encode))
    places, features = [], []
    for at in range(0, len(one.queries), 50):
        score, X = corpus.features(one.queries[at : at + 50], asked[at : at + 50])
        first = top(score)[:, :depth]
        places.append(first)
        features.append(np.take_along_axis(X, first[:, :, None], axis=1))
    found = np.vstack(places)
    y = np.array([[place in right for place in row] for row, right in zip(found, one.gold, strict=True)])
    return Candidates(found, np.vstack(features), y)


def models(train: Candidates) -> dict[str, Score]:
    """Fit a regression and trees on the candidates of a collection; print the regression's weights."""
    X, y = train.X.reshape(-1, len(FEATURES)), train.y.ravel()
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)
    trees = HistGradientBoostingClassifier(max_depth=4, max_iter=200, learning_rate=0.05, random_state=0).fit(X, y)
    weights = linear[-1].coef_[0]
    print(
        "  weights by standard deviation: " + ", ".join(f"{n} {w:+.2f}" for n, w in zip(FEATURES, weights, strict=True))
    )
    fitted = {"regression": linear, "trees": trees}
    return {name: lambda X, m=model: m.predict_proba(X)[:, 1] for name, model in fitted.items()}  # type: ignore[misc]


def reordered(given: Candidates, score: Score) -> NDArray[np.int64]:
    """Return the places in the order of a score; ties stay as the hybrid has them."""
    q, k, f = given.X.shape
    order = np.argsort(-score(given.X.reshape(-1, f)).reshape(q, k), axis=1, kind="stable")
    return np.take_along_axis(given.places, order, axis=1)


def compare(one: Collection, given: Candidates, scores: dict[str, Score]) -> None:
    """Print nDCG@10 and recall@10 of the hybrid and of each filter, and what a cut at one half would keep."""
    print(f"\n{one.described()}")
    plain = ndcg(given.places, one.gold)
    print(f"  {'hybrid':<24} nDCG@10 {interval(plain)}  recall@10 {interval(recall(given.places, one.gold, 10))}")
    for name, score in scores.items():
        again = reordered(given, score)
        mine = ndcg(again, one.gold)
        print(
            f"  {name:<24} nDCG@10 {interval(mine)}  recall@10 {interval(recall(again, one.gold, 10))}  "
            f"difference of nDCG@10 {interval(mine - plain)}"
        )
        first, right = given.X[:, :10], given.y[:, :10]
        kept = score(first.reshape(-1, len(FEATURES))).reshape(right.shape) >= 0.5
        print(
            f"      of the hybrid's first 10: precision {right.mean():.3f}, of those kept at 0.5 "
            f"{right[kept].mean() if kept.any() else float('nan'):.3f}; kept of the gold {kept[right].mean():.3f}"
        )


def healthver(data: Path, vectors: Embeddings, scores: dict[str, Score]) -> None:
    """Print the AUC of "supports or refutes" against "neutral", each claim against all passages as the corpus."""
    with (data / "healthver" / "healthver_dev.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    encoder = minilm()
    texts, claims = (sorted({row[name].strip() for row in rows}) for name in ("evidence", "claim"))
    corpus = Corpus.of(texts, vectors.of(texts, encoder.name, encoder.encode))
    score, X = corpus.features(claims, vectors.of(claims, encoder.name, encoder.encode))
    at = [(claims.index(row["claim"].strip()), texts.index(row["evidence"].strip())) for row in rows]
    y = [row["label"] != "Neutral" for row in rows]
    aucs = {name: roc_auc_score(y, each(np.array([X[one] for one in at]))) for name, each in scores.items()}
    print(f"\nHealthVer dev: {len(rows)} pairs, {np.mean(y):.2f} support or refute")
    print(f"  AUC of the hybrid {roc_auc_score(y, [score[one] for one in at]):.3f}", end="")
    print("".join(f", {name} {auc:.3f}" for name, auc in aucs.items()))


def training(one: Collection, vectors: Embeddings) -> dict[str, Score]:
    """Fit on a collection; return the filters by name."""
    print(f"trained on {one.described()}")
    return models(candidates(one, vectors, TRAINED_ON))


def main() -> None:
    """Fit, then print each comparison."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1].parent / "shared" / "data")
    asked.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "xhaim-retrieval-open")
    asked.add_argument("--train", choices=tuple(COLLECTIONS), default="bioasq")
    asked.add_argument("--test", choices=tuple(COLLECTIONS), nargs="*", default=("medquad", "pubmedqa"))
    asked.add_argument("--healthver", action="store_true", help="embeds its passages too")
    given = asked.parse_args()
    vectors = Embeddings(given.scratch)
    scores = training(COLLECTIONS[given.train](given.data), vectors)
    for one in (COLLECTIONS[name](given.data) for name in given.test if name != given.train):
        compare(one, candidates(one, vectors, 100), scores)
    if given.healthver:
        healthver(given.data, vectors, scores)


if __name__ == "__main__":
    main()
