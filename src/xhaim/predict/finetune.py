"""Fine-tuning by cross-fitting: K encoders, each trained without one fold of the subjects (DESIGN section 5, Encoder).

A row is represented, where a booster is trained on it, by the encoder that never saw its subject; anything new is
represented by all K. All start from the same weights with the same seed, so that their spaces stay near each other.
Early stopping looks at an eighth of a fold's own training subjects: neither the held-out fold nor the validation part,
which calibrates later, has a say in any encoder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import nn

from xhaim.atomic import write_bytes
from xhaim.config import EncoderSettings
from xhaim.errors import PrerequisiteError
from xhaim.ports import Progress, silent
from xhaim.predict.encoder import TextEncoder, cls_states
from xhaim.predict.fingerprints import fingerprint
from xhaim.predict.train import train_fold


@dataclass(frozen=True, slots=True)
class FoldEncoders:
    """K encoders of one modality that share their lower layers."""

    encoder: TextEncoder
    tops: tuple[nn.ModuleList, ...]
    """The top layers of each fold encoder, frozen; one, the pretrained, where nothing was trained."""
    epochs: tuple[int, ...]
    """Epochs whose weights each fold encoder kept; 0: pretrained, as where its texts held one outcome only."""
    inputs: str
    """Fingerprint of all that decided the weights; empty where nothing was trained."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return [K, n, dim]: the [CLS] embedding of each text by each fold encoder; zeros for an empty text."""
        unique = [text for text in dict.fromkeys(texts) if text]
        found = {text: self._embed_one(text) for text in unique}
        result = np.zeros((len(self.tops), len(texts), self.encoder.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            if text:
                result[:, row] = found[text]
        return result

    @torch.no_grad()
    def _embed_one(self, text: str) -> NDArray[np.float32]:
        states = [self.encoder.lower(text)]
        rows = torch.cat([cls_states(top, states) for top in self.tops])
        result: NDArray[np.float32] = rows.float().cpu().numpy()
        return result

    def save(self, folder: Path) -> None:
        """Write ``fold-<k>.safetensors`` for each trained encoder that is not there yet: its top layers only."""
        for k, top in enumerate(self.tops):
            if self.inputs and _read_fold(folder / _fold_file(k), self.encoder, self.inputs) is None:
                _write_fold(folder / _fold_file(k), top, self.encoder, self.inputs, self.epochs[k])


def pretrained(encoder: TextEncoder) -> FoldEncoders:
    """Return the encoder as it came, as a single fold encoder: nothing is trained, so nothing needs holding out."""
    return FoldEncoders(encoder, (encoder.freeze(encoder.new_top()),), (0,), "")


def finetune(
    texts: Sequence[str],
    labels: NDArray[np.int8],
    subjects: NDArray[np.int64],
    folds: NDArray[np.int64],
    encoder: TextEncoder,
    settings: EncoderSettings,
    folder: Path,
    progress: Progress = silent,
) -> tuple[FoldEncoders, NDArray[np.float32]]:
    """Train one encoder per fold on one modality's texts of the training rows, [n] each.

    Args:
        texts: Summaries; rows without one take no part in training.
        labels: 0 or 1.
        subjects: Subject of each row.
        folds: From ``grouped_folds``; encoder k never sees the rows of fold k.
        encoder: The starting point.
        settings: Learning rates, epochs, batch size, seed.
        folder: Each fold's file is written here when it is done; a fold with the same inputs is not trained again.
        progress: Told after each fold.

    Returns:
        The fold encoders, and the out-of-fold embeddings of the rows, [n, dim]. The same rows in the same order give
        the same weights, apart from float noise between thread counts. The heads are thrown away.
    """
    inputs = _inputs(texts, labels, subjects, folds, encoder, settings)
    k_folds = int(folds.max()) + 1
    tops, epochs = [], []
    for k in range(k_folds):
        path = folder / _fold_file(k)
        done = _read_fold(path, encoder, inputs)
        if done is None:
            part = [row for row in range(len(texts)) if folds[row] != k and texts[row]]
            top, kept = train_fold([texts[row] for row in part], labels[part], subjects[part], encoder, settings)
            done = encoder.freeze(top), kept
            _write_fold(path, done[0], encoder, inputs, kept)
        tops.append(done[0])
        epochs.append(done[1])
        progress(k + 1, k_folds)
    fold_encoders = FoldEncoders(encoder, tuple(tops), tuple(epochs), inputs)
    out_of_fold = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    for k in range(k_folds):
        rows = [row for row in range(len(texts)) if folds[row] == k]
        alone = FoldEncoders(encoder, (tops[k],), (epochs[k],), inputs)
        out_of_fold[rows] = alone.embed([texts[row] for row in rows])[0]
    return fold_encoders, out_of_fold


def load_fold_encoders(folder: Path, encoder: TextEncoder, epochs: tuple[int, ...], inputs: str) -> FoldEncoders:
    """Read what ``FoldEncoders.save`` wrote. Raises PrerequisiteError if a fold is missing or its base has changed."""
    if not inputs:
        return pretrained(encoder)
    tops = []
    for k in range(len(epochs)):
        path = folder / _fold_file(k)
        done = _read_fold(path, encoder, inputs)
        if done is None:
            raise PrerequisiteError(
                f"{path} does not hold the encoder of fold {k}",
                expected=f"top layers trained on '{encoder.base.name}' with weights {encoder.base.fingerprint}",
                do="use the same encoder weights as in training, or train again",
            )
        tops.append(done[0])
    return FoldEncoders(encoder, tuple(tops), epochs, inputs)


# ---- a fold's file ------------------------------------------------------------------------------------------


def _fold_file(k: int) -> str:
    return f"fold-{k}.safetensors"


def _inputs(
    texts: Sequence[str],
    labels: NDArray[np.int8],
    subjects: NDArray[np.int64],
    folds: NDArray[np.int64],
    encoder: TextEncoder,
    settings: EncoderSettings,
) -> str:
    plain = settings.model_dump_json(exclude={"name", "precision"})
    return fingerprint([encoder.base.fingerprint, encoder.base.precision, plain, labels, subjects, folds, *texts])


def _write_fold(path: Path, top: nn.ModuleList, encoder: TextEncoder, inputs: str, epochs: int) -> None:
    tensors = {key: tensor.cpu().contiguous() for key, tensor in top.state_dict().items()}
    said = {"inputs": inputs, "base": encoder.base.fingerprint, "epochs": epochs}
    metadata = {"fold": json.dumps(said)}  # one key: safetensors writes several in no fixed order
    write_bytes(path, to_safetensors(tensors, metadata))


def _read_fold(path: Path, encoder: TextEncoder, inputs: str) -> tuple[nn.ModuleList, int] | None:
    """Return a finished fold, or nothing if it is not there, not whole, or of other inputs or another base."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("fold", "{}"))
            if (metadata.get("inputs"), metadata.get("base")) != (inputs, encoder.base.fingerprint):
                return None
            top = encoder.freeze(encoder.new_top())
            top.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118  (not a dict)
            return top, int(metadata["epochs"])
    except (FileNotFoundError, SafetensorError, KeyError, ValueError, RuntimeError):
        return None
