"""What the small network of step 3 reads in an image, in sentences: for the page, where there is no vision model."""

from __future__ import annotations

import math

import numpy as np

from xhaim.records import Features
from xhaim.summarize.images import CHECKLIST

LIKELY, UNLIKELY = 0.8, 0.2
"""Scores from and below which a reading is told as seen and as not seen."""


def network_words(features: Features, sample_id: str) -> tuple[str, ...]:
    """Return what a split's network reads in a sample's index image, most certain first, labelled as what it is.

    ``features``: those of the split, whose image block is out-of-fold for training rows. Nothing where there is no
    image block, no image, or nothing that was read.

    For the page alone, never a text of steps 1 and 2. The network is fitted on the labels of one split's training
    rows, and all splits share those steps: as text, the labels of one split's test rows would come into another's
    training. As numbers its readings are in the model already, split by split.
    """
    start, end = features.blocks.get("image", (0, 0))
    row = features.values[features.sample_ids.index(sample_id), start:end].astype(np.float64).tolist()
    told = []
    for column, log_odds in zip(features.names[start:end], row, strict=True):
        name = CHECKLIST.get(column.removeprefix("image network, "))
        if name is None or math.isnan(log_odds):
            continue
        score = 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))
        seen = f"sees {name}" if score >= LIKELY else f"sees no {name}" if score <= UNLIKELY else f"is unsure of {name}"
        sentence = f"A small network fitted on the training images {seen} (score {score:.2f}, not calibrated)."
        told.append((-abs(score - 0.5), sentence))
    return tuple(sentence for _, sentence in sorted(told))
