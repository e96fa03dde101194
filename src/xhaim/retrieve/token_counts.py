"""How often each of a few tokens stands in each of many texts, over the bytes of all texts at once.

To make a list of a text's tokens costs more than all of BM25 after it; of nearly all of them only the number matters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_TOKEN = re.compile(r"[a-z0-9]+")
_LOWER = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else 0 for code in range(256))
"""Byte -> itself in lower case where it belongs to a token, else 0."""
_HEAD = 8
"""The first bytes of a token, read as one number."""
_HEAD_MASK = np.array([(1 << 8 * n) - 1 for n in range(_HEAD + 1)], dtype=np.uint64)
_BLOCK = 1024
"""Texts at a time, so that memory does not grow with their number."""


def tokens(text: str) -> list[str]:
    """Return the lower-case alphanumeric runs of a text; nothing is stemmed or dropped, so ``no`` counts."""
    return _TOKEN.findall(text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """The t distinct tokens that are counted, each as ``tokens`` gives it."""

    words: tuple[str, ...]

    def count(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how often each text holds each token, [t, n], and how many tokens each text has, [n].

        The same as to count what ``tokens`` gives.
        """
        frequency = np.zeros((len(self.words), len(texts)))
        lengths = np.zeros(len(texts))
        for first in range(0, len(texts), _BLOCK):
            block = slice(first, first + _BLOCK)
            frequency[:, block], lengths[block] = self._count(texts[block])
        return frequency, lengths

    def _count(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        # _LOWER does for ASCII what str.lower does; of other letters, str.lower turns two into ASCII (the Kelvin sign)
        lowered = [text if text.isascii() else text.lower() for text in texts]
        letters = b"\0" + "\n".join(lowered).encode("ascii", "replace").translate(_LOWER) + bytes(_HEAD)
        inside = np.frombuffer(letters, np.uint8) > 0
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        starts, sizes = edges[::2], edges[1::2] - edges[::2]
        text_ends = np.cumsum([len(text) + 1 for text in lowered])
        tokens_before = starts.searchsorted(text_ends, side="right")

        found, rows = self._find(letters, starts, sizes)
        columns = tokens_before.searchsorted(found, side="right")
        shape = (len(self.words), len(texts))
        frequency = np.bincount(rows * len(texts) + columns, minlength=shape[0] * shape[1]).reshape(shape)
        return frequency, np.diff(tokens_before, prepend=0)

    def _find(
        self, letters: bytes, starts: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which of the tokens at ``starts`` are of the vocabulary, and their rows in it."""
        known, openings = self._heads
        first_two = np.ndarray((len(letters) - 1,), "<u2", letters, strides=(1,))
        likely = np.flatnonzero(openings[first_two[starts]])
        heads = np.ndarray((len(letters) - _HEAD + 1,), "<u8", letters, strides=(1,))[starts[likely]]
        heads &= _HEAD_MASK[np.minimum(sizes[likely], _HEAD)]
        place = known.searchsorted(heads)
        same = known[place] == heads
        found, rows = likely[same], self._row_of_head[place[same]]
        for at in np.flatnonzero((sizes[found] > _HEAD) | (rows < 0)).tolist():  # the head is not the whole token
            start = int(starts[found[at]])
            rows[at] = self._row.get(letters[start : start + int(sizes[found[at]])], -1)
        return found[rows >= 0], rows[rows >= 0]

    @cached_property
    def _row(self) -> dict[bytes, int]:
        return {word.encode(): row for row, word in enumerate(self.words)}

    @cached_property
    def _heads(self) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Return the distinct heads in order, with a last one that no token has, and which two bytes open any."""
        heads = sorted({int.from_bytes(word[:_HEAD], "little") for word in self._row})
        known = np.array([*heads, 2**64 - 1], dtype=np.uint64)
        openings = np.zeros(1 << 16, dtype=np.bool_)
        openings[(known[:-1] & np.uint64(0xFFFF)).astype(np.int64)] = True
        return known, openings

    @cached_property
    def _row_of_head(self) -> NDArray[np.int64]:
        """Return the row of the token that is no longer than its head; -1 where there is none."""
        short = {int.from_bytes(word, "little"): row for word, row in self._row.items() if len(word) <= _HEAD}
        return np.array([short.get(head, -1) for head in self._heads[0].tolist()], dtype=np.int64)
