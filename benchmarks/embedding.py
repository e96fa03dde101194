"""Embedding at speed: every backend against sentence-transformers itself, the same chunks, the same machine.

    python -m benchmarks.embedding [--chunks 200] [--repeats 5] [--threads 1] [--model minilm] [--only NAME ...]

The text is SIMULATED (seed 23, which no demonstration uses): sentences of the cohort's notes, each once, packed in
order to chunks of 111-180 words, as real notes have (the simulator's own chunks are shorter). The peer is
``SentenceTransformer(folder).encode(texts)``, float32, its own batches. All are loaded first, then taken in turn,
``--repeats`` times; ratios are medians over the turns, by CPU time (which a busy machine disturbs less) and by wall
time. The limit is a bfloat16 matrix product in the same turns; the share counts the products of the model alone.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from xhaim.errors import PrerequisiteError
from xhaim.events import NOTE, code_is
from xhaim.retrieve.dense import sentence_transformer
from xhaim.retrieve.weights import find_weights
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate
from xhaim.source.store import Store
from xhaim.task import load_task, shipped_tasks
from xhaim.text.sentences import sentences

SEED = 23
BACKENDS = ("torch/float32", "torch/bfloat16", "onnx/float32", "openvino/float32", "openvino/bfloat16")
PEER = "sentence-transformers"
SIDE, PRODUCTS = 1024, 40
"""The limit: square matrices, and how many products a turn."""


@dataclass
class Engine:
    """Something that embeds, and what its turns took."""

    encode: Callable[[list[str]], NDArray[np.float32]]
    load_s: float
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    vectors: NDArray[np.float32] | None = None

    def turn(self, texts: list[str]) -> None:
        """Embed once and keep the times and the unit vectors."""
        wall, cpu = time.perf_counter(), time.process_time()
        found = np.asarray(self.encode(texts), dtype=np.float32)
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        self.vectors = found / np.linalg.norm(found, axis=1, keepdims=True)


def chunks(n: int) -> list[str]:
    """Return n chunks of 111-180 words of simulated sentences, none of them twice."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        simulate(root / "cohort", stays=max(50, n // 4), seed=SEED, images=False)
        MimicIV().ingest(root / "cohort", root / "store")
        notes = Store.open(root / "store").events().filter(code_is(NOTE)).select(pl.col("text_value").unique())
        texts = notes.collect()["text_value"].sort().to_list()
    draw = random.Random(SEED)
    draw.shuffle(texts)
    told = dict.fromkeys(" ".join(text[a:b].split()) for text in texts for a, b in sentences(text))
    packed: list[str] = []
    words: list[str] = []
    for sentence in told:
        words += sentence.split()
        if len(words) >= draw.randint(111, 180):
            packed.append(" ".join(words[:180]))
            words = []
    if len(packed) < n:
        raise SystemExit(f"the simulated notes give {len(packed)} such chunks, fewer than {n}")
    return packed[:n]


def products(texts: list[str], folder: Path) -> tuple[float, float]:
    """Return word pieces, and the floating-point operations of the model's matrix products, of a mean text."""
    from transformers import AutoConfig, AutoTokenizer

    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    lengths = np.array([len(ids) for ids in tokenizer(texts, truncation=True, max_length=256)["input_ids"]])
    h, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    operations = layers * (2 * lengths * (4 * h * h + 2 * h * inner) + 4 * lengths**2 * h)
    return float(lengths.mean()), float(operations.mean())


def limit() -> float:
    """Return operations for each CPU second of a bfloat16 matrix product by one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    a, b = (torch.randn(SIDE, SIDE).to(torch.bfloat16) for _ in range(2))
    torch.mm(a, b)
    begun = time.process_time()
    for _ in range(PRODUCTS):
        torch.mm(a, b)
    spent = time.process_time() - begun
    torch.set_num_threads(before)
    return 2 * SIDE**3 * PRODUCTS / spent


def load(model: str, names: Sequence[str]) -> dict[str, Engine]:
    """Load the peer and the backends that are installed; say which are not."""
    from sentence_transformers import SentenceTransformer

    folder = find_weights(model).folder
    peer = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    engines = {PEER: Engine(lambda texts: peer.encode(texts, show_progress_bar=False), 0.0)}
    for name in names:
        begun = time.perf_counter()
        encoder: Any = sentence_transformer(f"{name}:{model}")
        try:
            encoder.encode(["warm"])
        except PrerequisiteError as error:
            print(f"left out: {name}: {error.what}")
            continue
        engines[name] = Engine(encoder.encode, time.perf_counter() - begun)
    return engines


def overlap(ours: Engine, peer: Engine, of_queries: dict[str, NDArray[np.float32]], name: str) -> float:
    """Return the share of the peer's ten nearest chunks that are among ours, over all anchors of the shipped tasks."""
    shares = []
    for q, p in zip(of_queries[name], of_queries[PEER], strict=True):
        mine, theirs = (set(np.argsort(-(e.vectors @ v), kind="stable")[:10]) for e, v in ((ours, q), (peer, p)))
        shares.append(len(mine & theirs) / 10)
    return float(np.mean(shares))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of every engine")
    parser.add_argument("--model", default="minilm", help="minilm, or a folder")
    parser.add_argument("--only", nargs="*", default=BACKENDS, choices=BACKENDS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    texts = chunks(given.chunks)
    pieces, operations = products(texts, find_weights(given.model).folder)
    engines = load(given.model, given.only)
    anchors = sorted({anchor for task in shipped_tasks() for anchor in load_task(task).anchors})
    of_queries = {name: np.asarray(engine.encode(anchors)) for name, engine in engines.items()}
    limits = []
    for _ in range(given.repeats):
        limits.append(limit())
        for engine in engines.values():
            engine.turn(texts)
    peer, top = engines[PEER], median(limits)
    words = np.mean([len(text.split()) for text in texts])
    print(
        f"SIMULATED text, seed {SEED}: {len(texts)} chunks of {words:.0f} words, {pieces:.0f} word pieces; "
        f"{len(anchors)} anchors; {given.threads} of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
        f"limit: {top / 1e9:.0f} GFLOP for each CPU second in bfloat16, {operations / 1e9:.2f} GFLOP a chunk: "
        f"{top / operations:.0f} chunks for each CPU second"
    )
    print(f"{'':22} chunks/CPU s   x CPU (range)       x wall (range)    max 1-cos  top-10  of limit  load s")
    for name, engine in engines.items():
        by_cpu = [p / e for p, e in zip(peer.cpu, engine.cpu, strict=True)]
        by_wall = [p / e for p, e in zip(peer.wall, engine.wall, strict=True)]
        speed = len(texts) / median(engine.cpu)
        away = float(np.abs(1 - (engine.vectors * peer.vectors).sum(axis=1, dtype=np.float64)).max())
        print(
            f"{name:22} {speed:12.1f}  {median(by_cpu):5.2f} ({min(by_cpu):.2f}-{max(by_cpu):.2f})  "
            f"{median(by_wall):8.2f} ({min(by_wall):.2f}-{max(by_wall):.2f})  {away:10.1e}  "
            f"{overlap(engine, peer, of_queries, name):6.3f}  {speed * operations / top:7.0%}  {engine.load_s:6.1f}"
        )


if __name__ == "__main__":
    main()
