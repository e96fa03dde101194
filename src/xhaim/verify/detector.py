"""A small trained detector: how likely a claim does not hold, from its disagreements with the evidence.

Gradient-boosted trees, kept as JSON. Fitted by ``benchmarks.claims_training`` to faults put into reworded sentences of
open corpora (MTS-Dialog, ACI-Bench, MEDEC: CC BY 4.0).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xhaim.verify.align import Aligned
from xhaim.verify.compare import MEASURES, Disagreement
from xhaim.verify.facets import Facets

if TYPE_CHECKING:
    from xgboost import Booster

_SHAPE = (
    *("concepts", "terms", "words", "quantities", "qualifiers", "score", "covered", "share of stems near"),
    *("share of stems anywhere", "length ratio", "denied", "denied near", "missing share", "sure disagreements"),
    *("disagreements", "sentences", "dropped qualifiers", "likeness"),
    *("denials", "denials near", "denials more than near"),
)
FEATURES: tuple[str, ...] = (*MEASURES, *_SHAPE)
"""What the columns are, in order."""


def features(claim: Facets, met: Aligned, found: Sequence[Disagreement]) -> NDArray[np.float32]:
    """Return one row, [len(FEATURES)]."""
    count = Counter(one.measure for one in found)
    row = [float(count[name]) for name in MEASURES]
    near = met.near[0] if met.near else None
    every = frozenset().union(*(one.stems for one in met.every)) if met.every else frozenset()
    size = max(1, len(claim.stems))
    missing = sum(one.measure.endswith("missing") for one in found)
    ours = {(one.kind, one.value) for one in claim.qualifiers}
    dropped = {(one.kind, one.value) for one in near.qualifiers} - ours if near else set()
    row += [
        float(len(claim.concepts)),
        float(sum(one.kind != "word" for one in claim.concepts)),
        float(len(claim.stems)),
        float(len(claim.quantities)),
        float(len(claim.qualifiers)),
        met.score,
        met.covered,
        len(claim.stems & near.stems) / size if near else 0.0,
        len(claim.stems & every) / size,
        len(near.stems) / size if near else 0.0,
        _denied(claim),
        _denied(near) if near else 0.0,
        missing / max(1, len(claim.concepts)),
        float(sum(one.sure for one in found)),
        float(len(found)),
        float(len(met.every)),
        float(len(dropped)),
        len(claim.stems & near.stems) / len(claim.stems | near.stems) if near and claim.stems else 0.0,
        float(claim.denials),
        float(near.denials) if near else 0.0,
        float(claim.denials - near.denials) if near else 0.0,
    ]
    return np.array(row, dtype=np.float32)


def _denied(sentence: Facets) -> float:
    """Return the share of the concepts that a sentence denies."""
    return sum(one.polarity == "negated" for one in sentence.concepts) / max(1, len(sentence.concepts))


@dataclass(frozen=True, slots=True)
class Detector:
    """Trees, and the score from which they call a claim false."""

    name: str
    booster: Booster
    threshold: float

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability that each claim does not hold, [n], of rows [n, len(FEATURES)]."""
        return np.asarray(self.booster.inplace_predict(rows), dtype=np.float64)


@cache
def shipped() -> Detector | None:
    """Return the detector that comes with the package; ``None`` where there is none."""
    path = files("xhaim.verify").joinpath("detector.json")
    return restore(path.read_text(encoding="utf-8")) if path.is_file() else None


def restore(text: str) -> Detector:
    """Read what ``kept`` wrote. Raises ValueError where its columns are not those of this version."""
    from xgboost import Booster

    state = json.loads(text)
    if tuple(state["features"]) != FEATURES:
        raise ValueError("the detector was fitted to other features")
    booster = Booster({"nthread": 1})
    booster.load_model(bytearray(json.dumps(state["booster"]).encode()))
    return Detector(state["name"], booster, state["threshold"])


def kept(detector: Detector) -> str:
    """Return a detector as JSON."""
    state = {
        "name": detector.name,
        "features": FEATURES,
        "threshold": detector.threshold,
        "booster": json.loads(bytes(detector.booster.save_raw("json"))),
    }
    return json.dumps(state, separators=(",", ":")) + "\n"
