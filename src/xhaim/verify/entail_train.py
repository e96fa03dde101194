"""Training of the cross-encoder: one pass over labelled pairs, word embeddings and lower layers frozen."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xhaim.ports import Progress, silent
from xhaim.verify.entail_cross import TRAINED_LAYERS, Cross, encoded, new_net, padded, shown

_BATCH = 16
_RATE, _HEAD_RATE = 8e-5, 8e-4
_SMOOTHING = 0.05


def fit_cross(
    pairs: Sequence[tuple[str, str]],
    labels: NDArray[np.int64],
    epochs: int = 1,
    seed: int = 0,
    progress: Progress = silent,
) -> Cross:
    """Train on (claim, evidence) with labels 0, 1, 2 as in ``LABELS``, [n]; hours of a processor for 50,000 pairs.

    The same rows in the same order give the same weights, apart from float noise between thread counts.
    """
    import torch
    from torch import nn

    rows = [encoded(claim, shown(claim, evidence)) for claim, evidence in pairs]
    torch.manual_seed(seed)
    net = new_net()
    net.requires_grad_(False)
    for part in (*net.bert.encoder.layer[-TRAINED_LAYERS:], net.head):
        part.requires_grad_(True)
    upper = [value for layer in net.bert.encoder.layer[-TRAINED_LAYERS:] for value in layer.parameters()]
    groups = [{"params": upper, "lr": _RATE}, {"params": net.head.parameters(), "lr": _HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    steps = epochs * math.ceil(len(rows) / _BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / max(1.0, 0.1 * steps), max(0.02, (steps - step) / (0.9 * steps)))
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=_SMOOTHING)
    wanted = torch.tensor(labels)
    net.train()
    for done, batch in enumerate(_batches([len(ids) for ids, _ in rows], epochs, seed), 1):
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(*padded([rows[at] for at in batch]))
        loss = loss_of(logits.float(), wanted[batch])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*upper, *net.head.parameters()], 1.0)
        optimizer.step()
        schedule.step()
        progress(done, steps)
    return Cross(net.eval().requires_grad_(False))


def _batches(lengths: Sequence[int], epochs: int, seed: int) -> list[list[int]]:
    """Return the rows of each step: shuffled, with rows of like length together."""
    draw = random.Random(seed)  # noqa: S311  (an order, no secret)
    steps: list[list[int]] = []
    for _ in range(epochs):
        order = list(range(len(lengths)))
        draw.shuffle(order)
        found = []
        for start in range(0, len(order), 40 * _BATCH):
            near = sorted(order[start : start + 40 * _BATCH], key=lambda at: lengths[at])
            found += [near[at : at + _BATCH] for at in range(0, len(near), _BATCH)]
        draw.shuffle(found)
        steps += found
    return steps
