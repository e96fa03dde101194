"""A small trained verifier of claims, with no language model: fitted on pairs, saved as JSON and safetensors.

It is an ``Entailment`` like any NLI model. Its parts: a line over the columns of a pair, one over how the vectors of
claim and evidence differ, one over the claim's vector alone (its ``prior``: how such claims turned out; may be left
out), and, where one was given to start from, a cross-encoder tuned to the same pairs. The mean of their probabilities
is the answer. Labels weigh the same whatever their number, so a probability is one among equally common labels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_safetensors

from xhaim.atomic import write_bytes
from xhaim.errors import DataError
from xhaim.ports import Encoder, Inference, Progress, silent
from xhaim.verify.entail_clauses import Rarity
from xhaim.verify.entail_cross import Cross
from xhaim.verify.entail_features import columns
from xhaim.verify.entail_line import Line, Numbers
from xhaim.verify.entail_seen import remembered, see
from xhaim.verify.entail_train import tune
from xhaim.verify.pairs import LABELS, Label, Pair

FORMAT = "xhaim verifier 1"
MAX_PREMISE = 200_000
"""Characters; a longer premise is not judged rather than cut: what was cut off might have been the denial."""
LINES_FILE = "lines.safetensors"
CROSS_FILE = "cross.safetensors"
_COLUMNS_STRENGTH, _VECTORS_STRENGTH = 0.01, 0.001
_DECIMALS = 4


@dataclass(frozen=True)
class Verifier:
    """What was fitted; asked one pair at a time by ``infer``, or of many by ``odds``."""

    rarity: Rarity
    encoder: Encoder | None
    columns: tuple[str, ...]
    labels: tuple[Label, ...]
    """Those that were seen when it was fitted, in the order of ``LABELS``; of others it says nothing: 0."""
    line: Line
    difference: Line | None
    prior: Line | None
    cross: Cross | None

    @cached_property
    def name(self) -> str:
        """``verifier@<12 hex digits>`` of everything that decides an answer: part of every cache key."""
        return f"verifier@{hashlib.sha256(b''.join(self._files().values())).hexdigest()[:12]}"

    def infer(self, premise: str, hypothesis: str) -> Inference | None:
        """Return the probabilities, a function of the two texts alone; None where they are longer than it reads."""
        if len(premise) + len(hypothesis) > MAX_PREMISE:
            return None
        odds = [round(float(one), _DECIMALS) for one in self.odds([(hypothesis, premise)])[0]]
        return Inference(**dict(zip(LABELS, odds, strict=True)))

    def odds(self, pairs: Sequence[tuple[str, str]], progress: Progress = silent) -> Numbers:
        """Return the probabilities of (claim, evidence) in the order of ``LABELS``, [n, 3]."""
        seen = see(pairs, self.rarity, self.encoder, progress)
        found = [self.line.odds(seen.X)]
        if self.difference is not None and seen.vectors is not None:
            found.append(self.difference.odds(seen.vectors))
        if self.prior is not None and seen.claims is not None:
            found.append(self.prior.odds(seen.claims))
        known = [LABELS.index(label) for label in self.labels]
        if self.cross is not None:
            odds = self.cross.odds(pairs)[:, known]
            found.append(odds / odds.sum(axis=1, keepdims=True))
        result = np.zeros((len(pairs), len(LABELS)), dtype=np.float32)
        result[:, known] = np.mean(found, axis=0)
        return result

    def save(self, folder: Path) -> None:
        """Write ``verifier.json`` last, with the sha256 of the files that it names: no pickle, no text of any pair."""
        for name, data in self._files().items():
            write_bytes(folder / name, data)

    def _files(self) -> dict[str, bytes]:
        lines = {"line": self.line, "difference": self.difference, "prior": self.prior}
        tensors = {key: one for name, line in lines.items() if line for key, one in line.tensors(name).items()}
        files = {LINES_FILE: to_safetensors(tensors)}
        if self.cross is not None:
            files[CROSS_FILE] = self.cross.to_bytes()
        said = {
            "format": FORMAT,
            "columns": list(self.columns),
            "labels": list(self.labels),
            "encoder": self.encoder.name if self.encoder else None,
            "texts": self.rarity.texts,
            "seen": dict(self.rarity.seen),
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
        }
        return files | {"verifier.json": (json.dumps(said, sort_keys=True) + "\n").encode()}


def fit(
    pairs: Sequence[Pair],
    encoder: Encoder | None = None,
    start: Cross | None = None,
    prior: bool = True,
    progress: Progress = silent,
) -> Verifier:
    """Fit a verifier to labelled pairs; the order of the pairs does not matter.

    Args:
        pairs: With their labels.
        encoder: MiniLM; without one there are no vectors, and words alone decide.
        start: A cross-encoder to tune to the pairs, minutes of a processor for a thousand; none where there is none.
        prior: Whether the claim alone may speak, as annotators' claims do; leave it out where claims are one's own.
        progress: Told of the pairs that are seen, then of the steps of the tuning.

    Raises:
        DataError: a pair has no label, or there are fewer than two labels with ten pairs each.
    """
    pairs = sorted(pairs, key=lambda pair: (pair.claim, pair.evidence, pair.label or "", pair.pair_id))
    labels = labels_of(pairs)
    known, dense = np.unique(labels, return_inverse=True)
    if len(known) < 2 or np.bincount(dense).min() < 10:
        raise DataError(
            "too few labelled pairs to fit a verifier",
            got=", ".join(f"{np.sum(labels == at)} {LABELS[at]}" for at in known) or "none",
            expected="at least two labels with ten pairs each",
        )
    texts = [(pair.claim, pair.evidence) for pair in pairs]
    rarity, encoder = Rarity.of(pair.evidence for pair in pairs), remembered(encoder)
    seen = see(texts, rarity, encoder, progress)
    strength = _VECTORS_STRENGTH
    return Verifier(
        rarity,
        encoder,
        tuple(columns("a", "a", rarity, encoder)),
        tuple(LABELS[at] for at in known),
        Line.fit(seen.X, dense, _COLUMNS_STRENGTH, ranks=True),
        None if seen.vectors is None else Line.fit(seen.vectors, dense, strength, ranks=False),
        None if seen.claims is None or not prior else Line.fit(seen.claims, dense, strength, ranks=False),
        None if start is None else tune(start, texts, labels, progress=progress),
    )


def labels_of(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """Return the place of each label in ``LABELS``, [n]. Raises DataError where a pair has none."""
    missing = sum(pair.label is None for pair in pairs)
    if missing:
        raise DataError(f"{missing} of {len(pairs)} pairs have no label", expected="a label in every row to learn from")
    return np.array([LABELS.index(pair.label) for pair in pairs if pair.label is not None], dtype=np.int64)
