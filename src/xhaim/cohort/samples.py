"""Which samples, and when: by default one prediction time for each ICU stay (paper section 2; DESIGN: samples)."""

from __future__ import annotations

import hashlib

import polars as pl

from xhaim.cohort.times import Candidates, at_events, at_image, at_intervals, at_landmark
from xhaim.config import SampleSettings
from xhaim.errors import DataError
from xhaim.records import Attrition, Sample

SAMPLE_SCHEMA = {
    "sample_id": pl.String(),
    "subject_id": pl.Int64(),
    "hadm_id": pl.Int64(),
    "stay_id": pl.Int64(),
    "prediction_time": pl.Datetime("us"),
    "index_study_id": pl.Int64(),
    "index_image_id": pl.String(),
}


def draw(events: pl.LazyFrame, stays: pl.DataFrame, settings: SampleSettings) -> tuple[pl.DataFrame, list[Attrition]]:
    """Draw the samples of ICU stays by the settings; say who was left out and why.

    Where a stay has more prediction times than are wanted, a hash of seed, stay and study (or time) draws among them,
    so that neither row order nor other stays change it. Returns a frame of SAMPLE_SCHEMA ordered by sample_id, and
    the attrition: everybody first, the samples last. Everybody is the ICU stays where each gives at most one sample,
    else their prediction times, and a stay without any counts once. Raises DataError where nothing could be drawn.
    """
    placed, unplaced = _placed(stays)
    candidates, without = _candidates(events, placed, settings)
    cap = settings.max_per_stay
    if cap is None and settings.every_hours is None and settings.at_code is None:
        cap = 1
    drawn = _capped(candidates, cap, settings.seed)
    lost = [*unplaced, *without]
    if cap == 1:
        everybody = Attrition("samples", "ICU stays in the store", stays.height)
    else:
        n = candidates.height + sum(item.n for item in lost)
        everybody = Attrition("samples", "prediction times in ICU stays (a stay without one counts once)", n)
        lost.append(Attrition("samples", f"more than {cap} in one ICU stay", candidates.height - drawn.height))
    frame, again = with_ids(drawn)
    lost.append(again)
    if frame.is_empty():
        raise DataError(
            "no samples could be drawn",
            got="; ".join(f"{item.reason}: {item.n}" for item in [everybody, *lost]),
            do="a store without images needs a landmark, for example: --landmark 24h",
        )
    return frame, [everybody, *lost, Attrition("samples", "samples drawn", frame.height)]


def _placed(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[Attrition]]:
    """Leave out the stays that have no place in time."""
    began = stays.filter(pl.col("intime").is_not_null())
    ended = began.filter(~(pl.col("outtime") < pl.col("intime")).fill_null(value=False))
    alive = ended.filter(~(pl.col("death") < pl.col("intime")).fill_null(value=False))
    return alive, [
        Attrition("samples", "no time of ICU admission", stays.height - began.height),
        Attrition("samples", "ICU stay ends before it begins", began.height - ended.height),
        Attrition("samples", "death before ICU admission", ended.height - alive.height),
    ]


def _candidates(events: pl.LazyFrame, stays: pl.DataFrame, settings: SampleSettings) -> Candidates:
    if settings.landmark_hours is not None:
        return at_landmark(stays, settings.landmark_hours)
    if settings.every_hours is not None:
        return at_intervals(stays, settings.every_hours)
    if settings.at_code is not None:
        return at_events(events, stays, settings.at_code)
    return at_image(events, stays)


def _capped(candidates: pl.DataFrame, cap: int | None, seed: int) -> pl.DataFrame:
    if cap is None:
        return candidates
    what = pl.coalesce(pl.col("index_study_id").cast(pl.String), pl.col("prediction_time").dt.to_string("iso"))
    lots = [_lot(seed, *row) for row in candidates.select("stay_id", what).iter_rows()]
    return (
        candidates.with_columns(pl.Series("lot", lots, pl.String()))
        .sort("subject_id", "stay_id", "lot")
        .group_by("subject_id", "stay_id", maintain_order=True)
        .head(cap)
    )


def _lot(seed: int, stay_id: int, what: str) -> str:
    return hashlib.sha256(f"{seed}:{stay_id}:{what}".encode()).hexdigest()


def with_ids(drawn: pl.DataFrame) -> tuple[pl.DataFrame, Attrition]:
    """Return SAMPLE_SCHEMA ordered by sample_id, and how many were left out for another of the same stay and second.

    Ids are ``<stay_id>-<time>``, outside a stay ``s<subject_id>-<time>``, to the second; ``s<subject_id>-<stay_id>-``
    goes before the time where subjects share an id. Of a stay and second, the first by time and study is kept.
    """
    subject, stay = pl.format("s{}", "subject_id"), pl.col("stay_id").cast(pl.String)
    time = pl.col("prediction_time").dt.strftime("%Y%m%dT%H%M%S")
    named = (
        drawn.with_columns(sample_id=pl.concat_str(pl.coalesce(stay, subject), pl.lit("-"), time))
        .sort("subject_id", "prediction_time", "index_study_id", "index_image_id", nulls_last=True)
        .unique(["subject_id", "sample_id"], keep="first", maintain_order=True)
    )
    shared = pl.col("sample_id").is_duplicated()
    apart = named.with_columns(
        sample_id=pl.when(shared).then(pl.concat_str(subject, pl.lit("-"), "sample_id")).otherwise("sample_id")
    )
    frame = apart.select([pl.col(name).cast(kind) for name, kind in SAMPLE_SCHEMA.items()]).sort("sample_id")
    return frame, Attrition("samples", "in the same second as another of the stay", drawn.height - frame.height)


def as_samples(frame: pl.DataFrame) -> list[Sample]:
    """Return the rows of a sample frame as records."""
    return [Sample(**row) for row in frame.select(list(SAMPLE_SCHEMA)).iter_rows(named=True)]


def find_sample(frame: pl.DataFrame, wanted: str) -> Sample:
    """Return the sample with this id, or the only one that begins with it.

    Raises DataError for an unknown or ambiguous id.
    """
    found = frame.filter(pl.col("sample_id") == wanted)
    if found.is_empty():
        found = frame.filter(pl.col("sample_id").str.starts_with(wanted)) if wanted else found
    if found.height != 1:
        examples = ", ".join(frame["sample_id"].head(3).to_list())
        raise DataError(
            f"{'no' if found.is_empty() else 'more than one'} sample matches '{wanted[:80]}'",
            expected=f"a sample id of this run, such as {examples}",
            do="list them with: xhaim explain RUN --task TASK --list",
        )
    return Sample(**found.select(list(SAMPLE_SCHEMA)).row(0, named=True))
