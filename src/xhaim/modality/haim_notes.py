"""HAIM's way with notes, quirks and all, for the baseline "as published" (Soenksen et al. 2022, from its description).

A note that fits the encoder is one piece. A longer one is cut at its lines, which are packed greedily; the last pack is
never kept, so that the end of each long note is lost, and one that is a single long line is one empty piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from xhaim.records import Document

WORD_PIECES = 510
"""Of BERT, without its two marks: what HAIM packs."""


def pieces(text: str, count: Callable[[str], int], most: int = WORD_PIECES) -> list[str]:
    """Return the pieces of a note that HAIM embeds; ``count`` gives a text's word pieces, without marks."""
    if count(text) <= most:
        return [text]
    kept: list[str] = []
    packed: list[str] = []
    size = 0
    for line in text.split("\n"):
        n = count(line)
        if size + n > most:
            kept.append("\n".join(packed))
            packed, size = [], 0
        packed.append(line)
        size += n
    return kept


def mean_vector(
    notes: Sequence[Document],
    admitted: datetime | None,
    split: Callable[[str], Sequence[str]],
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Return [d]: the mean over all pieces of all notes of a kind, weighted by the note's hours since admission.

    Later notes weigh more; one before the admission weighs less than nothing. Without any note it is the embedding of
    the empty text; where the weights do not add up to anything, zeros. ``admitted`` None: the first note's time.
    """
    empty: NDArray[np.float32] = embed([""])[0]
    if not notes:
        return empty
    start = admitted or min(note.time for note in notes)
    cut = [(piece, (note.time - start).total_seconds() / 3600) for note in notes for piece in split(note.text)]
    weights = np.array([hours for _, hours in cut])
    if weights.sum() == 0:
        return np.zeros_like(empty)
    return np.average(embed([piece for piece, _ in cut]), axis=0, weights=weights).astype(np.float32)
