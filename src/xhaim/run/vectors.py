"""Stage: every chunk of every admissible document embedded once, and found again by the hash of its text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
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
from xhaim.run.known import Known
from xhaim.run.parallel import share
from xhaim.run.people import People


@cache
def load_encoder(name: str) -> Encoder:
    """Return the retrieval encoder: a registered one, or any sentence-transformers model by name or path."""
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
    """Embeddings by text hash; what is not there is computed, and the encoder loaded only then."""

    encoder_name: str
    _known: dict[str, NDArray[np.float16]] = field(default_factory=dict)

    def load(self, path: Path) -> None:
        """Add the vectors of a file."""
        for key, raw in pl.read_parquet(path).select("text_hash", "vector").iter_rows():
            self._known[key] = np.frombuffer(raw, np.float16)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return [n, d] unit vectors, rounded to half precision so that stored and new ones are the same."""
        keys = [text_hash(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if missing:
            fresh = load_encoder(self.encoder_name).encode(list(missing.values()))
            self._known |= dict(zip(missing, fresh.astype(np.float16), strict=True))
        return np.stack([self._known[key] for key in keys]).astype(np.float32)

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
    """Embed the chunks of every shard, over all policies of the run, to ``embeddings/``."""
    settings = run.settings.retrieve
    words = settings_hash(settings.encoder, settings.max_words, settings.overlap_sentences)
    stage = run.directory.stage("embeddings", run.key("vectors", people.key, words, *run.policies))
    todo = [index for index, _ in run.shards(people.samples) if not stage.path(f"{index:05d}.parquet").exists()]
    with run.watch.stage("embedding the notes") as progress:
        share(run, partial(_embed_shard, known, stage), todo, progress)
    return stage


def _embed_shard(known: dict[ReportPolicy, Stage], stage: Stage, run: Run, index: int) -> Sequence[str]:
    texts = _shard_texts(run, known, index)
    vectors = Vectors(run.settings.retrieve.encoder)
    if texts:
        vectors(texts)
    vectors.save(stage.path(f"{index:05d}.parquet"), texts)
    return ()


def _shard_texts(run: Run, known: dict[ReportPolicy, Stage], index: int) -> list[str]:
    texts: dict[str, None] = {}
    for stage in known.values():
        for documents in Known.read(stage.path(f"{index:05d}.parquet")).documents.values():
            for chunks in chunks_of(run, documents).values():
                texts |= dict.fromkeys(embedded_text(chunk) for chunk in chunks)
    return sorted(texts)
