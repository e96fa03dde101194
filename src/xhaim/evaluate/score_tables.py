"""Tables of every model by itself: how it ranks, how it is calibrated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from xhaim.evaluate.bootstrap import RESAMPLES
from xhaim.evaluate.compare import auc_interval_over_splits, best_possible, by_split, over_splits, rows_of_test
from xhaim.evaluate.decisions import sensitivity_at
from xhaim.evaluate.experiment import Experiment, each_model, stamps_of
from xhaim.evaluate.metrics import Unscored, auc, average_precision, brier, calibration_slope_intercept, ece
from xhaim.evaluate.names import is_leaky_model, kind_of, model_words
from xhaim.evaluate.typed_table import Cell, Column, Table, number, words
from xhaim.ports import Progress, silent

SPECIFICITIES = (0.90, 0.95)
UNCALIBRATED = Unscored("no calibrated risk")
WHO = (Column("Task", "task", words), Column("", "kind", words, once=True), Column("Model", "label", words))


def who(item: Experiment, model: str) -> dict[str, Cell]:
    """Return the fields that say whose numbers a row holds; every frame begins with them."""
    return {
        "task": item.title,
        "task_id": item.task.id,
        "policy": item.policy,
        "leaky": item.leaky or is_leaky_model(model),
        "simulated": item.simulated,
        "kind": kind_of(model),
        "model": model,
        "label": model_words(model, leaky=item.leaky),
    }


def performance(
    experiments: Sequence[Experiment], *, resamples: int = RESAMPLES, seed: int = 0, progress: Progress = silent
) -> Table:
    """Return each model's AUC with standard error and interval, AUPRC, and sensitivity at set specificities."""
    everybody = list(each_model(experiments))
    rows: list[Mapping[str, Cell]] = []
    for place, (item, model) in enumerate(everybody):
        test = rows_of_test(item.predictions, item.task.id, model)
        score = over_splits(by_split(test, auc))
        best = best_possible(item.predictions, item.truth, item.task.id, model) if item.truth is not None else None
        rows.append(
            {
                **who(item, model),
                "auc": score,
                "interval": score
                if isinstance(score, Unscored)
                else auc_interval_over_splits(test, resamples=resamples, seed=seed),
                "best": best,
                "auprc": over_splits(by_split(test, average_precision)),
                **{
                    f"sensitivity_{100 * share:.0f}": over_splits(by_split(test, _at(share))) for share in SPECIFICITIES
                },
                "rows": test.height,
                "unanswered": _unanswered(item, model),
                "samples": test["sample_id"].n_unique(),
                "positives": int(test.unique("sample_id")["label"].cast(pl.Int64).sum()),
            }
        )
        progress(place + 1, len(everybody))
    known, unanswered = (any(row[name] for row in rows) for name in ("best", "unanswered"))
    return Table(
        "performance",
        stamps_of(experiments),
        "Every model on the same test rows",
        (
            *WHO,
            Column("AUC", "auc", number()),
            Column("95 % interval", "interval", number()),
            *((Column("Best possible", "best", number()),) if known else ()),
            Column("AUPRC", "auprc", number()),
            *(
                Column(f"Sensitivity at {100 * share:.0f} % specificity", f"sensitivity_{100 * share:.0f}", number())
                for share in SPECIFICITIES
            ),
            Column("Samples", "samples", words),
            Column("Positive", "positives", words),
            *((Column("Rows without a score", "unanswered", words),) if unanswered else ()),
        ),
        tuple(rows),
        (
            "Of the raw score: mean ± standard error over the splits, which overlap, so that it understates; interval: "
            f"{resamples:,} resamples of subjects over all splits, given the fitted models. Sensitivity is read from "
            "the ROC of the test rows. Samples, Positive: different ones in the test parts of all splits.",
            *(("Rows without a score are left out, never scored 0.5.",) if unanswered else ()),
            *(("Best possible: the AUC of the latent probability behind the simulation, same rows.",) if known else ()),
        ),
    )


def _unanswered(item: Experiment, model: str) -> int:
    mine = item.predictions.filter((pl.col("part") == "test") & (pl.col("model") == model))
    return mine.filter(pl.col("raw").is_null() | ~pl.col("raw").is_finite()).height


def _at(specificity: float) -> Callable[..., float | Unscored]:
    return lambda labels, scores: sensitivity_at(labels, scores, specificity)


def calibration(experiments: Sequence[Experiment]) -> Table:
    """Return Brier score, expected calibration error, slope, calibration in the large and mean excess of each model."""
    rows: list[Mapping[str, Cell]] = []
    for item, model in each_model(experiments):
        test = rows_of_test(item.predictions, item.task.id, model, "risk")
        metrics: dict[str, Callable[..., float | Unscored]] = {
            "brier": brier,
            "ece": ece,
            "slope": lambda y, p: calibration_slope_intercept(y, p)[0],
            "large": lambda y, p: calibration_slope_intercept(y, p)[1],
            "excess": lambda y, p: float(p.mean() - y.mean()),
        }
        scored = {
            name: over_splits(by_split(test, metric, "risk")) if test.height else UNCALIBRATED
            for name, metric in metrics.items()
        }
        rows.append({**who(item, model), **scored})
    return Table(
        "calibration",
        stamps_of(experiments),
        "Calibration of the risks on the test rows",
        (
            *WHO,
            Column("Brier", "brier", number()),
            Column("ECE", "ece", number()),
            Column("Slope", "slope", number(2)),
            Column("In the large", "large", number(2, signed=True)),
            Column("Mean risk - observed", "excess", number(signed=True)),
        ),
        tuple(rows),
        (
            "Mean ± standard error over the splits. ECE: ten bins of equal width. Slope: of the log-odds, 1 is ideal, "
            "below 1 the risks are too extreme. In the large: log-odds to add to every risk, 0 is ideal.",
        ),
    )
