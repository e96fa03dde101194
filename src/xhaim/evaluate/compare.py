"""Models over repeated splits, and two models on the same rows. AUC is taken of the raw score, Brier of the risk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from xhaim.errors import DataError
from xhaim.evaluate.bootstrap import RESAMPLES, percentiles, rank_auc, resampled
from xhaim.evaluate.metrics import Score, Unscored, auc, too_few

PREDICTION_COLUMNS = (
    "sample_id", "subject_id", "task_id", "model", "split", "part", "label", "raw", "risk", "low", "high", "abstains"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score over the splits."""

    mean: float
    se: float | None
    """Standard error over the splits, as the paper prints it (it understates: splits overlap); ``None`` for one."""
    splits: int
    """Splits that could be scored ..."""
    of: int
    """... of so many."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better ``model`` ranks than ``other`` on the same test rows."""

    mean: float
    """AUC of model minus AUC of other, averaged over the splits."""
    interval: tuple[float, float] | Unscored
    """95 %, percentiles of a bootstrap of subjects."""
    splits: int
    of: int
    rows: int
    """Test rows of all splits that both models scored."""
    subjects: int


@dataclass(frozen=True, slots=True)
class Paired:
    """Test rows that two models both scored."""

    parts: tuple[pl.DataFrame, ...]
    """Of each split that can be ranked: the columns of the predictions, and the ``other`` model's raw score."""
    of: int
    """Splits, those that cannot be ranked included."""


def check_predictions(predictions: pl.DataFrame) -> None:
    """Raise DataError when columns are missing, a label is not 0/1, or a model scored one sample twice in a split."""
    missing = [name for name in PREDICTION_COLUMNS if name not in predictions.columns]
    if missing:
        raise DataError("the predictions lack columns", got=f"no {', '.join(missing)}", expected=PREDICTION_COLUMNS)
    if predictions.filter(pl.col("label").is_null() | ~pl.col("label").is_in([0, 1])).height:
        raise DataError("the predictions hold a label that is not 0 or 1", expected="unlabelled samples left out")
    key = ["sample_id", "task_id", "model", "split"]
    twice = predictions.filter(predictions.select(key).is_duplicated())
    if twice.height:
        row = twice.sort(key).row(0, named=True)
        raise DataError("a sample was scored twice", got={name: row[name] for name in key}, expected="one row")


def rows_of_test(predictions: pl.DataFrame, task_id: str, model: str, column: str = "raw") -> pl.DataFrame:
    """Return the test rows of a model that have a finite ``column``, ordered by split and sample."""
    return predictions.filter(
        (pl.col("part") == "test") & (pl.col("task_id") == task_id) & (pl.col("model") == model),
        pl.col(column).is_not_null() & pl.col(column).is_finite(),
    ).sort("split", "sample_id")


def by_split(rows: pl.DataFrame, metric: Callable[[ArrayLike, ArrayLike], Score], column: str = "raw") -> list[Score]:
    """Return the metric of each split, in the order of the splits."""
    return [
        metric(part["label"].to_numpy(), part[column].to_numpy())
        for _, part in rows.group_by("split", maintain_order=True)
    ]


def over_splits(scores: Sequence[Score]) -> Estimate | Unscored:
    """Return mean and standard error (sd / sqrt k) of the splits that could be scored; the first reason if none."""
    values = np.array([score for score in scores if not isinstance(score, Unscored)])
    if not values.size:
        reasons = [score for score in scores if isinstance(score, Unscored)]
        return reasons[0] if reasons else Unscored("no predictions: no model was fitted")
    se = float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else None
    return Estimate(float(values.mean()), se, int(values.size), len(scores))


def best_possible(
    predictions: pl.DataFrame, truth: pl.DataFrame, task_id: str, model: str = "xhaim"
) -> Estimate | Unscored:
    """Return the AUC of the latent probability on the very test rows that ``model`` was scored on.

    ``truth``: sample_id, task_id, best. No model can be expected to rank better than it. Rows of which the latent
    probability is unknown make it ``Unscored``: the rows would not be the same.
    """
    latent = truth.filter(pl.col("task_id") == task_id).select("sample_id", "best").unique()
    rows = rows_of_test(predictions, task_id, model).join(latent, on="sample_id", how="left")
    unknown = rows["best"].null_count()
    if unknown:
        return Unscored(f"no latent probability for {unknown} of {rows.height} rows")
    return over_splits(by_split(rows.sort("split", "sample_id"), auc, "best"))


def paired_difference(
    predictions: pl.DataFrame, task_id: str, model: str, other: str, *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference | Unscored:
    """Return AUC(model) - AUC(other) on the test rows that both scored, averaged over splits, with a 95 % interval.

    Each resample draws subjects with replacement, once for all splits, so that rows of one subject and the overlap of
    the splits' test parts are both respected. Resamples that lose a class in some split are left out.
    """
    paired = paired_splits(predictions, task_id, model, other)
    if isinstance(paired, Unscored):
        return paired
    values = [_better(part, np.ones((1, part.height)))[0] for part in paired.parts]
    return Difference(
        mean=float(np.mean(values)),
        interval=percentiles(resampled(paired.parts, _better, resamples, seed)),
        splits=len(paired.parts),
        of=paired.of,
        rows=sum(part.height for part in paired.parts),
        subjects=pl.concat(paired.parts)["subject_id"].n_unique(),
    )


def paired_splits(predictions: pl.DataFrame, task_id: str, model: str, other: str) -> Paired | Unscored:
    """Return the test rows that two models both scored, or why no split of them can be ranked."""
    ours = rows_of_test(predictions, task_id, model)
    theirs = rows_of_test(predictions, task_id, other)
    joined = ours.join(theirs.select("split", "sample_id", pl.col("raw").alias("other")), on=["split", "sample_id"])
    joined = joined.sort("split", "sample_id")
    parts = [part for _, part in joined.group_by("split", maintain_order=True)]
    reasons = [too_few(part["label"]) for part in parts]
    scored = [part for part, reason in zip(parts, reasons, strict=True) if reason is None]
    if not scored:
        return next((reason for reason in reasons if reason), Unscored("no test rows that both scored"))
    return Paired(tuple(scored), len(parts))


def auc_interval(rows: pl.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float] | Unscored:
    """Return the 95 % interval of the AUC of one split's rows of one model: a bootstrap of subjects, percentiles."""
    return percentiles(resampled([rows], _ranked, resamples, seed))


def auc_interval_over_splits(
    rows: pl.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | Unscored:
    """Return the 95 % interval of one model's AUC, averaged over the splits of its test rows that can be ranked.

    Subjects are drawn once for all splits. It is given the fitted models: what another training set would change is
    not in it.
    """
    parts = [part for _, part in rows.group_by("split", maintain_order=True)]
    scored = [part for part in parts if too_few(part["label"]) is None]
    if not scored:
        return Unscored("no split holds enough of both classes")
    return percentiles(resampled(scored, _ranked, resamples, seed))


def _ranked(part: pl.DataFrame, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return rank_auc(part["label"].to_numpy().astype(np.int64), part["raw"].to_numpy().astype(float), weights)


def _better(part: pl.DataFrame, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    labels = part["label"].to_numpy().astype(np.int64)
    ours, theirs = (part[name].to_numpy().astype(float) for name in ("raw", "other"))
    return rank_auc(labels, ours, weights) - rank_auc(labels, theirs, weights)
