"""The risk over a stay: the same model asked at each arrival of data, and what moved it.

At a time of the stay the model is given only what was known before that time, out of what the sample may see; nothing
is interpolated. Between two times the inputs change in three groups, one after the other: the numbers (values, age,
hours in hospital), the words (notes, their age, labels of earlier films), the images. Each group's change is the risk
after it less the risk before it, so they sum exactly to the step, and the steps to the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from xhaim.errors import PrerequisiteError
from xhaim.events import IMAGE, NOTE, code_is
from xhaim.records import Sample
from xhaim.run.known import Known
from xhaim.run.prepared import Prepared
from xhaim.serve.clinic.news2 import News2, news2
from xhaim.serve.clinic.stay_inputs import before_time, states_of, variants_of

TIMES = 16
"""At most so many times are asked."""
_LONGEST = timedelta(days=14)
_JUST_AFTER = timedelta(microseconds=1)
GROUPS = ("values and time", "notes and reports", "images")


@dataclass(frozen=True, slots=True)
class Step:
    """One time of the stay."""

    time: datetime
    risk: float
    low: float | None
    high: float | None
    moved: tuple[tuple[str, float], ...]
    """(group, change of the risk) since the time before; empty at the first."""
    arrived: tuple[str, ...]
    """Titles of the documents and images that came since."""
    values: int
    """Values that came since."""
    score: News2 | None


def stay_risk(mine: Prepared) -> tuple[Step, ...]:
    """Return the steps of a sample's stay; the last is the sample's own prediction.

    Raises PrerequisiteError where a language model writes the summaries: it would have to be asked at each time.
    """
    if mine.run.settings.llm.url is not None:
        raise PrerequisiteError(
            "the summaries of this run were written by a language model, which is not asked again here"
        )
    times = _times(mine.known, mine.sample)
    frames = {time: before_time(mine.known.events, mine.sample, time) for time in times}
    states = states_of(mine, frames)
    mixed, texts = variants_of(states, mine.row)
    ids = tuple(f"t{n}" for n in range(len(mixed)))
    found = mine.model.predict(replace(mine.row, sample_ids=ids, texts=texts, values=np.stack(mixed)))
    steps = []
    for n, time in enumerate(times):
        last = 3 * n
        path = found.risk[max(0, last - 3) : last + 1].tolist()
        moved = tuple(zip(GROUPS, np.diff(path).tolist(), strict=True)) if n else ()
        since = times[n - 1] if n else datetime.min  # noqa: DTZ901  (the store's own times)
        arrived, values = _arrived(frames[time], since)
        low, high = (None if np.isnan(one[last]) else float(one[last]) for one in (found.low, found.high))
        steps.append(Step(time, path[-1], low, high, moved, arrived, values, news2(mine.record.measurements, time)))
    return tuple(steps)


def _times(seen: Known, sample: Sample) -> list[datetime]:
    """Return when the model is asked: after each arrival of a note or image and in even steps, the last at t.

    The stay is cut into as many parts as there are times at most; of arrivals in one part the last is taken.
    """
    end = sample.prediction_time
    hours = seen.facts.get(sample.sample_id, {}).get("hours in hospital")
    begin = max(
        end - timedelta(hours=float(hours)) if isinstance(hours, float) else end - timedelta(days=2), end - _LONGEST
    )
    came = seen.events.filter(code_is(NOTE) | code_is(IMAGE))["known_at"].drop_nulls().to_list()
    part = (end - begin) / TIMES
    if part <= timedelta(0):
        return [end]
    asked = {begin + part * n for n in range(2, TIMES, 2)} | {one + _JUST_AFTER for one in came}
    inside = sorted(one for one in asked if begin < one < end)
    return [*{int((one - begin) / part): one for one in inside}.values(), end]


def _arrived(frame: pl.DataFrame, since: datetime) -> tuple[tuple[str, ...], int]:
    fresh = frame.filter(pl.col("known_at") >= since)
    titled = fresh.filter(code_is(NOTE) | code_is(IMAGE)).sort("known_at", "code", "title")
    titles = [
        f"Image ({title})" if code.startswith(IMAGE) else title or "Note"
        for code, title in titled.select("code", "title").iter_rows()
    ]
    return tuple(dict.fromkeys(titles)), Known(fresh).values.height if fresh.height else 0
