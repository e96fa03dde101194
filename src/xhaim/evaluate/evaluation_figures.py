"""Figures of an evaluation: reliability, decision curve, and the AUC of every group of patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from matplotlib.figure import Figure as Canvas

from xhaim.evaluate.compare import Estimate, rows_of_test
from xhaim.evaluate.decisions import decision_curve
from xhaim.evaluate.experiment import Experiment, stamps_of
from xhaim.evaluate.figures import LEGEND, Figure, calibration_figure, line
from xhaim.evaluate.grids import stamped
from xhaim.evaluate.header import RunHeader
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.names import model_words
from xhaim.evaluate.svg import INK, inline_svg
from xhaim.evaluate.typed_table import Cell, Table

CURVE_THRESHOLDS = tuple(round(float(step), 2) for step in np.arange(0.01, 0.81, 0.01))


def evaluation_figures(experiments: Sequence[Experiment], subgroups: Table) -> tuple[Figure, ...]:
    """Draw every experiment's figures; ``subgroups``: the table that the forest plot shows."""
    drawn = []
    for item in experiments:
        name = f"{item.task.id}-{item.policy}"
        drawn += [
            _reliability(item, f"reliability-{name}"),
            _decision(item, f"decision-{name}"),
            _forest(item, subgroups, f"subgroups-{name}"),
        ]
    return tuple(drawn)


def standalone(figure: Figure) -> str | None:
    """Return the figure as an SVG file of its own, with its stamps and caption drawn above it."""
    if figure.svg is None:
        return None
    root = ET.fromstring(figure.svg)  # noqa: S314  (our own drawing, written a moment ago)
    lines = wrap(stamped(figure.stamps, figure.caption), 70)
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    room = 11 * len(lines) + 5
    root.attrib.update(
        {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"{left:g} {top - room:g} {width:g} {height + room:g}"}
    )
    root.attrib.update({"font-family": "sans-serif", "width": f"{width:g}pt", "height": f"{height + room:g}pt"})
    for place, words in enumerate(lines):
        at = {"x": f"{left + 6:g}", "y": f"{top - room + 11 * (place + 1):g}", "font-size": "8.5"}
        caption = ET.SubElement(root, "text", at)
        caption.text = words
    return ET.tostring(root, encoding="unicode")


def _reliability(item: Experiment, key: str) -> Figure:
    header = RunHeader(item.title, item.simulated, {item.task.id: item.policy})
    titled = item.task.model_copy(update={"title": item.title})
    return calibration_figure(item.predictions, header, titled, key)


def _decision(item: Experiment, key: str) -> Figure:
    curves: dict[str, list[float]] = {}
    everybody: list[float] = []
    notes = []
    for model in item.models:
        rows = rows_of_test(item.predictions, item.task.id, model, "risk")
        points = decision_curve(rows, CURVE_THRESHOLDS) if rows.height else ()
        scored = [(p.model, p.everybody) for p in points]
        if not scored or any(isinstance(value, Unscored) for value in scored[0]):
            reason = scored[0][0] if scored else Unscored("no calibrated risk")
            notes.append(f"{model_words(model, leaky=item.leaky)}: not drawn, {getattr(reason, 'reason', reason)}")
            continue
        curves[model] = [_mean(ours) for ours, _ in scored]
        everybody = everybody or [_mean(theirs) for _, theirs in scored]

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.axhline(0, color=INK, linewidth=0.8, label="Nobody")
        axes.plot(CURVE_THRESHOLDS, everybody, color=INK, linewidth=0.8, dashes=(1, 3), label="Everybody")
        for index, (model, curve) in enumerate(curves.items()):
            name = model_words(model, leaky=item.leaky)
            axes.plot(CURVE_THRESHOLDS, curve, label=name, markevery=10, **line(index))
        top = max(max(curve) for curve in curves.values())
        axes.set(xlabel="Risk from which to act", ylabel="Net benefit", xlim=(0, 0.8), ylim=(-0.25 * top, 1.1 * top))
        axes.grid(visible=True, color=INK, alpha=0.1, linewidth=0.6)
        canvas.legend(**LEGEND)

    caption = f"Decision curve, mean over the splits: {item.title}"
    return _figure(item, key, "decision", caption, draw if curves else None, 4.6, notes)


def _mean(value: Estimate | Unscored) -> float:
    return value.mean if isinstance(value, Estimate) else float("nan")


def _forest(item: Experiment, table: Table, key: str) -> Figure:
    mine = [row for row in table.rows if (row["task_id"], row["policy"]) == (item.task.id, item.policy)]
    of_reference = [row for row in mine if row["model"] == item.reference]
    ranked = [row for row in of_reference if isinstance(row["auc"], float)]
    notes = [f"{_name(row)}: {row['auc']}" for row in of_reference if row not in ranked]
    model = model_words(item.reference or "", leaky=item.leaky)

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for place, row in enumerate(reversed(ranked)):
            axes.plot([_number(row["auc"])], [place], marker="o", markersize=5, color=line(0)["color"])
            if isinstance(row["interval"], tuple):
                axes.plot(row["interval"], [place, place], color=line(0)["color"], linewidth=1.6)
        axes.axvline(0.5, color=INK, linewidth=0.8, alpha=0.5, dashes=(1, 3))
        names = [_name(row) for row in reversed(ranked)]
        axes.set(yticks=range(len(ranked)), yticklabels=names, ylim=(-0.7, len(ranked) - 0.3))
        axes.set_xlabel("AUC, 95 % interval")
        axes.grid(visible=True, axis="x", color=INK, alpha=0.1, linewidth=0.6)

    caption = f"{model} in groups of patients: {item.title}"
    height = 1.3 + 0.24 * len(ranked)
    return _figure(item, key, "subgroups", caption, draw if ranked else None, height, notes)


def _name(row: Mapping[str, Cell]) -> str:
    return f"{row['attribute']}: {row['group']} ({row['samples']})"


def _number(cell: Cell) -> float:
    return cell if isinstance(cell, float) else float("nan")


def _figure(
    item: Experiment,
    key: str,
    kind: Any,  # noqa: ANN401  (one of Figure's kinds)
    caption: str,
    draw: Callable[[Canvas], None] | None,
    height: float,
    notes: Sequence[str],
) -> Figure:
    marks = stamps_of([item])
    svg = inline_svg(draw, key, stamped(marks, caption), height) if draw else None
    return Figure(key, kind, marks, caption, svg, tuple(notes))
