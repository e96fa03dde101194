"""Pairs as the parts of a verifier see them: columns and vectors, each text encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xhaim.ports import Encoder, Progress, silent
from xhaim.verify.entail_clauses import Rarity
from xhaim.verify.entail_features import columns, evidence_lines
from xhaim.verify.entail_line import Numbers

_KEPT_TEXTS = 50_000
"""77 MB of MiniLM's vectors."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Pairs as the members see them."""

    X: Numbers
    """[n, d]: columns of each pair."""
    vectors: Numbers | None
    """[n, 2 e]: products and differences of the vectors of claim and evidence; None without an encoder."""
    claims: Numbers | None
    """[n, e]: the vectors of the claims, scaled to a variance near 1."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """An encoder that encodes a text once while it is kept: evidence recurs, and each pair asks for its own twice."""

    encoder: Encoder
    _vectors: dict[str, Numbers] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """That of the encoder."""
        return self.encoder.name

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> Numbers:
        """Return [n, d] unit vectors."""
        if len(self._vectors) > _KEPT_TEXTS:
            self._vectors.clear()
        unknown = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if unknown:
            self._vectors.update(zip(unknown, self.encoder.encode(unknown, progress), strict=True))
        return np.stack([self._vectors[text] for text in texts])


def remembered(encoder: Encoder | None) -> Remembered | None:
    """Return the encoder with its memory; None stays None."""
    return encoder if encoder is None or isinstance(encoder, Remembered) else Remembered(encoder)


def see(
    pairs: Sequence[tuple[str, str]],
    rarity: Rarity,
    encoder: Encoder | None,
    progress: Progress = silent,
) -> Seen:
    """Return the columns and the vectors of (claim, evidence)."""
    rows, vectors, claims = [], [], []
    for at, (claim, evidence) in enumerate(pairs, 1):
        rows.append(list(columns(claim, evidence, rarity, encoder).values()))
        if encoder is not None:
            own, difference = _vectors(claim, evidence, encoder)
            claims.append(own)
            vectors.append(difference)
        progress(at, len(pairs))
    X = np.array(rows, dtype=np.float32)
    return Seen(X, np.array(vectors), np.array(claims)) if encoder is not None else Seen(X, None, None)


def _vectors(claim: str, evidence: str, encoder: Encoder) -> tuple[Numbers, Numbers]:
    """Return the claim's unit vector, [e], and its products and differences with the evidence's, [2 e], both scaled."""
    lines = evidence_lines(evidence, claim)
    vectors = encoder.encode([claim, *(lines or [claim])])
    mean = vectors[1:].mean(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    scale = np.float32(np.sqrt(len(mean)))
    return vectors[0] * scale, np.concatenate([vectors[0] * mean, np.abs(vectors[0] - mean)]).astype(np.float32) * scale
