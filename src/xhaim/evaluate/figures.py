"""ROC and calibration of every task, drawn by matplotlib as inline SVG for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from sklearn.metrics import roc_curve

from xhaim.evaluate.compare import rows_of_test
from xhaim.evaluate.header import RunHeader, stamps
from xhaim.evaluate.metrics import Unscored, auc, calibration_curve
from xhaim.evaluate.names import model_words
from xhaim.evaluate.svg import INK, inline_svg
from xhaim.evaluate.tables import models_in
from xhaim.task import Task

COLOURS = ("#2f7ed8", "#d0611c", "#20936a", "#a35fc4", "#7d8894", "#cf4f6b", "#8f8412")
"""At least 3:1 on the light and on the dark card; never the only thing that tells two curves apart."""

_DASHES: tuple[tuple[float, ...], ...] = ((), (6, 2), (2, 2), (7, 2, 2, 2), (1, 2), (9, 3), (4, 1, 1, 1, 1, 1))
LEGEND: dict[str, Any] = {
    "loc": "outside lower center",
    "ncols": 2,
    "fontsize": 8,
    "frameon": False,
    "handlelength": 4,
}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one task."""

    key: str
    kind: Literal["roc", "calibration", "decision", "subgroups"]
    stamps: tuple[str, ...]
    caption: str
    svg: str | None
    """Inline SVG; ``None`` where nothing could be drawn."""
    notes: tuple[str, ...]
    """Which models are not drawn, and why."""


def figures(predictions: pl.DataFrame, header: RunHeader, tasks: Sequence[Task]) -> tuple[Figure, ...]:
    """Draw the ROC and the calibration of every task."""
    drawn = []
    for number, task in enumerate(tasks, start=1):
        drawn += [roc_figure(predictions, header, task, f"roc-{number}")]
        drawn += [calibration_figure(predictions, header, task, f"calibration-{number}")]
    return tuple(drawn)


def roc_figure(predictions: pl.DataFrame, header: RunHeader, task: Task, key: str) -> Figure:
    """Draw each model's ROC, averaged over the splits at equal false positive rates (vertical averaging)."""
    grid = np.linspace(0, 1, 101)
    curves, notes = {}, []
    for model in models_in(predictions, task.id):
        rows = rows_of_test(predictions, task.id, model)
        found, reason = [], "no test rows"
        for _, part in rows.group_by("split", maintain_order=True):
            area = auc(part["label"], part["raw"])
            if isinstance(area, Unscored):
                reason = area.reason
                continue
            false_rate, true_rate, _ = roc_curve(part["label"], part["raw"], drop_intermediate=False)
            found.append(np.interp(grid, false_rate, true_rate))
        if found:
            curves[model] = np.concatenate([[0.0], np.mean(found, axis=0)])
        else:
            notes.append(f"{model_words(model)}: not drawn, {reason}")

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, alpha=0.5, dashes=(1, 3))
        for index, (model, curve) in enumerate(curves.items()):
            axes.plot(np.r_[0.0, grid], curve, label=model_words(model), markevery=20, **line(index))
        _square(axes, "False positive rate (1 - specificity)", "True positive rate (sensitivity)")
        canvas.legend(**LEGEND)

    caption = f"ROC, mean over the splits: {task.title}"
    marks = stamps(header, (task.id,))
    svg = inline_svg(draw, key, " · ".join((*marks, caption)), 4.6) if curves else None
    return Figure(key, "roc", marks, caption, svg, tuple(notes))


def calibration_figure(predictions: pl.DataFrame, header: RunHeader, task: Task, key: str) -> Figure:
    """Draw the reliability curve of each calibrated model over the test rows of all splits, with counts below."""
    curves, notes = {}, []
    for model in models_in(predictions, task.id):
        rows = rows_of_test(predictions, task.id, model, "risk")
        if rows.height:
            curves[model] = calibration_curve(rows["label"], rows["risk"])
        else:
            notes.append(f"{model_words(model)}: not drawn, no calibrated risk")

    def draw(canvas: Canvas) -> None:
        axes, counts = canvas.subplots(2, 1, height_ratios=(4, 1), sharex=True)
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, alpha=0.5, dashes=(1, 3))
        for index, (model, curve) in enumerate(curves.items()):
            risk = [point.mean_risk for point in curve]
            axes.plot(risk, [point.observed for point in curve], label=model_words(model), **line(index))
            counts.plot(risk, [point.n for point in curve], **line(index))
        _square(axes, "", "Observed share of positives")
        counts.set(xlabel="Calibrated risk", ylabel="Rows", ylim=(0, None), xlim=(-0.02, 1.02))
        canvas.legend(*axes.get_legend_handles_labels(), **LEGEND)

    caption = f"Calibration, test rows of all splits in ten bins of risk: {task.title}"
    marks = stamps(header, (task.id,))
    svg = inline_svg(draw, key, " · ".join((*marks, caption)), 5.2) if curves else None
    return Figure(key, "calibration", marks, caption, svg, tuple(notes))


def line(index: int) -> dict[str, Any]:
    """Return how the curve of the model at this place is drawn, so that no two look alike."""
    turn = index // len(COLOURS)  # beyond seven models the markers move on, so that no two lines are alike
    return {
        "color": COLOURS[index % len(COLOURS)],
        "dashes": _DASHES[index % len(_DASHES)] or (None, None),
        "marker": _MARKERS[(index + turn) % len(_MARKERS)],
        "markersize": 4,
        "linewidth": 2.2 if index == 0 else 1.3,
    }


def _square(axes: Axes, across: str, up: str) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=across, ylabel=up)
    axes.grid(visible=True, color=INK, alpha=0.1, linewidth=0.6)
