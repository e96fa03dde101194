"""A small network fitted on the training images, where neither published features nor a vision model can be had.

It reads grey chest images for the 14 CheXpert findings. It is no more than its name: about 76,000 weights that have
seen nothing but the training part, and it is labelled so wherever its numbers appear (DESIGN section 5, Images).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn
from torch.nn import functional

from xhaim.atomic import write_bytes
from xhaim.config import EncoderSettings
from xhaim.errors import DataError
from xhaim.events import CHEXPERT_FINDINGS
from xhaim.predict.folds import grouped_folds
from xhaim.predict.train import reproducible

LABEL = "a small network fitted on the training images"
"""What its readings are called."""
SIDE = 64
"""Pixels; images are averaged down to a square of this side."""
EPOCHS = 25
FEWEST = 10
"""Images of either class below which a finding is not read."""
_BATCH = 32
_LEARNING_RATE = 2e-3
_SHIFT = 4
"""Pixels by which training images are moved at random, in each direction."""


@dataclass(frozen=True, slots=True)
class ImageReader:
    """K networks, each trained without one fold of the subjects."""

    out_of_fold: NDArray[np.float32]
    """[len(train), 14] logits of the training rows, in their given order, by the network that never saw the subject;
    NaN for a finding that is not read."""
    folds: NDArray[np.int64]
    """[len(train)]: the fold of each of them, which is the network that never saw its subject."""
    read_findings: NDArray[np.bool_]
    """[14]: which of ``CHEXPERT_FINDINGS`` had ten images of either class in training."""
    networks: tuple[nn.Sequential, ...]

    def read(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the mean of the networks' logits for grey images [n, h, w]: [n, 14], NaN where not read."""
        prepared = _prepare(images)
        logits = np.mean([_logits(network, prepared) for network in self.networks], axis=0)
        return _masked(logits, self.read_findings)

    def read_held_out(self, images: NDArray[np.uint8], folds: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the logits of images [n, h, w] of subjects in the given ``folds`` [n]; -1: a subject of no fold.

        Each is read by the one network that never saw its subject; by all of them, as ``read`` does, at -1.
        """
        found = np.zeros((len(images), len(CHEXPERT_FINDINGS)), dtype=np.float32)
        found[folds < 0] = self.read(images[folds < 0])
        for fold, network in enumerate(self.networks):
            found[folds == fold] = replace(self, networks=(network,)).read(images[folds == fold])
        return found

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all."""
        tensors = {
            f"{k}.{key}": value.contiguous()
            for k, network in enumerate(self.networks)
            for key, value in network.state_dict().items()
        }
        tensors["out_of_fold"] = torch.from_numpy(self.out_of_fold)
        tensors["folds"] = torch.from_numpy(self.folds)
        said = {"read": self.read_findings.tolist(), "networks": len(self.networks)}
        metadata = {"reader": json.dumps(said)}  # one key: safetensors writes several in no fixed order
        write_bytes(path, to_safetensors(tensors, metadata))

    @classmethod
    def load(cls, path: Path) -> ImageReader:
        """Read what ``save`` wrote; raises DataError where it is not there or not whole."""
        try:
            with safe_open(path, framework="pt") as file:
                metadata = json.loads(file.metadata()["reader"])
                tensors: Mapping[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            networks = []
            for k in range(int(metadata["networks"])):
                network = _new_network()
                own = {key.removeprefix(f"{k}."): value for key, value in tensors.items() if key.startswith(f"{k}.")}
                network.load_state_dict(own)
                networks.append(network.eval())
            read = np.array(metadata["read"], dtype=np.bool_)
            return cls(tensors["out_of_fold"].numpy(), tensors["folds"].numpy(), read, tuple(networks))
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
            raise DataError(
                f"{path} holds no image reader", got=type(error).__name__, do="run the stage again"
            ) from error


def fit_image_reader(
    images: NDArray[np.uint8],
    labels: NDArray[np.float32],
    subjects: NDArray[np.int64],
    train: NDArray[np.int64],
    settings: EncoderSettings,
) -> ImageReader:
    """Fit one network per fold of the training subjects, by cross-entropy over the known labels.

    ``images`` is grey [n, h, w]; ``labels`` [n, 14] 1, 0 or NaN (unknown), in the order of ``CHEXPERT_FINDINGS``;
    ``subjects`` [n]; ``train`` the rows to fit on, and no other row is looked at. Of the settings, ``folds`` and
    ``seed`` count. Raises DataError where the training subjects do not make two folds.
    """
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != (len(images), len(CHEXPERT_FINDINGS)):
        raise DataError(
            "images and labels do not fit",
            got=f"images {images.shape} {images.dtype}, labels {labels.shape}",
            expected=f"images [n, h, w] uint8, labels [n, {len(CHEXPERT_FINDINGS)}]",
        )
    known = labels[train]
    rarer = np.minimum((known == 1).sum(axis=0), (known == 0).sum(axis=0))
    read = rarer >= FEWEST
    most_even = (known[:, rarer.argmax()] == 1).astype(np.int8)
    folds = grouped_folds(most_even, subjects[train], settings.folds, settings.seed)
    if not read.any() or folds.max() == 0:
        raise DataError(
            "too few labelled training images to fit a network",
            got=f"{len(train)} images, {int(read.sum())} findings with {FEWEST} images of either class",
            expected="one such finding, and two subjects each with and without it",
        )
    prepared, targets = _prepare(images[train]), torch.from_numpy(np.where(read, known, np.nan).astype(np.float32))
    out_of_fold = np.zeros(known.shape, dtype=np.float32)
    networks = []
    for k in range(int(folds.max()) + 1):
        held = folds == k
        network = _train(prepared[~held], targets[~held], settings.seed)
        out_of_fold[held] = _logits(network, prepared[held])
        networks.append(network)
    return ImageReader(_masked(out_of_fold, read), folds, read, tuple(networks))


def _new_network() -> nn.Sequential:
    """Four strided convolutions, then one linear layer that still knows where in the image it is (4 x 4)."""
    widths = (1, 16, 32, 64, 64)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 16, len(CHEXPERT_FINDINGS)))


