"""HAIM's way with images, quirks and all, for the baseline "as published" (Soenksen et al. 2022, from its description).

Each sample has its index image, and the mean of all images known, the latest weighing most. HAIM's dense features are
1,024 of a DenseNet pretrained on chest films; its weights are not part of this package, so the image itself is its
dense vector: 32 x 32 grey values, which are 1,024 too. HAIM's 18 readings are the image reader's 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

SIDE = 32
UNTRAINED = 0.5
"""What HAIM's network says of a finding that it was not trained on; here, of one that the reader does not read."""
DENSE_NAMES = tuple(f"grey value, row {row}, column {column}" for row in range(SIDE) for column in range(SIDE))


def dense(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return [n, 1024] of images [n, 64, 64]: averaged down to 32 x 32, each brought to mean 0 and deviation 1.

    Zeros for an image without any contrast, as where there is none.
    """
    blocks = pixels.reshape(len(pixels), SIDE, 2, SIDE, 2).mean(axis=(2, 4), dtype=np.float64)
    small = blocks.reshape(len(pixels), SIDE * SIDE)
    centred = small - small.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    even = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)
    return np.asarray(even, dtype=np.float32)


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities of logits; ``UNTRAINED`` where a finding is not read (NaN)."""
    return np.where(np.isnan(logits), UNTRAINED, expit(logits)).astype(np.float32)


def leaky_weights(films: Sequence[tuple[datetime, str]], prediction_time: datetime) -> list[tuple[str, float]]:
    """LEAKY. Return the images that HAIM averages for one sample, each with its weight.

    ``films``: time and path of all images of the subject, in the order of HAIM's list. HAIM counts those of the
    prediction time or before, and takes the first so many of the list, whenever they were taken; the weights are those
    of the counted: 0 for the earliest, 1 for the latest. With one image, or all of one time, the weights are no
    numbers and HAIM's mean is zeros: nothing is returned.
    """
    counted = [time for time, _ in films if time <= prediction_time]
    if not counted or min(counted) == max(counted):
        return []
    first, span = min(counted), (max(counted) - min(counted)).total_seconds()
    weights = [(time - first).total_seconds() / span for time in counted]
    return [(path, weight) for (_, path), weight in zip(films[: len(counted)], weights, strict=True)]
