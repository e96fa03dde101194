"""MTS-Dialog's 400 machine summaries with people's scores, and the conversations that salience is learned from."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from xhaim.errors import DataError

SUMMARIES = "MTS-Dialog-Automatic-Summaries-ValidationSet.csv"
SCORES = "MTS-Dialog-Manual-Scores4CorrelationStudy.csv"
TRAINING = "MTS-Dialog-TrainingSet.csv"
SYSTEMS = 4
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Summaries:
    """Summaries and what people gave them, [n] each."""

    dialogues: tuple[str, ...]
    references: tuple[str, ...]
    summaries: tuple[str, ...]
    people: dict[str, Floats]
    """Column of the score file -> [n]."""
    groups: NDArray[np.int64]
    """Which dialogue."""


def read(summaries: Path, scores: Path) -> Summaries:
    """Read both files, whose rows align by order. Raises DataError where they do not look as if they did."""
    rows, given = _csv(summaries), _csv(scores)
    if len(rows) != len(given):
        raise DataError("summaries and scores differ in number", got=f"{len(rows)} and {len(given)}")
    texts = [row["Dialogue"] for row in rows]
    names = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    found = Summaries(
        tuple(texts),
        tuple(row["Reference Summary"] for row in rows),
        tuple(row["Automatic Summary"] for row in rows),
        {name: np.array([float(row[name]) for row in given]) for name in given[0]},
        np.array([names[text] for text in texts], dtype=np.int64),
    )
    best, others = aligned(found)
    if best <= max(others):
        raise DataError("the rows of scores are not in the order of the summaries", got=f"{best:.2f}", expected=others)
    return found


def aligned(given: Summaries, shuffles: int = 100) -> tuple[float, list[float]]:
    """Return Spearman of length ratio and recall with the systems in order, and with them in other orders.

    Every dialogue keeps its own four scores: only which of the four summaries has which is shuffled.
    """
    ratio = np.array(
        [len(one.split()) / len(its.split()) for one, its in zip(given.summaries, given.references, strict=True)]
    )
    recall = given.people["FactualRecall"]
    rng = np.random.default_rng(0)
    others = []
    for _ in range(shuffles):
        mixed = recall.copy()
        for group in np.unique(given.groups):
            mine = np.flatnonzero(given.groups == group)
            mixed[mine] = recall[rng.permutation(mine)]
        others.append(float(spearmanr(ratio, mixed)[0]))
    return float(spearmanr(ratio, recall)[0]), others


def other_conversations(folder: Path, but: Summaries) -> list[tuple[str, str]]:
    """Return (conversation, note) of the training set, without those that are among ``but``, marks and case aside."""
    taken = {_plain(text) for text in but.dialogues}
    rows = _csv(folder / TRAINING)
    return [(row["dialogue"], row["section_text"]) for row in rows if _plain(row["dialogue"]) not in taken]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _csv(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
