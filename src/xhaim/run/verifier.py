"""A verifier of claims: trained on labelled pairs, and asked of any file of claims and evidence."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from sklearn.metrics import f1_score

from xhaim.atomic import write_bytes
from xhaim.backends import load
from xhaim.ports import Entailment, Progress, silent
from xhaim.run.words import entailment_model
from xhaim.verify.entail_model import fit
from xhaim.verify.pairs import LABELS, Pair, read_pairs


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a file of pairs."""

    pairs: int
    not_checked: int
    """The evidence is longer than the model reads."""
    macro_f1: float | None
    """Over the labels that occur; ``None`` where the file gives none."""


def train(
    data: list[Path], out: Path, trials: Path | None = None, *, prior: bool = True, progress: Progress = silent
) -> int:
    """Fit a verifier to labelled files and save it; return the number of pairs.

    ``prior=False``: what the claim alone tells takes no part, as is right for claims that xHAIM writes itself. Raises
    DataError for a file that cannot be read, or labels of one kind only.
    """
    pairs = [pair for path in data for pair in read_pairs(path, trials)]
    fit(pairs, load("encoders", "minilm")(), None, prior=prior, progress=progress).save(out)
    return len(pairs)


def check_pairs(path: Path, model: str, out: Path, trials: Path | None = None) -> Checked:
    """Ask a model of every pair of a file, and write ``out`` as csv: key, what was found, three probabilities.

    Raises DataError or PrerequisiteError for what cannot be read.
    """
    pairs, judge = read_pairs(path, trials), entailment_model(model)
    assert judge is not None  # noqa: S101  (a path was given)
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["pair", "found", *LABELS])
    said: list[tuple[str, str]] = []
    lost = 0
    for pair in pairs:
        found, cells = _asked(judge, pair)
        rows.writerow([pair.pair_id, found, *cells])
        lost += not cells
        if pair.label is not None and cells:
            said.append((pair.label, found))
    write_bytes(out, text.getvalue().encode())
    truth, guess = [one for one, _ in said], [one for _, one in said]
    score = float(f1_score(truth, guess, average="macro", labels=sorted(set(truth)))) if said else None
    return Checked(len(pairs), lost, score)


def _asked(judge: Entailment, pair: Pair) -> tuple[str, list[str]]:
    found = judge.infer(pair.evidence, pair.claim)
    if found is None:
        return "not checked", []
    odds = {name: getattr(found, name) for name in LABELS}
    return max(odds, key=lambda name: odds[name]), [f"{value:.4f}" for value in odds.values()]
