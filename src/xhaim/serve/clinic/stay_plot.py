"""The risk over a stay as a page shows it: the geometry of a plot, and a row of words for each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from xhaim.evaluate.wording import MEASURABLE, MINUS, interval, moment, percent, share
from xhaim.serve.clinic.stay_risk import Step

WIDTH, HEIGHT = 900, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 852, 14, 220
MOST_NEWS2 = 20


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step in words."""

    when: str
    risk: str
    interval: str
    change: str
    """Since the step before; empty at the first."""
    moved: tuple[str, ...]
    """What moved it by half a point or more, the most first."""
    came: str
    news2: str


@dataclass(frozen=True, slots=True)
class StayPlot:
    """The plot (viewBox 0 0 900 260) and its rows, the newest first."""

    line: str
    band: str
    """Path data; empty where some step has no interval."""
    points: tuple[tuple[str, str, str, str], ...]
    """x, y, ``up``, ``down`` or ``same``, and what a reader is told of it."""
    threshold: tuple[str, str]
    """y, and the operating point in words."""
    axis: tuple[tuple[str, str], ...]
    """y and words of the risk's axis."""
    score: str
    """Path of NEWS2, 0 to 20 on the same height; empty where it cannot be counted."""
    days: tuple[tuple[str, str], ...]
    """x and words of the time axis."""
    rows: tuple[StepRow, ...]
    told: str
    """What the plot shows, for who cannot see it."""


def stay_plot(steps: Sequence[Step], threshold: float) -> StayPlot:
    """Return the plot of at least one step."""
    begin, end = steps[0].time, steps[-1].time
    seconds = (end - begin).total_seconds() or 1.0
    highest = max([threshold, *(one.high if one.high is not None else one.risk for one in steps)])
    top = min(1.0, next(one for one in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if one >= min(1.0, highest * 1.05)))

    def x(step: Step) -> str:
        return f"{_LEFT + (_RIGHT - _LEFT) * (step.time - begin).total_seconds() / seconds:.1f}"

    def y(part: float) -> str:
        return f"{_BOTTOM - (_BOTTOM - _TOP) * min(part, 1.0):.1f}"

    whole = all(one.low is not None and one.high is not None for one in steps)
    upper = [(x(one), y((one.high or 0.0) / top)) for one in steps]
    lower = [(x(one), y((one.low or 0.0) / top)) for one in steps]
    counted = [(x(one), y(one.score.points / MOST_NEWS2)) for one in steps if one.score is not None]
    first, last = steps[0], steps[-1]
    return StayPlot(
        line=_path(_stairs([(x(one), y(one.risk / top)) for one in steps])),
        band=f"{_path([*_stairs(upper), *reversed(_stairs(lower))])}Z" if whole else "",
        points=tuple(
            (x(one), y(one.risk / top), _way(one), f"{moment(one.time)}: {percent(one.risk)}") for one in steps
        ),
        threshold=(y(threshold / top), f"operating point {share(threshold)}"),
        axis=tuple((y(part), f"{100 * part * top:g} %") for part in (0.0, 0.5, 1.0)),
        score=_path(_stairs(counted)) if len(counted) > 1 else "",
        days=((x(first), moment(begin)), (x(last), "prediction")),
        rows=tuple(_row(one, first=one is first) for one in reversed(steps)),
        told=f"Risk from {percent(first.risk)} on {moment(begin)} to {percent(last.risk)} at the prediction, "
        f"{len(steps)} times; highest {percent(max(one.risk for one in steps))}",
    )


def _stairs(places: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Hold each value until the next was asked for: nothing is known of the time between."""
    held = [(x, before) for (_, before), (x, _) in pairwise(places)]
    return [place for pair in zip(places, [*held, places[-1]], strict=True) for place in pair] if places else []


def _path(places: Sequence[tuple[str, str]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in places)


def _way(step: Step) -> str:
    change = sum(value for _, value in step.moved)
    return "up" if change >= MEASURABLE else "down" if change <= -MEASURABLE else "same"


def _points(change: float) -> str:
    return f"{100 * change:+.1f}".replace("-", MINUS)


def _row(step: Step, *, first: bool) -> StepRow:
    moved = sorted(step.moved, key=lambda one: -abs(one[1]))
    shown = [f"{group} {_points(value)}" for group, value in moved if abs(value) >= MEASURABLE]
    titles = ", ".join(step.arrived[:3]) + (f" and {len(step.arrived) - 3} more" if len(step.arrived) > 3 else "")
    values = f"{step.values} value{'s' if step.values != 1 else ''}" if step.values else ""
    lacking = f"; without {', '.join(step.score.lacking)}" if step.score and step.score.lacking else ""
    return StepRow(
        when=moment(step.time),
        risk=percent(step.risk),
        interval=interval(step.low, step.high).removeprefix("90 % interval "),
        change="" if first else _points(sum(value for _, value in step.moved)),
        moved=tuple(shown),
        came="; ".join(part for part in (titles, values) if part) or "nothing: only time passed",
        news2=f"at least {step.score.points}{lacking}" if step.score else "no vital signs of the last day",
    )
