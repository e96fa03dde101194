"""The matrix that the fusion sees: [notes | their words | cxr | its words | values], each column named, in a block."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xhaim.errors import DataError
from xhaim.predict.fusion import WORDS
from xhaim.predict.vocabulary import Vocabulary
from xhaim.records import MODALITIES, Features


def modalities_of(features: Features) -> tuple[str, ...]:
    """Return the modalities that have texts, in the order of their columns."""
    return tuple(modality for modality in MODALITIES if modality in features.texts)


def describe_columns(
    features: Features, dim: int, words: Mapping[str, Vocabulary]
) -> tuple[tuple[str, ...], dict[str, tuple[int, int]]]:
    """Return the names of all columns and block -> half-open range, for embeddings of ``dim`` columns.

    A text's blocks are its embedding, ``notes summary, dimension 17`` and ``notes summary, missing``, and its words,
    ``notes summary: effusion, denied``.
    """
    names: list[str] = []
    blocks: dict[str, tuple[int, int]] = {}
    for modality in modalities_of(features):
        start = len(names)
        names += [f"{modality} summary, dimension {index}" for index in range(dim)] + [f"{modality} summary, missing"]
        blocks[modality] = (start, len(names))
        start = len(names)
        names += [f"{modality} summary: {term}" for term in words[modality].names]
        blocks[f"{modality}{WORDS}"] = (start, len(names))
    offset = len(names)
    blocks |= {block: (start + offset, end + offset) for block, (start, end) in features.blocks.items()}
    return (*names, *features.names), blocks


def assemble(
    features: Features, embeddings: Mapping[str, NDArray[np.float32]], words: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return X, [n, d]: of each modality its embeddings ([n, dim], zeros: no text), whether it is missing, words."""
    parts = []
    for modality in modalities_of(features):
        missing = np.array([[not text] for text in features.texts[modality]], dtype=np.float32).reshape(-1, 1)
        parts += [embeddings[modality], missing, words[modality]]
    return np.concatenate([*parts, features.values.astype(np.float32, copy=False)], axis=1)


def take(features: Features, rows: NDArray[np.int64]) -> Features:
    """Return some samples of the features, in the order of ``rows``."""
    return Features(
        sample_ids=tuple(features.sample_ids[row] for row in rows.tolist()),
        texts={modality: tuple(texts[row] for row in rows.tolist()) for modality, texts in features.texts.items()},
        values=features.values[rows],
        names=features.names,
        blocks=features.blocks,
    )


def check_features(features: Features) -> None:
    """Raise DataError where the parts of the features do not fit each other, or a value is infinite."""
    n, names = len(features.sample_ids), features.names
    if features.values.shape != (n, len(names)):
        raise DataError(
            "feature values have the wrong shape", got=features.values.shape, expected=f"({n}, {len(names)})"
        )
    for modality, texts in features.texts.items():
        if modality not in MODALITIES or len(texts) != n or modality in features.blocks:
            raise DataError(
                f"the texts of '{modality}' do not fit",
                got=f"{len(texts)} texts; numeric blocks {sorted(features.blocks)}",
                expected=f"{n} texts of one of {', '.join(MODALITIES)}, and no numeric block of that name",
            )
    _check_tiling(features)
    infinite = np.flatnonzero(np.isinf(features.values).any(axis=0))
    if len(infinite):
        raise DataError(
            f"infinite values in column '{names[infinite[0]]}'", expected="finite values, NaN where missing"
        )


def _check_tiling(features: Features) -> None:
    ranges = sorted(features.blocks.values())
    ends = [0, *(end for _, end in ranges)]
    if [start for start, _ in ranges] != ends[:-1] or ends[-1] != len(features.names):
        raise DataError(
            "the blocks do not tile the columns", got=dict(features.blocks), expected=f"[0, {len(features.names)})"
        )
