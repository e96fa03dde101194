"""A note's sentence against the dialogue that it was written from: faults found at 5 % false alarms on true sentences.

    python -m benchmarks.dialogues [--data FOLDER] [--test FILE.csv] [--save DETECTOR.json] [--kinds]

The detector is that of ``xhaim.verify`` fitted to dialogues: trees over the disagreements of a sentence with what the
dialogue states (``xhaim.verify.dialogue``). Five folds by dialogue; in each a fifth of the training dialogues is kept
from the trees, to choose the threshold. The faults of ``dialogues_cases`` are written apart from the detector, but it
is fitted to the same kinds; ``--kinds`` leaves the tested kind out of the training, one after the other. ``--test``
puts faults into the sentences of another csv of either layout and scores them by trees fitted to all of these. Every
search: ``logs/dialogues.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from benchmarks.claims_sources import draw
from benchmarks.dialogues_cases import FILES, KINDS, Case, cases, truths
from xhaim.verify.check import met
from xhaim.verify.detector import FEATURES, Detector, features, kept

ALARMS = 0.045
"""Of the true sentences that choose the threshold: below the 5 % that are to be kept on others."""
ALONE = ("concepts", "terms", "words", "quantities", "qualifiers", "denied")
"""Features of the sentence by itself."""
_FEWEST = 30
"""Faults of a kind for a recall that is averaged."""
_SETTINGS = {
    "objective": "binary:logistic", "max_depth": 5, "eta": 0.06, "subsample": 0.8, "colsample_bytree": 0.5,
    "min_child_weight": 8, "lambda": 3.0, "nthread": 1, "seed": 0, "tree_method": "hist", "max_bin": 64,
}  # fmt: skip
_ROUNDS = 250
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Table:
    """Cases as the detector sees them."""

    X: Floats
    kind: NDArray[np.str_]
    """Empty: true."""
    fold: NDArray[np.int64]
    """By dialogue."""
    corpus: NDArray[np.str_]

    @classmethod
    def of(cls, given: Sequence[Case]) -> Table:
        """Compute the features of every case."""
        rows = []
        for one in given:
            claim, aligned, wrong = met(one.sentence, [one.evidence])
            rows.append(features(claim, aligned, wrong))
        return cls(
            np.stack(rows),
            np.array([one.kind for one in given]),
            np.array([draw(f"{one.group} fold", 5) for one in given]),
            np.array([one.corpus for one in given]),
        )


def fit(X: Floats, kind: NDArray[np.str_], choosing: Flags, without: str = "") -> Detector:
    """Fit trees to the rows not ``choosing``, every kind with the same weight; choose the threshold on those."""
    learn = ~choosing & ((kind != without) | (kind == ""))
    names, place, count = np.unique(kind[learn], return_inverse=True, return_counts=True)
    weight = np.where(names == "", len(names) - 1, 1) / count
    weights = weight[place] * learn.sum() / weight[place].sum()
    booster = xgb.train(_SETTINGS, xgb.DMatrix(X[learn], kind[learn] != "", weight=weights), _ROUNDS)
    scores = booster.inplace_predict(X[choosing & (kind == "")])
    return Detector("trees for dialogues", booster, float(np.quantile(scores, 1 - ALARMS, method="higher")))


def called_false(X: Floats, by: Detector) -> Flags:
    """Return which rows a detector calls false."""
    return np.asarray(by.score(X) > by.threshold)


def by_folds(table: Table, X: Floats, without: str = "") -> Flags:
    """Return which rows are called false by trees that saw neither their dialogue nor the kind ``without``."""
    called = np.zeros(len(X), dtype=bool)
    for fold in range(5):
        test = table.fold == fold
        choosing = table.fold[~test] == (fold + 1) % 5
        called[test] = called_false(X[test], fit(X[~test], table.kind[~test], choosing, without))
    return called


def recalls(kind: NDArray[np.str_], called: Flags) -> Mapping[str, float]:
    """Return the recall of every kind that has faults enough."""
    return {one: float(called[kind == one].mean()) for one in KINDS if (kind == one).sum() >= _FEWEST}


def told(name: str, kind: NDArray[np.str_], called: Flags) -> None:
    """Print a line: mean recall, realised false alarms, then each kind's recall."""
    found = recalls(kind, called)
    each = ", ".join(f"{one} {value:.2f}" for one, value in found.items())
    mean = np.mean(list(found.values()))
    print(f"  {name:<28} mean {mean:.3f} at {called[kind == ''].mean():.3f} false alarms: {each}", flush=True)


def development(table: Table, leave_out: bool) -> None:
    """Print what folds say."""
    counts = ", ".join(f"{(table.kind == one).sum()} {one}" for one in KINDS)
    print(f"{(table.kind == '').sum()} true sentences; faults: {counts}")
    told("rules that are sure", table.kind, table.X[:, FEATURES.index("sure disagreements")] > 0)
    alone = table.X[:, [FEATURES.index(name) for name in ALONE]]
    told("the sentence alone, trained", table.kind, by_folds(table, alone))
    called = by_folds(table, table.X)
    told("trained (the figure)", table.kind, called)
    for corpus in np.unique(table.corpus):
        mine = table.corpus == corpus
        told(f"  of it {corpus}", table.kind[mine], called[mine])
    if leave_out:
        found = {}
        for one in KINDS:
            called = by_folds(table, table.X, one)
            found[one] = float(called[table.kind == one].mean())
            print(f"    never shown {one:<16} {found[one]:.2f} at {called[table.kind == ''].mean():.3f}", flush=True)
        print(f"  the tested kind left out     mean {np.mean(list(found.values())):.3f}")


def main() -> None:
    """Print the figures."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1].parent / "shared" / "data")
    asked.add_argument("--test", type=Path, help="another csv of MTS-Dialog's or ACI-Bench's layout")
    asked.add_argument("--save", type=Path, help="write the detector fitted to all dialogues")
    asked.add_argument(
        "--kinds", action="store_true", help="leave each kind out of the training too: five minutes more"
    )
    given = asked.parse_args()
    table = Table.of(list(cases(truths([given.data / name for name in FILES]))))
    if not given.test:
        development(table, given.kinds)
    if given.test or given.save:
        fitted = fit(table.X, table.kind, table.fold == 0)
    if given.save:
        given.save.write_text(kept(fitted), encoding="utf-8")
    if given.test:
        test = Table.of(list(cases(truths([given.test]))))
        print(f"{given.test.name}: {(test.kind == '').sum()} true sentences, {(test.kind != '').sum()} with a fault")
        told("rules that are sure", test.kind, test.X[:, FEATURES.index("sure disagreements")] > 0)
        told("trained on the others", test.kind, called_false(test.X, fitted))


if __name__ == "__main__":
    main()
