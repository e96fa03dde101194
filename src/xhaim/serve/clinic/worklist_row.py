"""One row of the worklist in words: the risk, which side it is on, how it moved, the other tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from xhaim.evaluate.wording import MINUS, interval, moment, percent, share
from xhaim.serve.clinic.place import address_of
from xhaim.task import Task


@dataclass(frozen=True, slots=True)
class Row:
    """One sample."""

    who: str
    """The sample; of a patient who arrived their key."""
    address: str
    """Of the patient's page."""
    name: str
    subject_id: int
    arrived: bool
    """Their data came while the server ran."""
    when: str
    risk: str
    interval: str
    low: float | None
    high: float | None
    place: float | None
    """The risk within 0.01 and 0.99, as the bar shows it; ``None``: none is stored."""
    threshold: float | None
    side: str
    """``above``, ``below``, ``abstains`` or ``none``."""
    side_words: str
    change: str
    """Since the stay's prediction before; empty where there is none."""
    rising: bool
    calibrated_on: bool
    """The calibration was fitted on this sample: its risk is not quite that of a new patient."""
    others: tuple[tuple[str, str, str], ...]
    """(address, title, risk) of the sample's other tasks."""


def row_of(row: dict[str, Any], others: pl.DataFrame, task_id: str, tasks: tuple[Task, ...]) -> Row:
    """Return a row of the list (``worklist.ARRIVED``, ``side`` and ``change``). ``others``: those of other tasks."""
    mine = others.filter((pl.col("who") == row["who"]) & pl.col("risk").is_not_null())
    risks = {one: (sample_id, risk) for one, sample_id, risk in mine.select("task_id", "sample_id", "risk").iter_rows()}
    stored = row["risk"] is not None
    words = {"abstains": "abstains", "none": "not stored"}
    if stored:
        acts = share(row["threshold"])
        words |= {"above": f"at or above {acts}", "below": f"below {acts}"}
    nameless = f"Stay {row['stay_id']}" if row["stay_id"] is not None else f"Sample {row['sample_id']}"
    return Row(
        who=row["who"],
        address=address_of(row["sample_id"], task_id) if stored or not row["arrived"] else f"/arrivals/{row['who']}",
        name=row["name"] or nameless,
        subject_id=row["subject_id"],
        arrived=row["arrived"],
        when=moment(row["prediction_time"]) if row["prediction_time"] is not None else "",
        risk=percent(row["risk"]) if stored else "",
        interval=interval(row["low"], row["high"]).removeprefix("90 % interval ") if stored else "",
        low=row["low"],
        high=row["high"],
        place=min(max(row["risk"], 0.01), 0.99) if stored else None,
        threshold=row["threshold"],
        side=row["side"],
        side_words=words[row["side"]],
        change=_change(row["change"], row["previous_time"], row["prediction_time"]),
        rising=(row["change"] or 0.0) > 0,
        calibrated_on=row["part"] == "validation",
        others=tuple(
            (address_of(risks[task.id][0], task.id), task.title, percent(risks[task.id][1]))
            for task in tasks
            if task.id in risks
        ),
    )


def _change(change: float | None, before: datetime | None, now: datetime) -> str:
    if change is None or before is None:
        return ""
    hours = (now - before).total_seconds() / 3600
    points = f"{100 * change:+.0f}".replace("-", MINUS)
    return f"{points} points in {hours:.0f} h" if abs(change) >= 0.005 else f"unchanged in {hours:.0f} h"
