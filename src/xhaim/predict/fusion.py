"""Fusion: members that each see some of the columns, added up in log-odds.

The paper's is one member, XGBoost over embeddings and values. Trees over hundreds of weak embedding columns were
measured to lose what trees over the values know, a line adds up an embedding better than trees do, and words with their
polarity tell more than a small encoder; which of them helps differs by task (``benchmarks.development``,
``benchmarks.openi``, ``benchmarks.eicu``). So several are fitted, and weighed by what each knows of rows that it has
not seen: stacking (Wolpert 1992) with weights that are not negative (Breiman 1996). A sum of log-odds keeps
contributions exact: what each column adds to each member is added up likewise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from xhaim.atomic import write_bytes
from xhaim.backends import load as backend
from xhaim.config import FusionSettings
from xhaim.errors import DataError
from xhaim.ports import Learned, Learner, Member, Progress, silent
from xhaim.predict.folds import grouped_folds
from xhaim.records import MODALITIES

Floats = NDArray[np.float64]
Ranges = tuple[tuple[int, int], ...]

TOWARD_EQUAL = 5.0
"""How much the weights of log-odds of one spread are drawn toward equal ones, in the log loss of a row: free weights on
a hundred positives are noise."""
LEAST_SPREAD = 0.1
"""Of a member's log-odds between rows, where members are brought to one spread. Seen on real text (indications of
``benchmarks.openi``): a member of spread 0.003 had a weight of 289, and the scores of folds no longer compared."""
WORDS = "_words"
"""Ends the name of a block of words."""


@dataclass(frozen=True, slots=True)
class Part:
    """One member, what it sees and what it weighs."""

    name: str
    """``learner:view``, as in the settings."""
    columns: Ranges
    """Half-open ranges of the columns that it sees."""
    member: Member
    weight: float
    auc: float | None
    """ROC AUC on rows out of fold, all together; ``None`` where there are no two folds."""
    chosen: Mapping[str, float]
    """What its search chose."""

    def see(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return its columns."""
        return X[:, _places(self.columns)]


@dataclass(frozen=True, slots=True)
class Fusion:
    """The fitted members of [n, width] and their weights."""

    parts: tuple[Part, ...]
    intercept: float
    width: int

    def margins(self, X: NDArray[np.float32]) -> Floats:
        """Return the log-odds, [n]."""
        each = [part.weight * part.member.margins(part.see(X)) for part in self.parts]
        return np.asarray(np.sum(each, axis=0) + self.intercept, dtype=np.float64)

    def contributions(self, X: NDArray[np.float32]) -> Floats:
        """Return what each column adds, and the bias last, [n, width + 1]: a row sums to its log-odds."""
        found = np.zeros((len(X), self.width + 1))
        for part in self.parts:
            each = part.weight * part.member.contributions(part.see(X))
            found[:, _places(part.columns)] += each[:, :-1]
            found[:, -1] += each[:, -1]
        found[:, -1] += self.intercept
        return found

    def save(self, folder: Path) -> None:
        """Write ``member-<i>.json`` for each member and, last, ``fusion.json``; no pickle."""
        states = [part.member.to_bytes() for part in self.parts]
        for at, state in enumerate(states):
            write_bytes(folder / f"member-{at}.json", state)
        plain = {
            "width": self.width,
            "intercept": self.intercept,
            "parts": [
                {
                    "name": part.name,
                    "columns": part.columns,
                    "weight": part.weight,
                    "auc": part.auc,
                    "chosen": dict(part.chosen),
                    "sha256": hashlib.sha256(state).hexdigest(),
                }
                for part, state in zip(self.parts, states, strict=True)
            ],
        }
        write_bytes(folder / "fusion.json", json.dumps(plain, indent=1, allow_nan=False).encode())

    @classmethod
    def load(cls, folder: Path) -> Fusion:
        """Read what ``save`` wrote. Raises PrerequisiteError where a learner is missing, ValueError and others."""
        plain = json.loads((folder / "fusion.json").read_text(encoding="utf-8"))
        width = int(plain["width"])
        parts = []
        for at, said in enumerate(plain["parts"]):
            columns = tuple((int(start), int(end)) for start, end in said["columns"])
            if not all(0 <= start < end <= width for start, end in columns):
                raise ValueError("columns outside the matrix")
            learner: Learner = backend("learners", said["name"].split(":")[0])
            state = (folder / f"member-{at}.json").read_bytes()
            if hashlib.sha256(state).hexdigest() != said["sha256"]:  # XGBoost dies of a file that is not its own
                raise ValueError("not the member that was saved")
            member = learner.restore(state)
            parts.append(Part(said["name"], columns, member, float(said["weight"]), said["auc"], said["chosen"]))
        return cls(tuple(parts), float(plain["intercept"]), width)


