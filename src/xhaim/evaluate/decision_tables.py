"""Tables of what decisions by a model are worth: at a threshold chosen beforehand, and in net benefit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from xhaim.evaluate.compare import rows_of_test
from xhaim.evaluate.decisions import decision_curve, operating
from xhaim.evaluate.experiment import Experiment, each_model, stamps_of
from xhaim.evaluate.names import KINDS
from xhaim.evaluate.score_tables import UNCALIBRATED, WHO, who
from xhaim.evaluate.typed_table import Cell, Column, Table, number

BENEFIT_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Risks at which somebody might act; named before any result was seen."""


def operating_points(experiments: Sequence[Experiment]) -> Table:
    """Return what Youden's threshold of the validation rows does on the test rows, of each model."""
    rows: list[Mapping[str, Cell]] = []
    for item, model in each_model(experiments):
        test = rows_of_test(item.predictions, item.task.id, model)
        validation = item.predictions.filter(
            (pl.col("part") == "validation") & (pl.col("model") == model) & pl.col("raw").is_finite()
        )
        found = operating(validation, test)
        rows.append(
            {
                **who(item, model),
                "threshold": found.threshold,
                "sensitivity": found.sensitivity,
                "specificity": found.specificity,
            }
        )
    return Table(
        "operating-points",
        stamps_of(experiments),
        "Youden's threshold, chosen on validation and kept for the test rows",
        (
            *WHO,
            Column("Threshold", "threshold", number()),
            Column("Sensitivity", "sensitivity", number()),
            Column("Specificity", "specificity", number()),
        ),
        tuple(rows),
        ("Threshold of the raw score. Mean ± standard error over the splits.",),
    )


def benefits(experiments: Sequence[Experiment]) -> Table:
    """Return the net benefit of each calibrated model at a few thresholds, beside that of treating everybody."""
    fields = {threshold: f"benefit_{100 * threshold:.0f}" for threshold in BENEFIT_THRESHOLDS}
    rows: list[Mapping[str, Cell]] = []
    for item in experiments:
        everybody: dict[str, Cell] = {}
        for model in item.models:
            test = rows_of_test(item.predictions, item.task.id, model, "risk")
            points = decision_curve(test, BENEFIT_THRESHOLDS) if test.height else ()
            found: dict[str, Cell] = {fields[point.threshold]: point.model for point in points}
            rows.append({**who(item, model), **(found or dict.fromkeys(fields.values(), UNCALIBRATED))})
            everybody = everybody or {fields[point.threshold]: point.everybody for point in points}
        if everybody:
            treated = {"kind": KINDS[-1], "model": "everybody", "label": "Act on everybody"}
            rows.append({**who(item, "everybody"), **treated, **everybody})
    return Table(
        "net-benefit",
        stamps_of(experiments),
        "Net benefit of acting on the risk from a threshold on; of acting on nobody it is 0",
        (*WHO, *(Column(f"From {100 * threshold:.0f} %", name, number(4)) for threshold, name in fields.items())),
        tuple(rows),
        (
            "True positives less false positives at the odds of the threshold, for each row (Vickers and Elkin). Mean "
            "± standard error over the splits.",
        ),
    )
