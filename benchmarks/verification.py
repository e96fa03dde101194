"""Claim verification with no language model: macro-F1 beside the majority, the claim alone, and evidence of another.

    python -m benchmarks.verification nli4ct [FILE] [--data FOLDER]
    python -m benchmarks.verification healthver [FILE] [--data FOLDER]
    python -m benchmarks.verification csv FILE --train FILE

``nli4ct`` trains on its train.json and is asked of FILE (dev.json unless said); ``healthver`` holds out a fifth of the
topics at a time; ``csv`` trains on one file and is asked of another, of any layout that ``read_pairs`` knows. What the
verifier is was chosen by folds inside the training part (logs/verification.md). ``--start FILE`` adds a cross-encoder
that was trained on other corpora (``python -m benchmarks.verification_cross``), tuned to the training part: 5 to 10
minutes of a core for a thousand pairs. Intervals: bootstrap of whole groups, the trial or topic, 1,000 draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold

from xhaim.backends import load
from xhaim.ports import Encoder
from xhaim.verify.entail_cross import Cross
from xhaim.verify.entail_model import fit, labels_of
from xhaim.verify.entail_seen import Remembered
from xhaim.verify.pairs import LABELS, Pair, read_pairs

Odds = NDArray[np.float64]
MAJORITY, CLAIM, SHUFFLED, OURS = "majority", "claim alone", "evidence of another", "claim and evidence"
DRAWS = 1000


def of_claims(train: Sequence[Pair], test: Sequence[Pair]) -> Odds:
    """Return the odds of a model that never sees the evidence: words and pairs of words of the claim, [n, 3]."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(max_iter=500, class_weight="balanced")
    model.fit(words.fit_transform([pair.claim for pair in train]), labels_of(train))
    odds = np.zeros((len(test), len(LABELS)))
    odds[:, model.classes_] = model.predict_proba(words.transform([pair.claim for pair in test]))
    return odds


def shuffled(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the claims with evidence of another group: that of the pair half of the groups further on."""
    groups = sorted({pair.group for pair in pairs})
    first = {pair.group: pair.evidence for pair in reversed(pairs)}
    other = {group: first[groups[(at + len(groups) // 2) % len(groups)]] for at, group in enumerate(groups)}
    return [replace(pair, evidence=other[pair.group]) for pair in pairs]


def asked(train: Sequence[Pair], test: Sequence[Pair], encoder: Encoder, start: Cross | None) -> dict[str, Odds]:
    """Fit on ``train``; return what each model says of ``test``, [n, 3] each."""
    majority = np.bincount(labels_of(train), minlength=len(LABELS)) / len(train)
    model = fit(train, encoder, start)
    return {
        MAJORITY: np.tile(majority, (len(test), 1)),
        CLAIM: of_claims(train, test),
        SHUFFLED: model.odds([(pair.claim, pair.evidence) for pair in shuffled(test)]).astype(float),
        OURS: model.odds([(pair.claim, pair.evidence) for pair in test]).astype(float),
    }


def by_topic(pairs: Sequence[Pair], encoder: Encoder, start: Cross | None, folds: int = 5) -> dict[str, Odds]:
    """Ask of every pair a model that was fitted without its group."""
    odds: dict[str, Odds] = {}
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for rest, held in parts.split(pairs, labels_of(pairs), [pair.group for pair in pairs]):
        found = asked([pairs[at] for at in rest], [pairs[at] for at in held], encoder, start)
        for name, values in found.items():
            odds.setdefault(name, np.zeros((len(pairs), len(LABELS))))[held] = values
    return odds


def table(pairs: Sequence[Pair], odds: dict[str, Odds]) -> None:
    """Print macro-F1 of each model with its interval, and what reading the evidence adds."""
    labels = labels_of(pairs)
    said = {name: values.argmax(axis=1) for name, values in odds.items()}
    known = sorted(set(labels))
    score = lambda at, name: f1_score(labels[at], said[name][at], labels=known, average="macro", zero_division=0)  # noqa: E731
    rows: dict[str, list[int]] = {}
    for at, pair in enumerate(pairs):
        rows.setdefault(pair.group, []).append(at)
    groups = sorted(rows)
    draw = np.random.default_rng(0)
    draws = [
        np.concatenate([rows[groups[at]] for at in draw.integers(0, len(groups), len(groups))]) for _ in range(DRAWS)
    ]
    many = ", ".join(f"{np.sum(labels == at)} {LABELS[at]}" for at in known)
    print(f"{len(pairs)} pairs of {len(groups)} groups: {many}")
    drawn = {name: np.array([score(at, name) for at in draws]) for name in odds}
    for name in odds:
        low, high = np.quantile(drawn[name], (0.025, 0.975))
        print(f"{name:<22} macro-F1 {score(np.arange(len(pairs)), name):.3f} [{low:.3f}, {high:.3f}]")
    for name in (CLAIM, SHUFFLED):
        low, high = np.quantile(drawn[OURS] - drawn[name], (0.025, 0.975))
        gain = score(np.arange(len(pairs)), OURS) - score(np.arange(len(pairs)), name)
        print(f"  ours - {name:<19} {gain:+.3f} [{low:+.3f}, {high:+.3f}]")


def main() -> None:
    """Print the table of one corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", choices=("nli4ct", "healthver", "csv"))
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--train", type=Path)
    parser.add_argument("--start", type=Path, help="a cross-encoder that was trained on other corpora")
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside)
    given = parser.parse_args()
    encoder = Remembered(load("encoders", "minilm")())
    start = Cross.restore(given.start.read_bytes()) if given.start else None
    if given.corpus == "healthver":
        pairs = read_pairs(given.file or given.data / "healthver" / "healthver_dev.csv")
        table(pairs, by_topic(pairs, encoder, start))
        return
    folder = given.data / "nli4ct"
    if given.corpus == "nli4ct":
        train, test = read_pairs(folder / "train.json"), read_pairs(given.file or folder / "dev.json", folder)
    elif given.file and given.train:
        train, test = read_pairs(given.train), read_pairs(given.file)
    else:
        parser.error("csv needs a file to ask of and --train")
    table(test, asked(train, test, encoder, start))


if __name__ == "__main__":
    main()
