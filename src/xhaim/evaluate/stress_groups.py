"""The same model read out by group: hospitals, or the layouts in which a house writes its reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from xhaim.evaluate.compare import auc_interval
from xhaim.evaluate.metrics import Score, Unscored, auc, brier


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of test rows against all others."""

    group: str
    rows: int
    positives: int
    auc: Score
    interval: tuple[float, float] | Unscored
    """95 %, a bootstrap of subjects."""
    others: Score
    """AUC of all other groups together."""
    robustness: Score
    """1 - (AUC of the others - AUC of the group) / AUC of the others: 1 where the group is ranked as well."""
    brier: Score


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Houses on which a model was tested that had never seen them."""

    houses: str
    unfitted: str | None
    """Why no model could be fitted without them; ``None`` where one was."""
    trained: int
    """Training rows that were left."""
    rows: int
    """Test rows of the houses."""
    inside: Score
    """AUC of the refitted model on the test rows of all other houses."""
    outside: Score
    """... on those of the houses that it had never seen."""
    interval: tuple[float, float] | Unscored
    """Of ``outside``: 95 %, a bootstrap of subjects."""
    own: Score
    """AUC on the same rows of the run's model, which was fitted with these houses."""
    robustness: Score
    """1 - (inside - outside) / inside."""


def held_out(houses: str, trained: int, rows: pl.DataFrame, *, resamples: int = 1000) -> HeldOut:
    """Return the scores of a model fitted without some houses.

    ``rows``: held (of these houses), subject_id, label, raw (refitted), run (the run's model); of one test part.
    """
    there, elsewhere = rows.filter("held").sort("subject_id", "raw"), rows.filter(~pl.col("held"))
    outside, inside = auc(there["label"], there["raw"]), auc(elsewhere["label"], elsewhere["raw"])
    return HeldOut(
        houses=houses,
        unfitted=None,
        trained=trained,
        rows=there.height,
        inside=inside,
        outside=outside,
        interval=outside if isinstance(outside, Unscored) else auc_interval(there, resamples=resamples),
        own=auc(there["label"], there["run"]),
        robustness=relative_robustness(inside, outside),
    )


def not_held_out(houses: str, reason: str, trained: int, rows: int) -> HeldOut:
    """Return houses without which no model can be fitted."""
    why = Unscored(reason)
    return HeldOut(houses, reason, trained, rows, why, why, why, why, why)


def by_group(rows: pl.DataFrame, *, resamples: int = 1000) -> Sequence[GroupRow]:
    """Return each group's scores, the largest group first.

    ``rows``: group, subject_id, label, risk, of the test parts of all splits. Risks of several splits are pooled, so
    the calibrated risk is ranked.
    """
    sizes = rows.group_by("group").len().sort("len", "group", descending=[True, False])
    return [_row(str(group), rows, resamples) for group in sizes["group"]]


def relative_robustness(inside: Score, outside: Score) -> Score:
    """Return 1 - (inside - outside) / inside; why there is none where one of them is none."""
    if isinstance(inside, Unscored) or isinstance(outside, Unscored):
        return inside if isinstance(inside, Unscored) else outside
    return 1 - (inside - outside) / inside if inside > 0 else Unscored("the others are ranked at 0")


def _row(group: str, rows: pl.DataFrame, resamples: int) -> GroupRow:
    mine, rest = (
        rows.filter(side).sort("subject_id", "risk") for side in (pl.col("group") == group, pl.col("group") != group)
    )
    score, others = auc(mine["label"], mine["risk"]), auc(rest["label"], rest["risk"])
    ranked = mine.with_columns(raw=pl.col("risk"))
    return GroupRow(
        group=group,
        rows=mine.height,
        positives=int(mine["label"].sum()),
        auc=score,
        interval=score if isinstance(score, Unscored) else auc_interval(ranked, resamples=resamples),
        others=others,
        robustness=relative_robustness(others, score),
        brier=brier(mine["label"], mine["risk"]),
    )
