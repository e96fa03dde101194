"""A risk as a card: what it is, on which side of the operating point, and where the evidence stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from xhaim.evaluate.wording import percent, share
from xhaim.serve.doors.hook_types import MOST_SUMMARY, OVERRIDE_REASONS, Card, Coding, Link, Source
from xhaim.task import Task

LABEL = "xHAIM: research software, not a medical device"
_ON_PAGE = "The evidence for and against it is on the page."
_SENT = "It was made of what came with this request, and nothing of that is kept."


@dataclass(frozen=True, slots=True)
class Told:
    """A risk."""

    risk: float
    abstains: bool
    threshold: float | None
    """Operating point; ``None``: there is none."""
    prediction_time: datetime
    simulated: bool


def card_of(task: Task, told: Told, card: str, link: Link | None) -> Card:
    """Return the card. ``card``: its UUID; ``link``: to the patient's page, ``None`` where there is none."""
    above = told.threshold is not None and told.risk >= told.threshold and not told.abstains
    stamp = "SIMULATED. " if told.simulated else ""
    rest = f": {percent(told.risk)}, {_side(told)}"
    title = task.title[: MOST_SUMMARY - len(stamp) - len(rest)]
    when = f"{told.prediction_time:%Y-%m-%d %H:%M}"
    topic = Coding(code=task.id, system="urn:xhaim:task", display=task.title)
    return Card(
        uuid=card,
        summary=f"{stamp}{title}{rest}",
        detail=f"Predicted at {when}, of what was known before then. {_ON_PAGE if link else _SENT}",
        indicator="warning" if above else "info",
        source=Source(label=LABEL, topic=topic),
        overrideReasons=OVERRIDE_REASONS,
        links=[link] if link else None,
    )


def _side(told: Told) -> str:
    if told.abstains:
        return "the model abstains"
    if told.threshold is None:
        return "no operating point"
    side = "at or above" if told.risk >= told.threshold else "below"
    return f"{side} the operating point of {share(told.threshold)}"