def fit_fusion(
    X: NDArray[np.float32],
    labels: NDArray[np.int8],
    subjects: NDArray[np.int64],
    settings: FusionSettings,
    progress: Progress = silent,
    blocks: Mapping[str, tuple[int, int]] | None = None,
) -> tuple[Fusion, Floats | None]:
    """Fit every member of the settings on all rows, and weigh them; return also the log-odds out of fold, [n].

    ``X`` is [n, d], NaN = missing; ``labels`` 0 or 1; folds are grouped by ``subjects``. ``blocks`` (name -> column
    range) say what a view is: ``embeddings``, the blocks named as a modality; ``words``, those that end so; ``values``,
    the others; a block's name; or several of these joined by ``+``. Without blocks all columns are values. Members
    whose view holds nothing, or just what an earlier one of the same learner sees, are left out. ``None`` is out of
    fold, and the weights are equal, where the subjects do not allow two folds with both outcomes. ``progress`` is told
    hundredths of a member. Raises DataError where no member sees anything.
    """
    blocks = blocks or {"values": (0, X.shape[1])}
    folds = grouped_folds(labels, subjects, settings.folds, settings.seed)
    weights = _equal_blocks(X.shape[1], blocks)
    wanted = _members(settings.members, blocks)
    learned: list[Learned] = []
    for at, (name, columns) in enumerate(wanted):
        learner: Learner = backend("learners", name.split(":")[0])
        places = _places(columns)
        learned.append(
            learner.learn(X[:, places], labels, folds, weights[places], settings, _share(progress, at, len(wanted)))
        )
    held_out = np.stack([one.out_of_fold for one in learned if one.out_of_fold is not None] or [np.zeros(0)], axis=-1)
    known = held_out.shape == (len(labels), len(learned))
    count = len(learned)
    shares, intercept = stack(held_out, labels) if known and count > 1 else (np.full(count, 1 / count), 0.0)
    parts = tuple(
        Part(name, columns, one.member, float(share), _auc(labels, one.out_of_fold), dict(one.chosen))
        for (name, columns), one, share in zip(wanted, learned, shares, strict=True)
    )
    return Fusion(parts, intercept, X.shape[1]), held_out @ shares + intercept if known else None


def _members(names: Sequence[str], blocks: Mapping[str, tuple[int, int]]) -> list[tuple[str, Ranges]]:
    found: dict[tuple[str, Ranges], str] = {}
    for name in names:
        learner, view = name.split(":")
        columns = _view(view, blocks)
        if columns:
            found.setdefault((learner, columns), name)
    if not found:
        raise DataError(
            "no member of the fusion sees a column", got=f"members {list(names)}; blocks {sorted(blocks)}",
            expected="views of: values, embeddings, words, and the names of blocks", do="change fusion.members",
        )  # fmt: skip
    return [(name, columns) for (_, columns), name in found.items()]


def _view(view: str, blocks: Mapping[str, tuple[int, int]]) -> Ranges:
    embeddings = set(blocks) & set(MODALITIES)
    words = {block for block in blocks if block.endswith(WORDS)}
    named = {"embeddings": embeddings, "words": words, "values": set(blocks) - embeddings - words}
    chosen: set[str] = set().union(*(named.get(name, {name}) for name in view.split("+")))
    ranges = sorted(place for block, place in blocks.items() if block in chosen and place[0] < place[1])
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _places(columns: Ranges) -> NDArray[np.int64]:
    return np.concatenate([np.arange(start, end) for start, end in columns])


def stack(held_out: Floats, labels: NDArray[np.int8]) -> tuple[Floats, float]:
    """Weigh m members by the log loss of their sum on rows out of fold, [n, m]: weights [m], none negative, intercept.

    Members are brought to one mean and spread first, and one that says the same of everybody weighs nothing. A spread
    under ``LEAST_SPREAD`` counts as that: what hardly differs between rows differs as much between folds, and a weight
    in the hundreds would make it the whole prediction. The weights are drawn toward equal ones by ``TOWARD_EQUAL``.
    """
    mean, spread = held_out.mean(axis=0), held_out.std(axis=0)
    told, scale = spread > 0, np.maximum(spread, LEAST_SPREAD)
    even = np.where(told, (held_out - mean) / scale, 0.0)
    count = even.shape[1]
    whole, start = _least_loss(even.mean(axis=1, keepdims=True), labels, np.ones(1), 0.0)
    found, intercept = _least_loss(even, labels, np.full(count, whole[0] / count), TOWARD_EQUAL, start)
    weights = np.where(told, found / scale, 0.0)
    return weights, intercept - float(weights @ mean)


def _least_loss(
    Z: Floats, labels: NDArray[np.int8], toward: Floats, pull: float, intercept: float = 0.0
) -> tuple[Floats, float]:
    """Return the weights, none negative, and the intercept of least log loss, drawn toward some weights."""

    def loss(at: Floats) -> tuple[float, Floats]:
        margin, away = Z @ at[:-1] + at[-1], at[:-1] - toward
        error = expit(margin) - labels
        value = float((np.logaddexp(0, margin) - labels * margin).sum() + pull * away @ away)
        return value / len(Z), np.append(error @ Z + 2 * pull * away, error.sum()) / len(Z)

    bounds = [(0.0, None)] * Z.shape[1] + [(None, None)]
    found = minimize(loss, np.append(toward, intercept), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:-1], dtype=np.float64), float(found.x[-1])


def _auc(labels: NDArray[np.int8], margins: Floats | None) -> float | None:
    return None if margins is None else float(roc_auc_score(labels, margins))


def _equal_blocks(columns: int, blocks: Mapping[str, tuple[int, int]]) -> NDArray[np.float32]:
    """Weights of the columns, [d]: those of a block sum to one."""
    weights = np.ones(columns, np.float32)
    for start, end in blocks.values():
        weights[start:end] = 1 / max(1, end - start)
    return weights


def _share(progress: Progress, at: int, of: int) -> Progress:
    """Return the progress of one of several equal stages."""
    return lambda done, total: progress(100 * at + 100 * done // max(total, 1), 100 * of)
