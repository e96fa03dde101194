"""What the members of the Open-I benchmark see of a text: its concepts and its embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from xhaim.config import EncoderSettings, RetrieveSettings
from xhaim.modality.concepts import concept_features
from xhaim.predict.encoder import TextEncoder, bert_layer
from xhaim.predict.finetune import finetune
from xhaim.predict.folds import grouped_folds
from xhaim.records import Document
from xhaim.retrieve.chunk import chunk
from xhaim.task import load_task

Matrix = NDArray[np.float32]

TASKS = {
    "cardiomegaly": "cardiomegaly",
    "effusion": "pleural_effusion",
    "opacity": "pneumonia",
    "pneumonia": "pneumonia",
}
"""Label -> the product's task whose concepts are counted."""
FINE_TUNING = EncoderSettings(folds=2, epochs=3, trainable_layers=1)
"""Less than the product's five folds, five epochs, two layers: fifteen times as quick, on two busy cores."""
_WHEN = datetime(2000, 1, 1)


def concepts(label: str, texts: Sequence[str]) -> Matrix:
    """Return the product's concepts block of each text alone, [n, d]."""
    task, settings = load_task(TASKS[label]), RetrieveSettings()
    found: dict[str, list[float]] = {}
    for text in dict.fromkeys(texts):
        said = Document("report", "radiology", "Chest film", text, _WHEN, _WHEN, None, None, "report")
        chunks = chunk(said, "cxr", settings)
        found[text] = concept_features(task, chunks, _WHEN + timedelta(hours=1))
    return np.array([found[text] for text in texts], dtype=np.float32)


@torch.no_grad()
def frozen(texts: Sequence[str], encoder: TextEncoder) -> dict[str, Matrix]:
    """Return the pretrained encoder's [CLS] and the mean of all its tokens, [n, dim] each."""
    top = encoder.freeze(encoder.new_top())
    first, mean = {}, {}
    for text in dict.fromkeys(texts):
        states = encoder.lower(text)[None]
        for layer in top:
            states = bert_layer(layer, states, None, states.shape[1])
        first[text], mean[text] = states[0, 0].float().numpy(), states[0].float().mean(dim=0).numpy()
    return {
        "frozen MiniLM [CLS]": np.stack([first[text] for text in texts]),
        "frozen MiniLM mean": np.stack([mean[text] for text in texts]),
    }


def fine_tuned(
    texts: Sequence[str],
    labels: NDArray[np.int8],
    groups: NDArray[np.int64],
    held: Sequence[str],
    encoder: TextEncoder,
    folder: Path,
) -> tuple[Matrix, Matrix]:
    """Cross-fit the product's encoders on training texts, [n].

    Returns their out-of-fold embeddings, [n, dim], and those of the held texts by each fold encoder, [K, m, dim].
    """
    folds = grouped_folds(labels, groups, FINE_TUNING.folds, FINE_TUNING.seed)
    encoders, out_of_fold = finetune(texts, labels, groups, folds, encoder, FINE_TUNING, folder)
    return out_of_fold, encoders.embed(held)
