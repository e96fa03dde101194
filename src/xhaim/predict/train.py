"""Training of one fold encoder's top layers on the cached states below them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from xhaim.config import EncoderSettings
from xhaim.predict.encoder import TextEncoder, cls_states
from xhaim.predict.folds import grouped_folds

EARLY_STOP_SHARE = 8
"""One in so many of a fold's training subjects decides when to stop."""
PATIENCE = 2
"""Epochs without a lower loss before training stops."""
WARM_UP = 0.1
"""Share of all steps over which the learning rates rise; then they fall to zero (BERT's own recipe)."""
WEIGHT_DECAY = 0.01


def train_fold(
    texts: Sequence[str],
    labels: NDArray[np.int8],
    subjects: NDArray[np.int64],
    encoder: TextEncoder,
    settings: EncoderSettings,
) -> tuple[nn.ModuleList, int]:
    """Train top layers and a linear head on texts, labels (0 or 1) and subjects, [n] each; the head is thrown away.

    AdamW, warm-up, linear fall, class-weighted binary cross-entropy, gradients clipped at norm 1. Returns the top
    layers of the epoch with the lowest loss on the early-stopping subjects, and that epoch; the pretrained layers
    and 0 where the texts to fit hold one outcome only. The order of rows decides the batches.
    """
    parts = grouped_folds(labels, subjects, EARLY_STOP_SHARE, settings.seed)
    fitting = np.flatnonzero(parts > 0) if parts.any() else np.arange(len(texts))
    stopping = np.flatnonzero(parts == 0) if parts.any() else np.arange(0)
    positives = int(labels[fitting].sum())
    if positives in {0, len(fitting)}:
        return encoder.new_top(), 0
    with reproducible(settings.seed, encoder.device):
        top = encoder.new_top()
        head = nn.Linear(encoder.dim, 1)
        nn.init.normal_(head.weight, std=encoder.dim**-0.5)  # one direction for all folds keeps their spaces near
        nn.init.zeros_(head.bias)
        head.to(encoder.device)
        weight = torch.tensor((len(fitting) - positives) / positives, device=encoder.device)
        task = _Task(encoder, top, head, weight, list(texts), torch.tensor(labels, dtype=torch.float32))
        return _epochs(task, fitting, stopping, settings)


@dataclass(frozen=True, slots=True)
class _Task:
    encoder: TextEncoder
    top: nn.ModuleList
    head: nn.Linear
    positive_weight: Tensor
    texts: list[str]
    labels: Tensor

    def loss(self, rows: NDArray[np.int64]) -> Tensor:
        """Class-weighted binary cross-entropy of some rows, summed."""
        lower = [self.encoder.lower(self.texts[row]) for row in rows]
        bfloat16 = self.encoder.base.precision == "bfloat16"
        with torch.autocast(self.encoder.device, dtype=torch.bfloat16, enabled=bfloat16):
            states = cls_states(self.top, lower)
        logits = self.head(states.float())[:, 0]
        targets = self.labels[rows].to(logits.device)
        return functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=self.positive_weight, reduction="sum"
        )


def _epochs(
    task: _Task, fitting: NDArray[np.int64], stopping: NDArray[np.int64], settings: EncoderSettings
) -> tuple[nn.ModuleList, int]:
    steps = -(-len(fitting) // settings.batch_size) * settings.epochs
    optimizer = torch.optim.AdamW(
        [
            {"params": task.top.parameters(), "lr": settings.learning_rate},
            {"params": task.head.parameters(), "lr": settings.head_learning_rate},
        ],
        weight_decay=WEIGHT_DECAY,
    )
    warm = max(1, round(WARM_UP * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))
    )
    lengths = np.array([task.encoder.lower(text).shape[0] for text in task.texts])
    best_loss, best_epoch, best_top = np.inf, settings.epochs, None
    for epoch in range(1, settings.epochs + 1):
        task.top.train()
        for rows in _batches(fitting, lengths, settings.batch_size, (settings.seed, epoch)):
            optimizer.zero_grad(set_to_none=True)
            (task.loss(rows) / len(rows)).backward()  # type: ignore[no-untyped-call]  # torch's own stub
            nn.utils.clip_grad_norm_([*task.top.parameters(), *task.head.parameters()], 1.0)
            optimizer.step()
            schedule.step()
        if not len(stopping):
            continue
        loss = _held_out_loss(task, stopping, settings.batch_size)
        if loss < best_loss:
            best_loss, best_epoch, best_top = loss, epoch, copy.deepcopy(task.top)
        elif epoch - best_epoch >= PATIENCE:
            break
    return (best_top or task.top), best_epoch


@torch.no_grad()
def _held_out_loss(task: _Task, rows: NDArray[np.int64], batch_size: int) -> float:
    task.top.eval()
    return sum(float(task.loss(rows[i : i + batch_size])) for i in range(0, len(rows), batch_size))


def _batches(
    rows: NDArray[np.int64], lengths: NDArray[np.int64], size: int, seed: tuple[int, int]
) -> Iterator[NDArray[np.int64]]:
    """Yield batches of texts of about one length (drawn at random, sorted inside windows), in random order."""
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(rows)
    windows = [shuffled[i : i + 8 * size] for i in range(0, len(rows), 8 * size)]
    ordered = np.concatenate([window[np.argsort(lengths[window], kind="stable")] for window in windows])
    batches = [ordered[i : i + size] for i in range(0, len(rows), size)]
    yield from (batches[index] for index in generator.permutation(len(batches)))


@contextmanager
def reproducible(seed: int, device: str) -> Iterator[None]:
    """Seed dropout and refuse kernels that vary from run to run, without changing the caller's torch."""
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device == "cuda" else []):
        torch.manual_seed(seed)
        # some CUDA kernels have no deterministic form without an environment variable: warn there
        torch.use_deterministic_algorithms(True, warn_only=device == "cuda")
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
