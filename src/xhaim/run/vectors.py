"""Stage: every chunk of every admissible document embedded once, and found again by the hash of its text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.backends import installed, load
from xhaim.config import settings_hash
from xhaim.modality.documents import modality_of
from xhaim.ports import Encoder
from xhaim.records import Chunk, Document, Modality, ReportPolicy
from xhaim.retrieve.chunk import chunk
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.embedding_cache import FILE, SWITCH, EmbeddingCache
from xhaim.run.known import Known
from xhaim.run.parallel import share
from xhaim.run.people import People
from xhaim.run.set_aside import SetAside

_BLOCK = 64
"""Texts that are looked up, computed and kept at a time."""
_PASSING = "passing.sqlite"
"""A cache in the stage's folder while the stage is under way."""


@cache
def load_encoder(name: str) -> Encoder:
    """Return the retrieval encoder: a registered one, or any sentence-transformers model as ``dense.py`` names it."""
    encoder: Encoder
    if name in installed("encoders") and name != "sentence-transformers":
        encoder = load("encoders", name)()
    else:
        encoder = load("encoders", "sentence-transformers")(name)
    return encoder


def embedded_text(chunk: Chunk) -> str:
    """Return a chunk's text as step 1 embeds it: white space folded."""
    return " ".join(chunk.text.split())


def text_hash(text: str) -> str:
    """Return 32 hex digits of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass
class Vectors:
    """Embeddings by text hash; what is neither here nor in the cache is computed, and the encoder loaded only then."""

    encoder_name: str
    cache: EmbeddingCache | None = None
    _known: dict[str, NDArray[np.float16]] = field(default_factory=dict)
    _of_file: dict[str, NDArray[np.float16]] = field(default_factory=dict)

    def load(self, path: Path) -> None:
        """Take the vectors of a shard's file, in place of those of the shard before."""
        rows = pl.read_parquet(path).select("text_hash", "vector").iter_rows()
        self._of_file = {key: np.frombuffer(raw, np.float16) for key, raw in rows}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return [n, d] unit vectors, rounded to half precision so that stored and new ones are the same."""
        keys = [text_hash(text) for text in texts]
        missing = {
            key: text
            for key, text in zip(keys, texts, strict=True)
            if key not in self._of_file and key not in self._known
        }
        for first in range(0, len(missing), _BLOCK):
            self._add(dict(islice(missing.items(), first, first + _BLOCK)))
        halves = [self._of_file[key] if key in self._of_file else self._known[key] for key in keys]
        return np.stack(halves).astype(np.float32)

    def _add(self, texts: dict[str, str]) -> None:
        """Find or compute the vectors of a few texts, by text hash."""
        found = self.cache.get(texts) if self.cache else {}
        left = {key: text for key, text in texts.items() if key not in found}
        if left:
            vectors = load_encoder(self.encoder_name).encode(list(left.values())).astype(np.float16)
            fresh = dict(zip(left, vectors, strict=True))
            if self.cache:
                self.cache.put(fresh)
            found |= fresh
        self._known |= found

    def save(self, path: Path, texts: Iterable[str]) -> None:
        """Write the vectors of some texts."""
        rows = {text_hash(text): text for text in texts}
        write_frame(
            path,
            pl.DataFrame(
                {"text_hash": sorted(rows), "vector": [self._known[key].tobytes() for key in sorted(rows)]},
                schema={"text_hash": pl.String(), "vector": pl.Binary()},
            ),
        )


def chunks_of(run: Run, documents: Sequence[Document]) -> dict[Modality, list[Chunk]]:
    """Return the chunks of a sample's documents by modality."""
    found: dict[Modality, list[Chunk]] = {"notes": [], "cxr": []}
    for document in documents:
        modality = modality_of(document)
        found[modality] += chunk(document, modality, run.settings.retrieve)
    return found


def embed_documents(run: Run, people: People, known: dict[ReportPolicy, Stage]) -> Stage:
    """Embed the chunks of every shard, over all policies of the run, to ``embeddings/``.

    A text of several shards is embedded once: they share the store's cache, or one that ends with the stage.
    """
    settings = run.settings.retrieve
    encoder = load_encoder(settings.encoder).name
    words = settings_hash(encoder, settings.max_words, settings.overlap_sentences)
    stage = run.directory.stage("embeddings", run.key("vectors", words, *(stage.key for stage in known.values())))
    todo = [index for index, _ in run.shards(people.samples) if not stage.path(f"{index:05d}.parquet").exists()]
    with run.watch.stage("embedding the notes") as progress:
        share(run, partial(_embed_shard, known, stage), todo, progress)
    for left in stage.folder.glob(f"{_PASSING}*"):
        left.unlink()
    return stage


def _embed_shard(known: dict[ReportPolicy, Stage], stage: Stage, run: Run, index: int) -> Sequence[str]:
    texts = _shard_texts(run, known, index)
    cache = None if run.engine == "ray" else _open_cache(run, stage)  # machines cannot share a file of SQLite
    vectors = Vectors(run.settings.retrieve.encoder, cache)
    if texts:  # each shard in an order of its own, so that two processes seldom meet the same text at the same time
        vectors(sorted(texts, key=lambda text: text_hash(f"{index} {text}")))
    vectors.save(stage.path(f"{index:05d}.parquet"), texts)
    if cache is None:
        return ()
    cache.close()
    return [f"embeddings are not kept for another run: {cache.fault}"] if cache.fault else []


def _open_cache(run: Run, stage: Stage) -> EmbeddingCache:
    """Return the store's cache; where it is not wanted, or no use, one that ends with this stage."""
    encoder = load_encoder(run.settings.retrieve.encoder).name
    passing = stage.path(_PASSING)
    if os.environ.get(SWITCH, "").lower() == "off":
        return EmbeddingCache(passing, encoder)
    kept = EmbeddingCache(run.store.path / FILE, encoder)
    if kept.fault is None:
        return kept
    instead = EmbeddingCache(passing, encoder)
    instead.fault = f"{run.store.path / FILE}: {kept.fault}"
    return instead


def _shard_texts(run: Run, known: dict[ReportPolicy, Stage], index: int) -> list[str]:
    texts: dict[str, None] = {}
    for stage in known.values():
        for sample_id, documents in Known.read(stage.shard(index)).documents.items():
            with SetAside().trying(sample_id):  # step 1 meets the same fault, and counts it
                for chunks in chunks_of(run, documents).values():
                    texts |= dict.fromkeys(embedded_text(chunk) for chunk in chunks)
    return sorted(texts)
