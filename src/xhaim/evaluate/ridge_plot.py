"""Figure 2 of the paper: how scores are spread, by evaluator, task and dimension, as ridges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from xhaim.evaluate.figures import COLOURS, Figure
from xhaim.evaluate.svg import INK, inline_svg

_LOW, _HIGH = 0.4, 5.6
_GRID = np.linspace(_LOW, _HIGH, 209)
_SOFT = 0.22
"""Standard deviation of the kernel around each whole score, in points: wide enough to read, too narrow to join them."""
_TALL = 0.85
"""Height of the tallest ridge, in rows."""


@dataclass(frozen=True, slots=True)
class Ridge:
    """The scores of one evaluator on one task."""

    task: str
    rater: str
    scores: Mapping[str, Mapping[int, int]]
    """Dimension -> score 1 to 5 -> how often; empty without a score."""


def ridge_figure(
    key: str, caption: str, ridges: Sequence[Ridge], dimensions: Sequence[str], stamps: tuple[str, ...]
) -> Figure:
    """Draw a panel for each dimension and a ridge for each row, tasks in colours, means as dashed lines.

    The SVG is named and described in words for who cannot see it; a row without scores stays flat and is noted.
    """
    tasks = list(dict.fromkeys(one.task for one in ridges))
    drawn = [one for one in ridges if any(one.scores.get(name) for name in dimensions)]
    shown = [counts for one in drawn for name in dimensions if (counts := one.scores.get(name))]
    tallest = max((float(density(counts).max()) for counts in shown), default=1.0)  # all ridges have one scale
    notes = tuple(f"{_name(one)}: no scores" for one in ridges if one not in drawn)
    if not drawn:
        return Figure(key, "subgroups", stamps, caption, None, notes)

    def draw(canvas: Canvas) -> None:
        panels = canvas.subplots(1, len(dimensions), sharey=True, squeeze=False)[0]
        for axes, dimension in zip(panels, dimensions, strict=True):
            for place, one in enumerate(reversed(drawn)):
                colour = COLOURS[tasks.index(one.task) % len(COLOURS)]
                _ridge(axes, place, one.scores.get(dimension, {}), colour, tallest)
            axes.set_title(dimension.capitalize(), fontsize=8)
            axes.set(xlim=(_LOW, _HIGH), ylim=(-0.15, len(drawn) + 0.1), xticks=range(1, 6))
            axes.tick_params(labelsize=7)
        panels[0].set_yticks(range(len(drawn)), [_label(one) for one in reversed(drawn)], fontsize=6)
        panels[len(panels) // 2].set_xlabel("score", fontsize=8)

    title = " · ".join((*stamps, caption))
    svg = inline_svg(draw, key, title, 1.0 + 0.36 * len(drawn))
    return Figure(key, "subgroups", stamps, caption, _described(svg, key, _words(drawn, dimensions)), notes)


def density(counts: Mapping[int, int]) -> NDArray[np.float64]:
    """Return how dense scores are over the axis, [209]: a normal kernel around each whole score, of area 1 together."""
    n = sum(counts.values())
    kernels = [count / n * np.exp(-0.5 * ((_GRID - score) / _SOFT) ** 2) for score, count in sorted(counts.items())]
    return np.asarray(np.sum(kernels, axis=0) / (_SOFT * np.sqrt(2 * np.pi)))


def _ridge(axes: Axes, place: int, counts: Mapping[int, int], colour: str, tallest: float) -> None:
    axes.axhline(place, color=INK, linewidth=0.5, alpha=0.4)
    if not counts:
        return
    up = place + _TALL * density(counts) / tallest
    axes.fill_between(_GRID, place, up, color=colour, alpha=0.35, linewidth=0)
    axes.plot(_GRID, up, color=colour, linewidth=1.0)
    mean = _mean(counts)
    axes.plot([mean, mean], [place, place + _TALL], color=INK, linewidth=1.0, dashes=(3, 2))


def _mean(counts: Mapping[int, int]) -> float:
    return sum(score * count for score, count in counts.items()) / sum(counts.values())


def _name(one: Ridge) -> str:
    return f"{one.rater}, {one.task}"


def _label(one: Ridge, most: int = 28) -> str:
    return "\n".join(text if len(text) <= most else f"{text[: most - 1]}…" for text in (one.rater, one.task))


def _words(drawn: Sequence[Ridge], dimensions: Sequence[str]) -> str:
    """Say what the figure shows: each row with its means."""
    lines = []
    for one in drawn:
        told = [
            f"{name} mean {_mean(counts):.2f} of {sum(counts.values())} scores"
            if (counts := one.scores.get(name))
            else f"{name} no scores"
            for name in dimensions
        ]
        lines.append(f"{one.rater}, {one.task}: {', '.join(told)}.")
    return " ".join(lines)


def _described(svg: str, key: str, words: str) -> str:
    """Add the description that a screen reader reads after the title."""
    root = ET.fromstring(svg)  # noqa: S314  (our own drawing, written a moment ago)
    told = ET.Element("desc", {"id": f"{key}-desc"})
    told.text = words
    root.insert(1, told)
    root.set("aria-describedby", f"{key}-desc")
    return ET.tostring(root, encoding="unicode")
