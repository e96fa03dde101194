"""How far each perturbation moves the risks of a task, beside its control, as one figure."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Canvas

from xhaim.evaluate.figures import COLOURS, Figure
from xhaim.evaluate.header import RunHeader, stamps
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.stress_words import TaskStress, task_words
from xhaim.evaluate.svg import inline_svg


def stress_figures(found: Sequence[TaskStress], header: RunHeader) -> tuple[Figure, ...]:
    """Draw each task that was tested."""
    return tuple(_moves(task, header) for task in found if task.tested)


def _moves(task: TaskStress, header: RunHeader) -> Figure:
    shown = [one for one in task.tested if one.of is None]
    title = f"{task_words(task, header)}: how far risks move"

    def draw(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for place, one in enumerate(reversed(shown)):
            moved, against = one.effect.moved, one.effect.against
            if not isinstance(moved, Unscored):
                axes.plot([moved], [place], "o", color=COLOURS[0])
            if against is not None and not isinstance(against.moved, Unscored):
                axes.plot([against.moved], [place], "s", color=COLOURS[1], fillstyle="none")
        axes.plot([], [], "o", color=COLOURS[0], label="perturbation")
        axes.plot([], [], "s", color=COLOURS[1], fillstyle="none", label="its control")
        axes.set_yticks(range(len(shown)), [_short(one.title) for one in reversed(shown)], fontsize=6)
        axes.set_xlabel("mean absolute change of the calibrated risk")
        axes.set_xlim(left=-0.005)
        axes.legend(fontsize=7, frameon=False)

    return Figure(
        key=f"stress-{task.task_id}",
        kind="subgroups",
        stamps=stamps(header, (task.task_id,)),
        caption=f"{title}. Round: under the perturbation. Square: under its control of the same size",
        svg=inline_svg(draw, f"stress-{task.task_id}", title, 0.9 + 0.17 * len(shown)),
        notes=(),
    )


def _short(title: str, most: int = 46) -> str:
    return title if len(title) <= most else f"{title[: most - 1]}…"
