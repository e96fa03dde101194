"""When a patient whom a run has never seen is predicted for: a sample of their record, by the rules of the run's own.

For a finding that is seen on a film it is the newest frontal chest film, at its time; for an outcome it is now, one
second after the last thing that was known, unless a time is said. No label is needed and none is looked at.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from xhaim.cohort.given import GIVEN_SCHEMA, given
from xhaim.cohort.guard import STATIC
from xhaim.cohort.samples import as_samples
from xhaim.cohort.stays import deaths, stays
from xhaim.cohort.times import FRONTAL
from xhaim.errors import DataError
from xhaim.events import IMAGE, code_is
from xhaim.records import Sample
from xhaim.task import Task

_A_SECOND = timedelta(seconds=1)
_EVENT = ~pl.any_horizontal(code_is(kind) for kind in STATIC)
"""A birth is dated, and says nothing of now."""


def moment(events: pl.LazyFrame, task: Task, at: datetime | None = None) -> Sample:
    """Return the sample of one subject, whose events these are, for a task.

    ``at``: for an outcome the prediction time; for a finding the latest that a film may be of. Local times of the
    store; the part below a second is dropped, as sample ids drop it. Raises DataError, with nothing of the record in
    it, where there is no such moment: no film, nothing dated, nothing known yet, or after the death.
    """
    at = None if at is None else at.replace(microsecond=0)
    films = _films(events, at)
    if task.needs_image:
        if films.is_empty():
            raise DataError(
                f"{task.title}: no frontal chest film" + (" that was known by then" if at else ""),
                expected="an image of view AP or PA with a study, known when it was taken",
                do="ask for a task that needs no image",
            )
        return _at_film(events, films.row(-1, named=True))
    time = at or _now(events, task)
    if not _anything_known(events, time):
        raise DataError(f"{task.title}: nothing was known yet at that time", got=time.isoformat(sep=" "))
    taken = films.filter(pl.col("time") == time)
    return _at_film(events, taken.row(0, named=True)) if taken.height else _sample(events, time)


def _films(events: pl.LazyFrame, at: datetime | None) -> pl.DataFrame:
    """Return time, study_id and source of the first frontal view of each study, by time, the higher study first.

    As ``cohort.times.at_image`` draws them, in an ICU stay or out of one.
    """
    seen = pl.col("title").is_in(FRONTAL) & pl.col("study_id").is_not_null() & (pl.col("known_at") <= pl.col("time"))
    until = pl.lit(value=True) if at is None else pl.col("time") <= at
    return (
        events.filter(code_is(IMAGE) & seen & until)
        .select("time", "study_id", "source")
        .sort("time", "source")
        .unique("study_id", keep="first", maintain_order=True)
        .sort("time", "study_id", descending=[False, True])  # of one time the lowest study is the last, as ids have it
        .collect()
    )


def _now(events: pl.LazyFrame, task: Task) -> datetime:
    """Return one second after the last thing that was known."""
    known = pl.max_horizontal("known_at", "time").dt.truncate("1s")
    dated = events.filter(_EVENT & pl.col("known_at").is_not_null() & pl.col("time").is_not_null())
    last = dated.select(known.max()).collect().item()
    if last is None:
        raise DataError(f"{task.title}: nothing in the record says when it was known", do="say a time with: --at TIME")
    try:
        found: datetime = last + _A_SECOND
    except OverflowError:
        raise DataError(f"{task.title}: the record ends after the last year that there is") from None
    return found


def _anything_known(events: pl.LazyFrame, time: datetime) -> bool:
    return (
        not events.filter(_EVENT & (pl.col("known_at") < time) & (pl.col("time") < time)).head(1).collect().is_empty()
    )


def _at_film(events: pl.LazyFrame, film: dict[str, datetime | int | str]) -> Sample:
    time, study, source = film["time"], film["study_id"], film["source"]
    assert isinstance(time, datetime)  # noqa: S101  (for the type checker)
    return replace(_sample(events, time), index_study_id=int(str(study)), index_image_id=str(source))


def _sample(events: pl.LazyFrame, time: datetime) -> Sample:
    """Return the sample of a time: in the ICU stay and the admission that were going on, in none where none was."""
    subject = events.select(pl.col("subject_id").first()).collect().item()
    died = deaths(events)
    if died.height and time >= died["death"][0]:
        raise DataError(
            "a death is recorded at or before that time",
            got=time.isoformat(sep=" "),
            do="say a time before it with: --at TIME",
        )
    theirs = stays(events, required=False)
    rows = pl.DataFrame([(subject, time, None)], schema=GIVEN_SCHEMA, orient="row")
    frame, _ = given(events, theirs, rows)
    sample = as_samples(frame)[0]
    if sample.stay_id is None:
        return sample
    own = theirs.filter(pl.col("stay_id") == sample.stay_id)["hadm_id"].drop_nulls()
    return replace(sample, hadm_id=int(own[0])) if len(own) else sample