def _train(images: Tensor, targets: Tensor, seed: int) -> nn.Sequential:
    with reproducible(seed, "cpu"):
        network = _new_network().train()
        steps = -(-len(images) // _BATCH) * EPOCHS
        optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps)
        for _ in range(EPOCHS):
            for rows in torch.split(torch.randperm(len(images)), _BATCH):
                logits, wanted = network(_moved(images[rows])), targets[rows]
                known = ~wanted.isnan()
                loss = functional.binary_cross_entropy_with_logits(logits[known], wanted[known], reduction="sum")
                optimizer.zero_grad(set_to_none=True)
                (loss / max(int(known.sum()), 1)).backward()  # type: ignore[no-untyped-call]  # torch's own stub
                optimizer.step()
                schedule.step()
    return network.eval().requires_grad_(False)


def _moved(images: Tensor) -> Tensor:
    """Shift a batch by a few pixels, edges repeated; never mirrored, since the heart has a side."""
    down, right = torch.randint(0, 2 * _SHIFT + 1, (2,)).tolist()
    padded = functional.pad(images, (_SHIFT, _SHIFT, _SHIFT, _SHIFT), mode="replicate")
    return padded[:, :, down : down + SIDE, right : right + SIDE]


def _prepare(images: NDArray[np.uint8]) -> Tensor:
    """Average down to [n, 1, 64, 64] and bring each image to mean 0 and deviation 1: exposure is no finding."""
    small = torch.zeros(len(images), 1, SIDE, SIDE)
    for row, image in enumerate(images):
        small[row] = functional.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(image)).float()[None], SIDE)
    centred = small - small.mean(dim=(2, 3), keepdim=True)
    deviation = centred.square().mean(dim=(2, 3), keepdim=True).sqrt()
    return centred / deviation.clamp_min(1.0)


@torch.no_grad()
def _logits(network: nn.Sequential, prepared: Tensor) -> NDArray[np.float32]:
    """Read one image at a time, so that a reading is a function of its image alone."""
    found = [network(image[None]).numpy() for image in prepared]
    return np.concatenate([np.zeros((0, len(CHEXPERT_FINDINGS)), dtype=np.float32), *found])


def _masked(logits: NDArray[np.float32], read: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(read, logits, np.nan).astype(np.float32)
