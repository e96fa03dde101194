"""What a perturbation of the records does to a model: its ranking, its risks, its decisions, its calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from xhaim.evaluate.compare import Difference, Estimate, by_split, over_splits, paired_difference
from xhaim.evaluate.metrics import Score, Unscored, auc, brier, calibration_slope_intercept

STRESS_SCHEMA = {
    "sample_id": pl.String(),
    "subject_id": pl.Int64(),
    "split": pl.Int64(),
    "label": pl.Int8(),
    "threshold": pl.Float64(),  # operating point of the split's model
    "raw_before": pl.Float64(),
    "risk_before": pl.Float64(),
    "raw": pl.Float64(),  # null where a step failed on the perturbed record
    "risk": pl.Float64(),
    "made": pl.Int64(),  # edits; null where the perturbation has none to count
    "undone": pl.Int64(),  # edits taken back, or values that the rules refused
    "beside": pl.Int64(),  # other values refused with them
    "failed": pl.String(),  # where in the code; null where nothing failed
}
"""One row for each test sample of each split, under one perturbation."""

FLIPS = 2000
"""Of signs, for a permutation p-value."""
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class Against:
    """How far a perturbation moves the risks, beside its control, on the rows of both."""

    control: str
    moved: Score
    """Mean absolute change of the calibrated risk under the control."""
    p: float | Unscored
    """Two-sided permutation p of the paired difference of the two changes: signs flipped by subject."""
    rows: int


@dataclass(frozen=True, slots=True)
class Effect:
    """One perturbation on the test samples of one task."""

    rows: int
    subjects: int
    failed: int
    """Rows whose perturbed record a step could not handle; not among ``rows``."""
    made: int | None
    undone: int | None
    beside: int | None
    auc_before: Estimate | Unscored
    auc_after: Estimate | Unscored
    difference: Difference | Unscored
    """AUC after less AUC before."""
    moved: Score
    """Mean absolute change of the calibrated risk."""
    crossed: Score
    """Share of rows whose risk changes its side of the operating point."""
    brier_before: Estimate | Unscored
    brier_after: Estimate | Unscored
    slope_before: Estimate | Unscored
    slope_after: Estimate | Unscored
    against: Against | None
    """``None``: no natural control."""


def effect(rows: pl.DataFrame, control: tuple[str, pl.DataFrame] | None = None, *, resamples: int = 1000) -> Effect:
    """Return what one perturbation does. ``rows`` as STRESS_SCHEMA; ``control``: its title and its rows."""
    whole = rows.filter(pl.col("raw").is_not_null()).sort("split", "sample_id")
    counted = rows.filter(pl.col("made").is_not_null())
    totals = [int(counted[name].sum()) if counted.height else None for name in ("made", "undone", "beside")]
    moved = (whole["risk"] - whole["risk_before"]).abs()
    sides = (whole["risk"] >= whole["threshold"]) != (whole["risk_before"] >= whole["threshold"])
    nobody = Unscored("no rows")
    return Effect(
        rows=whole.height,
        subjects=whole["subject_id"].n_unique(),
        failed=rows.height - whole.height,
        made=totals[0],
        undone=totals[1],
        beside=totals[2],
        auc_before=over_splits(by_split(whole, auc, "raw_before")) if whole.height else nobody,
        auc_after=over_splits(by_split(whole, auc, "raw")) if whole.height else nobody,
        difference=_difference(whole, resamples) if whole.height else nobody,
        moved=_mean(moved),
        crossed=_mean(sides.cast(pl.Float64)),
        brier_before=over_splits(by_split(whole, brier, "risk_before")) if whole.height else nobody,
        brier_after=over_splits(by_split(whole, brier, "risk")) if whole.height else nobody,
        slope_before=over_splits(by_split(whole, _slope, "risk_before")) if whole.height else nobody,
        slope_after=over_splits(by_split(whole, _slope, "risk")) if whole.height else nobody,
        against=_against(whole, *control) if control else None,
    )


def sign_flip_p(differences: pl.DataFrame, *, flips: int = FLIPS, seed: int = 0) -> float | Unscored:
    """Return the two-sided p of a mean of zero, of ``difference`` by ``subject_id``, by flipping signs of subjects.

    All rows of a subject flip together. (1 + as far or farther) / (1 + flips), so never 0.
    """
    sums = differences.group_by("subject_id").agg(pl.col("difference").sum()).sort("subject_id")["difference"]
    values = sums.to_numpy()
    if not values.size or np.abs(values).max() < _EQUAL:
        return Unscored("both move every risk as far" if values.size else "no rows of both")
    signs = np.random.default_rng(seed).integers(0, 2, (flips, values.size)) * 2.0 - 1.0
    drawn = np.abs(signs @ values)
    return float((1 + (drawn >= abs(values.sum()) - _EQUAL).sum()) / (1 + flips))


def _against(rows: pl.DataFrame, title: str, control: pl.DataFrame) -> Against:
    theirs = control.filter(pl.col("raw").is_not_null()).select(
        "split", "sample_id", (pl.col("risk") - pl.col("risk_before")).abs().alias("theirs")
    )
    both = rows.join(theirs, on=["split", "sample_id"]).with_columns(
        difference=(pl.col("risk") - pl.col("risk_before")).abs() - pl.col("theirs")
    )
    return Against(title, _mean(both["theirs"]), sign_flip_p(both), both.height)


def _difference(rows: pl.DataFrame, resamples: int) -> Difference | Unscored:
    """AUC after less before, on the same rows, as two models are compared."""
    common = {"part": pl.lit("test"), "task_id": pl.lit("")}
    after = rows.select("split", "sample_id", "subject_id", "label", "raw", model=pl.lit("after"), **common)
    before = rows.select(
        "split", "sample_id", "subject_id", "label", raw=pl.col("raw_before"), model=pl.lit("before"), **common
    )
    both = pl.concat([after, before.select(after.columns)])
    return paired_difference(both, "", "after", "before", resamples=resamples)


def _slope(labels: object, risks: object) -> Score:
    return calibration_slope_intercept(labels, risks)[0]  # type: ignore[arg-type]


def _mean(values: pl.Series) -> Score:
    return float(values.to_numpy().mean()) if len(values) else Unscored("no rows")
