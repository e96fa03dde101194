"""Training of the cross-encoder: many pairs once, or few pairs over states that are computed once."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xhaim.ports import Progress, silent
from xhaim.verify.entail_cross import TRAINED_LAYERS, Cross, encoded, new_net, padded, shown

_BATCH = 16
_SMOOTHING = 0.1


@dataclass(frozen=True, slots=True)
class _How:
    """What is trained, and how fast."""

    layers: int
    """The last so many, and the head."""
    rate: float
    head_rate: float
    epochs: int
    seed: int


def fit_cross(
    pairs: Sequence[tuple[str, str]], labels: NDArray[np.int64], seed: int = 0, progress: Progress = silent
) -> Cross:
    """Train once over (claim, evidence) with labels 0, 1, 2 as in ``LABELS``, [n]: 30 min of a core for 5,000 pairs.

    The same rows in the same order give the same weights, apart from float noise between thread counts.
    """
    import torch

    torch.manual_seed(seed)
    return _train(new_net(), pairs, labels, _How(TRAINED_LAYERS, 8e-5, 8e-4, epochs=1, seed=seed), progress)


def tune(
    start: Cross,
    pairs: Sequence[tuple[str, str]],
    labels: NDArray[np.int64],
    epochs: int = 3,
    seed: int = 0,
    progress: Progress = silent,
) -> Cross:
    """Return a copy of a trained cross-encoder whose last two layers and head were trained on further pairs."""
    import torch

    torch.manual_seed(seed)
    return _train(copy.deepcopy(start.net), pairs, labels, _How(2, 6e-5, 1.8e-4, epochs, seed), progress)


def _train(
    net: Any,  # noqa: ANN401
    pairs: Sequence[tuple[str, str]],
    labels: NDArray[np.int64],
    how: _How,
    progress: Progress,
) -> Cross:
    """Train, labels weighing the same; the states below what is trained are computed once."""
    import torch
    from torch import nn

    rows = [encoded(claim, shown(claim, evidence)) for claim, evidence in pairs]
    below = len(net.bert.encoder.layer) - how.layers
    states = _states(net, rows, below)
    net.requires_grad_(False)
    trained = [*net.bert.encoder.layer[below:].requires_grad_(True).parameters()]
    head = [*net.head.requires_grad_(True).parameters()]
    steps = how.epochs * math.ceil(len(rows) / _BATCH)
    groups = [{"params": trained, "lr": how.rate}, {"params": head, "lr": how.head_rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / max(1.0, 0.1 * steps), max(0.02, (steps - step) / (0.9 * steps)))
    )
    loss_of = nn.CrossEntropyLoss(weight=torch.tensor(_weights(labels)), label_smoothing=_SMOOTHING)
    wanted = torch.tensor(labels)
    net.train()
    for done, batch in enumerate(_batches([len(ids) for ids, _ in rows], how), 1):
        _, mask, which = padded([rows[at] for at in batch])
        known = nn.utils.rnn.pad_sequence([states[at].float() for at in batch], batch_first=True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net.upper(known, mask, which, below)
        loss = loss_of(logits.float(), wanted[batch])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*trained, *head], 1.0)
        optimizer.step()
        schedule.step()
        progress(done, steps)
    return Cross.restore(Cross(net).to_bytes())  # as it will be read back: rounded to bfloat16


def _weights(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the weight of each of the three labels; 0 for one that does not occur."""
    many = np.bincount(labels, minlength=3)
    even = len(labels) / (np.count_nonzero(many) * np.maximum(many, 1))
    return np.where(many > 0, even, 0.0).astype(np.float32)


def _states(net: Any, rows: Sequence[tuple[list[int], list[int]]], layers: int) -> list[Any]:  # noqa: ANN401
    """Return the states of each row after the layers that are not trained, [tokens, e] in bfloat16."""
    import torch

    net.eval()
    order = sorted(range(len(rows)), key=lambda at: len(rows[at][0]))
    found: list[Any] = [None] * len(rows)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        ids, mask, which = padded([rows[at] for at in batch])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            states = net.lower(ids, mask, which, layers)
        for at, row in zip(batch, states, strict=True):
            found[at] = row[: len(rows[at][0])].to(torch.bfloat16).clone()
    return found


def _batches(lengths: Sequence[int], how: _How) -> list[list[int]]:
    """Return the rows of each step: shuffled, with rows of like length together."""
    draw = random.Random(how.seed)  # noqa: S311  (an order, no secret)
    steps: list[list[int]] = []
    for _ in range(how.epochs):
        order = list(range(len(lengths)))
        draw.shuffle(order)
        found = []
        for start in range(0, len(order), 40 * _BATCH):
            near = sorted(order[start : start + 40 * _BATCH], key=lambda at: lengths[at])
            found += [near[at : at + _BATCH] for at in range(0, len(near), _BATCH)]
        draw.shuffle(found)
        steps += found
    return steps
