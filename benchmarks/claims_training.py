"""Fit the detector that comes with ``xhaim.verify`` to faults in reworded sentences, and write it as JSON.

    python -m benchmarks.claims_training [--data FOLDER] [--out FILE] [--sentences N]

MTS-Dialog, ACI-Bench, two thirds of MEDEC (all CC BY 4.0) and SIMULATED notes; no report of Open-I, nothing of the
test parts. A tenth of the texts is held out: the threshold is the lowest score at which at most ``_ALARMS``
of its true sentences are called false: of those in the words of this grammar, and of those in the words of the tests'
(``claims_rewordings``), which the trees never see.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from benchmarks.claims_rewordings import reworded
from benchmarks.claims_sources import Truth, draw, truths
from benchmarks.claims_training_grammar import KINDS, corrupted, turned
from xhaim.verify.atoms import atoms
from xhaim.verify.check import met
from xhaim.verify.detector import FEATURES, Detector, features, kept

_ALARMS = 0.02
OTHER = "reworded by the grammar of the tests"
"""A kind of true sentence that is held out whole: it has a say in the threshold and in nothing else."""
_SETTINGS = {
    "objective": "binary:logistic", "max_depth": 5, "eta": 0.08, "subsample": 0.8, "colsample_bytree": 0.6,
    "min_child_weight": 8, "lambda": 3.0, "nthread": 1, "seed": 0, "tree_method": "hist", "max_bin": 64,
}  # fmt: skip
_ROUNDS = 250


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence, what it cites, and whether it holds."""

    key: str
    """Of the true sentence that it comes from."""
    group: str
    """Of its text."""
    kind: str
    """Of its fault; empty where it holds."""
    claims: tuple[str, ...]
    """The atomic claims that have the label; of a false sentence those that the true one has not."""
    evidence: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Features of every claim of n cases."""

    X: NDArray[np.float32]
    """[m, d], ``FEATURES``."""
    place: NDArray[np.int64]
    """[m]: the case of each claim."""
    kinds: NDArray[np.str_]
    """[n]: the fault of each case; empty where it is true."""
    held: NDArray[np.bool_]
    """[n]: whether it is held out, for the threshold."""


def cases(found: Sequence[Truth]) -> Iterator[Case]:
    """Return, of every sentence, itself, a rewording, and two faults of kinds drawn by its key, reworded or not."""
    by_corpus: dict[str, list[Truth]] = {}
    for one in found:
        by_corpus.setdefault(one.corpus, []).append(one)
    for one in found:
        group = f"{one.corpus}:{one.doc_id}"
        told = {atom.text for atom in atoms(turned(one.sentence, one.key))}
        yield Case(one.key, group, "", tuple(sorted(told)), one.evidence)
        if draw(one.key + "copy", 4) == 0:
            yield Case(one.key, group, "", tuple(a.text for a in atoms(one.sentence)), one.evidence)
        other = reworded(one.sentence, one.key) if draw(group, 10) == 0 else None
        if other is not None:
            yield Case(one.key, group, OTHER, tuple(a.text for a in atoms(other)), one.evidence)
        fitting = [kind for kind in KINDS if corrupted(one, kind, by_corpus[one.corpus], "") is not None]
        fitting.sort(key=lambda kind: (kind in ("other patient", "wrong citation", "invented finding"), kind))
        rare = [kind for kind in fitting if kind in ("side", "severity", "trend", "unit", "number", "negation")]
        chosen = {fitting[draw(one.key + "a", len(fitting))]} if fitting else set()
        for kind in sorted(chosen | set(rare)):
            false = corrupted(one, kind, by_corpus[one.corpus], kind)
            if false is None:
                continue
            text = false[0] if draw(one.key + kind, 4) == 0 else turned(false[0], one.key)
            parts = tuple(a.text for a in atoms(text) if false[0] == one.sentence or a.text not in told)
            if parts:
                yield Case(one.key, group, kind, parts, false[1])


def rows(of: Sequence[Case]) -> Rows:
    """Return the features of every claim."""
    X, place = [], []
    for at, case in enumerate(of):
        for text in case.claims:
            X.append(features(*met(text, [case.evidence])))
            place.append(at)
    held = np.array([draw(case.group, 10) == 0 for case in of])
    return Rows(np.stack(X), np.array(place), np.array([case.kind for case in of]), held)


def fit(X: NDArray[np.float32], y: NDArray[np.int64], weights: NDArray[np.float32]) -> xgb.Booster:
    """Fit the trees."""
    return xgb.train(_SETTINGS, xgb.DMatrix(X, y, weight=weights), _ROUNDS)


def threshold(
    scores: NDArray[np.float64], place: NDArray[np.int64], true: NDArray[np.bool_], sure: NDArray[np.bool_]
) -> float:
    """Return the lowest score at which at most ``_ALARMS`` of the true sentences are called false."""
    worst = np.zeros(place.max() + 1)
    np.maximum.at(worst, place, scores)
    flagged = np.zeros(place.max() + 1, dtype=bool)
    np.logical_or.at(flagged, place, sure)
    worst[flagged] = 1.0
    return float(np.quantile(worst[true], 1 - _ALARMS, method="higher"))


def fitted(of: Rows, without: str = "") -> tuple[Detector, str]:
    """Return a detector and a line about it; ``without``: a kind of fault that it is not shown."""
    true, held = (of.kinds == "") | (of.kinds == OTHER), of.held
    learn = ~held & ((of.kinds != without) | true)
    count = np.bincount(of.place, minlength=len(true))
    weights = (1 / count[of.place]).astype(np.float32)
    mine = learn[of.place]
    booster = fit(of.X[mine], (~true)[of.place][mine].astype(np.int64), weights[mine])
    sure = of.X[:, FEATURES.index("sure disagreements")] > 0
    scores = booster.inplace_predict(of.X).astype(np.float64)
    limit = max(threshold(scores, of.place, held & (of.kinds == kind), sure) for kind in ("", OTHER))
    return (
        Detector("faults-1", booster, limit),
        f"{learn.sum()} sentences ({true[learn].mean():.2f} true), false from {limit:.3f}; "
        f"the rules alone call {_alarms(sure, of, true & held):.3f} of the held-out true ones false",
    )


def _alarms(sure: NDArray[np.bool_], of: Rows, among: NDArray[np.bool_]) -> float:
    flagged = np.zeros(len(among), dtype=bool)
    np.logical_or.at(flagged, of.place, sure)
    return float(flagged[among].mean())


def read_rows(path: Path) -> Rows:
    """Read what ``--rows`` wrote."""
    with np.load(path, allow_pickle=False) as kept_rows:
        return Rows(*(kept_rows[name] for name in ("X", "place", "kinds", "held")))


def main() -> None:
    """Fit, choose the threshold, write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[1]
    asked.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    asked.add_argument("--out", type=Path, default=root / "src" / "xhaim" / "verify" / "detector.json")
    asked.add_argument("--sentences", type=int, default=10_000)
    asked.add_argument("--rows", type=Path, help="where to keep the features (.npz), for benchmarks.claims")
    given = asked.parse_args()
    found = sorted(truths(given.data, "train"), key=lambda one: draw(one.key, 1 << 30))[: given.sentences]
    made = rows(list(cases(found)))
    if given.rows:
        np.savez_compressed(given.rows, X=made.X, place=made.place, kinds=made.kinds, held=made.held)
    detector, told = fitted(made)
    given.out.write_text(kept(detector), encoding="utf-8")
    print(told)


if __name__ == "__main__":
    main()
