"""One signal over time, as a page shows it: a table of values, and the geometry of a small plot."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from xhaim.evaluate.wording import before, moment
from xhaim.records import Measurement
from xhaim.signals import catalogue

WIDTH, HEIGHT = 360, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 350, 12, 108
_PLOTTED = 240  # latest values drawn
_LISTED = 16  # latest values in the table


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value in the table."""

    anchor: str
    """Element id; empty unless cited."""
    value: str
    word: str
    """``high``, ``low`` or nothing, by the adult reference range."""
    when: str
    known: str
    before: str


@dataclass(frozen=True, slots=True)
class SignalView:
    """One signal."""

    anchor: str
    label: str
    unit: str
    normal: str
    """``usual range 0.5 to 2``; empty where none is known."""
    rows: tuple[ValueRow, ...]
    """Newest first: the latest and the cited."""
    total: int
    """Values of the signal in the record."""
    plotted: int
    path: str
    """SVG path data, viewBox 0 0 360 132."""
    points: tuple[tuple[str, str, str], ...]
    """x, y and the row's anchor (empty unless cited)."""
    band: tuple[str, str] | None
    """y and height of the usual range, as far as it is in view."""
    top: str
    bottom: str
    """Values at the upper and the lower end of the axis."""
    first: str
    last: str
    """Times at the ends of the axis."""


def signal_view(
    values: Sequence[Measurement], cited: Set[str], anchor: str, prediction_time: datetime
) -> tuple[SignalView, dict[str, str]]:
    """Return the view of one signal's values in order of time, and measurement id -> element id of the cited."""
    anchors = {
        item.measurement_id: f"{anchor}-{place}" for place, item in enumerate(values) if item.measurement_id in cited
    }
    signal = catalogue().get(values[0].signal)
    normal = signal.normal if signal else None
    drawn = [*(item for item in values[:-_PLOTTED] if item.measurement_id in cited), *values[-_PLOTTED:]]
    listed = [*(item for item in values[:-_LISTED] if item.measurement_id in cited), *values[-_LISTED:]]
    numbers = [item.value for item in drawn]
    low, high = min(numbers), max(numbers)
    pad = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
    low, high = low - pad, high + pad
    begin, end = drawn[0].time, max(drawn[-1].time, prediction_time)
    seconds = (end - begin).total_seconds() or 1.0

    def across(time: datetime) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (time - begin).total_seconds() / seconds

    def down(value: float) -> float:
        return _TOP + (_BOTTOM - _TOP) * (high - min(max(value, low), high)) / (high - low)

    places = [(f"{across(item.time):.1f}", f"{down(item.value):.1f}") for item in drawn]
    view = SignalView(
        anchor=anchor,
        label=values[0].label,
        unit=values[0].unit or "",
        normal=f"usual range {normal[0]:g} to {normal[1]:g}" if normal else "",
        rows=tuple(_row(item, anchors, normal, prediction_time) for item in reversed(listed)),
        total=len(values),
        plotted=len(drawn),
        path="M" + "L".join(f"{x} {y}" for x, y in places),
        points=tuple((x, y, anchors.get(item.measurement_id, "")) for (x, y), item in zip(places, drawn, strict=True)),
        band=(f"{down(normal[1]):.1f}", f"{down(normal[0]) - down(normal[1]):.1f}") if normal else None,
        top=f"{max(numbers):g}",
        bottom=f"{min(numbers):g}",
        first=moment(begin),
        last="prediction" if end == prediction_time else moment(end),
    )
    return view, anchors


def _row(
    item: Measurement, anchors: dict[str, str], normal: tuple[float, float] | None, prediction_time: datetime
) -> ValueRow:
    word = "" if normal is None else "low" if item.value < normal[0] else "high" if item.value > normal[1] else ""
    return ValueRow(
        anchor=anchors.get(item.measurement_id, ""),
        value=f"{item.value:g}",
        word=word,
        when=moment(item.time),
        known=moment(item.known_at),
        before=before(item.time, prediction_time),
    )
