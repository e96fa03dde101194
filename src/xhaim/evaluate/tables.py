"""The tables of a report as typed rows; ``grids.py`` puts them in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from xhaim.errors import DataError
from xhaim.evaluate.compare import (
    Difference,
    Estimate,
    best_possible,
    by_split,
    check_predictions,
    over_splits,
    paired_difference,
    rows_of_test,
)
from xhaim.evaluate.header import RunHeader, is_leaky
from xhaim.evaluate.metrics import Unscored, auc, average_precision, brier, calibration_slope_intercept
from xhaim.evaluate.names import MODEL_LABELS
from xhaim.records import ReportPolicy
from xhaim.task import Task


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a task's attrition."""

    step: str
    reason: str
    n: int
    lost: bool
    """Left out for this reason; else so many were there at this point."""


@dataclass(frozen=True, slots=True)
class Table1Row:
    """How one task's samples came about."""

    task_id: str
    title: str
    policy: ReportPolicy | None
    leaky: bool
    steps: tuple[Step, ...]
    """Everybody first, then who was left out, with subtotals as they come; kept last."""
    balanced: bool
    """Everybody less those left out is those kept."""
    subjects: int
    positives: int
    labelled: int
    """Samples of which ``subjects`` and ``positives`` were counted."""


@dataclass(frozen=True, slots=True)
class Table2Row:
    """One model on one task, on the test parts."""

    task_id: str
    title: str
    model: str
    policy: ReportPolicy | None
    leaky: bool
    auc: Estimate | Unscored
    auprc: Estimate | Unscored
    brier: Estimate | Unscored
    slope: Estimate | Unscored
    best: Estimate | Unscored | None
    """AUC of the latent probability on the same rows; ``None`` where the truth is not known."""
    rows: int
    """Test rows of all splits."""


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """Two models on the same test rows of one task."""

    task_id: str
    title: str
    model: str
    other: str
    policy: ReportPolicy | None
    leaky: bool
    difference: Difference | Unscored


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables of a run."""

    table_1: tuple[Table1Row, ...]
    table_2: tuple[Table2Row, ...]
    differences: tuple[DifferenceRow, ...]


def all_tables(
    predictions: pl.DataFrame,
    attrition: pl.DataFrame,
    truth: pl.DataFrame | None,
    header: RunHeader,
    tasks: Sequence[Task],
    *,
    labels: pl.DataFrame | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Tables:
    """Compute every table.

    ``labels`` (task_id, sample_id, subject_id, label): everybody who has one, for table 1; without it those who were
    predicted are counted. Raises DataError where the predictions or the attrition are not as described.
    """
    check_predictions(predictions)
    return Tables(
        table_1(predictions if labels is None else labels, attrition, header, tasks),
        table_2(predictions, truth, header, tasks),
        differences(predictions, header, tasks, resamples=resamples, seed=seed),
    )


def models_in(predictions: pl.DataFrame, task_id: str) -> tuple[str, ...]:
    """Return the models that predicted a task: in the order of MODEL_LABELS, then by name."""
    found = predictions.filter(pl.col("task_id") == task_id)["model"].unique().sort().to_list()
    known = [model for model in MODEL_LABELS if model in found]
    return (*known, *(model for model in found if model not in MODEL_LABELS))


def table_1(
    labels: pl.DataFrame, attrition: pl.DataFrame, header: RunHeader, tasks: Sequence[Task]
) -> tuple[Table1Row, ...]:
    """Return N per task and who was left out for which reason (paper: Table 1).

    ``attrition``: task_id, step, reason, n in order; the first row of a task is everybody, the last is kept. A row in
    between that equals what remains so far is a subtotal.
    """
    return tuple(_table_1_row(labels, attrition, header, task) for task in tasks)


def _table_1_row(labels: pl.DataFrame, attrition: pl.DataFrame, header: RunHeader, task: Task) -> Table1Row:
    rows: list[tuple[str, str, int]] = (
        attrition.filter(pl.col("task_id") == task.id).select("step", "reason", "n").rows()
    )
    if len(rows) < 2:
        raise DataError(
            f"no attrition of task {task.id}", got=f"{len(rows)} rows", expected="everybody first, kept last"
        )
    remaining = rows[0][2]
    steps = [Step(*rows[0], False)]
    for step, reason, n in rows[1:-1]:
        lost = n != remaining
        remaining -= n if lost else 0
        steps.append(Step(step, reason, n, lost))
    samples = labels.filter(pl.col("task_id") == task.id).unique("sample_id")
    return Table1Row(
        task_id=task.id,
        title=task.title,
        policy=header.report_policy.get(task.id),
        leaky=is_leaky(header, task.id),
        steps=(*steps, Step(*rows[-1], False)),
        balanced=remaining == rows[-1][2],
        subjects=samples["subject_id"].n_unique(),
        positives=int(samples["label"].cast(pl.Int64).sum()),
        labelled=samples.height,
    )


def table_2(
    predictions: pl.DataFrame, truth: pl.DataFrame | None, header: RunHeader, tasks: Sequence[Task]
) -> tuple[Table2Row, ...]:
    """Return the scores of every model on every task over the splits' test parts (paper: Table 2).

    A task that no model predicted has one row, unscored: it is not left out in silence.
    """
    return tuple(
        _table_2_row(predictions, truth, header, task, model)
        for task in tasks
        for model in models_in(predictions, task.id) or ("xhaim",)
    )


def _table_2_row(
    predictions: pl.DataFrame, truth: pl.DataFrame | None, header: RunHeader, task: Task, model: str
) -> Table2Row:
    rows = rows_of_test(predictions, task.id, model)
    risks = rows_of_test(predictions, task.id, model, "risk")
    uncalibrated = Unscored("no calibrated risk")
    return Table2Row(
        task_id=task.id,
        title=task.title,
        model=model,
        policy=header.report_policy.get(task.id),
        leaky=is_leaky(header, task.id),
        auc=over_splits(by_split(rows, auc)),
        auprc=over_splits(by_split(rows, average_precision)),
        brier=over_splits(by_split(risks, brier, "risk")) if risks.height else uncalibrated,
        slope=over_splits(by_split(risks, lambda y, p: calibration_slope_intercept(y, p)[0], "risk"))
        if risks.height
        else uncalibrated,
        best=best_possible(predictions, truth, task.id, model) if truth is not None else None,
        rows=rows.height,
    )


def differences(
    predictions: pl.DataFrame,
    header: RunHeader,
    tasks: Sequence[Task],
    *,
    reference: str = "xhaim",
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[DifferenceRow, ...]:
    """Return ``reference`` against every other model of each task, paired."""
    return tuple(
        DifferenceRow(
            task_id=task.id,
            title=task.title,
            model=reference,
            other=other,
            policy=header.report_policy.get(task.id),
            leaky=is_leaky(header, task.id),
            difference=paired_difference(predictions, task.id, reference, other, resamples=resamples, seed=seed),
        )
        for task in tasks
        for other in models_in(predictions, task.id)
        if other != reference and reference in models_in(predictions, task.id)
    )
