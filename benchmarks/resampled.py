"""AUC and average precision of scores by folds, with intervals: whole groups (patients, equal texts) drawn again.

All rows of a benchmark are scored on the same draws, so that a difference of two rows is paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xhaim.evaluate.bootstrap import rank_auc

Floats = NDArray[np.float64]
_BLOCK = 100  # draws at once: bounds the memory of [draws, rows]


@dataclass(frozen=True, slots=True)
class Scored:
    """One row of a table: its scores, and the same of every draw."""

    auc: float
    ap: float
    """Average precision."""
    auc_draws: Floats
    ap_draws: Floats

    def line(self, name: str, width: int) -> str:
        """Return the row as text."""
        return f"  {name:<{width}}  {_with(self.auc, self.auc_draws)}   {_with(self.ap, self.ap_draws)}"

    def minus(self, other: Scored, name: str, width: int) -> str:
        """Return the paired difference as text."""
        auc = _with(self.auc - other.auc, self.auc_draws - other.auc_draws, sign="+")
        return f"  {name:<{width}}  {auc}   {_with(self.ap - other.ap, self.ap_draws - other.ap_draws, sign='+')}"


def score(labels: NDArray[np.int8], scores: Floats, groups: NDArray[np.int64], draws: int = 1000) -> Scored:
    """Score [repeats, n] scores of [n] labels 0/1, each repeat by itself, then the mean over the repeats.

    A draw takes groups with replacement, once for all repeats. Higher scores speak for 1; ties count one half.
    """
    unique, place = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(0)
    share = np.full(len(unique), 1 / len(unique))
    once = np.ones((1, len(labels)))
    aucs, aps = [], []
    for start in range(0, draws, _BLOCK):
        times = rng.multinomial(len(unique), share, size=min(_BLOCK, draws - start))[:, place].astype(np.float64)
        aucs.append(np.mean([rank_auc(labels.astype(np.int64), one, times) for one in scores], axis=0))
        aps.append(np.mean([average_precision(labels, one, times) for one in scores], axis=0))
    return Scored(
        auc=float(np.mean([rank_auc(labels.astype(np.int64), one, once)[0] for one in scores])),
        ap=float(np.mean([average_precision(labels, one, once)[0] for one in scores])),
        auc_draws=np.concatenate(aucs),
        ap_draws=np.concatenate(aps),
    )


def average_precision(labels: NDArray[np.int8], scores: Floats, weights: Floats) -> Floats:
    """Return the average precision of [n] scores for each row of [b, n] weights, equal scores taken together: [b]."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(scores[order]) < 0, True])
    drawn = weights[:, order]
    flagged = np.cumsum(drawn, axis=1)[:, ends]
    found = np.cumsum(np.where(labels[order] == 1, drawn, 0.0), axis=1)[:, ends]
    precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
    total = found[:, -1]
    gained = np.diff(found, axis=1, prepend=0.0)
    return np.asarray((gained * precision).sum(axis=1) / np.where(total > 0, total, np.nan))


def table(title: str, rows: Mapping[str, Scored], against: Mapping[str, tuple[str, str]]) -> None:
    """Print the rows, and the paired differences that ``against`` names: name -> (row, row to subtract)."""
    width = max(len(name) for name in (*rows, *against))
    print(f"\n{title}\n  {'':<{width}}  {'AUC [95 %]':<22}   average precision [95 %]")
    for name, found in rows.items():
        print(found.line(name, width))
    for name, (one, other) in against.items():
        print(rows[one].minus(rows[other], name, width), flush=True)


def _with(value: float, draws: Floats, sign: str = "") -> str:
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]".ljust(22 + 3 * len(sign))
