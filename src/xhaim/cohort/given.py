"""Samples that are given from outside: subjects and prediction times of a MEDS label file."""

from __future__ import annotations

import polars as pl

from xhaim.cohort.samples import with_ids
from xhaim.cohort.stays import deaths
from xhaim.errors import DataError
from xhaim.events import HOSPITAL_ADMISSION, HOSPITAL_DISCHARGE, code_is
from xhaim.records import Attrition

GIVEN_SCHEMA = {"subject_id": pl.Int64(), "prediction_time": pl.Datetime("us"), "label": pl.Int8()}
_WHO = ["subject_id", "prediction_time"]


def given(events: pl.LazyFrame, stays: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Attrition]]:
    """Return the samples of given rows (GIVEN_SCHEMA), of SAMPLE_SCHEMA by sample_id, and the attrition.

    A sample belongs to the ICU stay and the admission that were going on at its time: of several to the one that
    began last, of none to none. Times are the store's local times, without a time zone. Raises DataError where the
    rows are not as described, or no sample is left.
    """
    asked = _checked(rows).drop_nulls(_WHO)
    lost = [Attrition("samples", "no subject or no time", rows.height - asked.height)]
    times = asked.select(_WHO).unique().sort(_WHO)
    lost.append(Attrition("samples", "the same subject and time again", asked.height - times.height))
    subjects = events.select(pl.col("subject_id").unique()).collect()
    here = times.join(subjects, on="subject_id", how="semi")
    lost.append(Attrition("samples", "subject not in the store", times.height - here.height))
    alive = here.join(deaths(events), on="subject_id", how="left").filter(
        pl.col("death").is_null() | (pl.col("prediction_time") < pl.col("death"))
    )
    lost.append(Attrition("samples", "at or after the death", here.height - alive.height))
    placed = _going_on(alive.select(_WHO), stays, ["stay_id"], "intime", "outtime")
    placed = _going_on(placed, _admissions(events), ["hadm_id"], "admittime", "dischtime")
    nothing = {"index_study_id": pl.lit(None, pl.Int64()), "index_image_id": pl.lit(None, pl.String())}
    frame, again = with_ids(placed.with_columns(**nothing))
    lost.append(again)
    if frame.is_empty():
        raise DataError(
            "no sample is left of the given ones",
            got="; ".join(f"{item.reason}: {item.n}" for item in lost),
            expected="subjects and times of this store",
        )
    everybody = Attrition("samples", "given subjects and times", rows.height)
    return frame, [everybody, *lost, Attrition("samples", "samples", frame.height)]


def given_labels(samples: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return sample_id, label, reason for samples by their subject and time; rows that disagree give none."""
    said = _checked(rows).group_by(_WHO).agg(pl.col("label").min(), pl.col("label").max().alias("most"), pl.len())
    split = pl.col("label") != pl.col("most")
    return samples.join(said, on=_WHO, how="left").select(
        "sample_id",
        pl.when(~split).then(pl.col("label")).alias("label"),
        pl.when(pl.col("len").is_null())
        .then(pl.lit("subject and time are not in the label file"))
        .when(pl.col("label").is_null())
        .then(pl.lit("no label in the label file"))
        .when(split)
        .then(pl.lit("two labels in the label file"))
        .alias("reason"),
    )


def _checked(rows: pl.DataFrame) -> pl.DataFrame:
    for name, kind in GIVEN_SCHEMA.items():
        found = rows.schema.get(name)
        zoned = isinstance(found, pl.Datetime) and found.time_zone is not None
        if found is None or zoned or (name == "prediction_time" and not isinstance(found, pl.Datetime)):
            raise DataError(f"given samples: column {name}", got=found or "no such column", expected=kind)
    frame = rows.select([pl.col(name).cast(kind) for name, kind in GIVEN_SCHEMA.items()])
    strange = frame.filter(~pl.col("label").is_in([0, 1])).height
    if strange:
        raise DataError("given labels", got=f"{strange} that are neither 0 nor 1", expected="0, 1 or null")
    return frame


def _going_on(samples: pl.DataFrame, spans: pl.DataFrame, key: list[str], start: str, end: str) -> pl.DataFrame:
    """Add the key of the span of the subject that holds the time: of several the one that began last."""
    t = pl.col("prediction_time")
    during = (
        samples.join(spans.select("subject_id", *key, start, end), on="subject_id", how="inner")
        .filter((pl.col(start) <= t) & (t <= pl.col(end)).fill_null(value=True))
        .sort(*_WHO, start, *key, descending=[False, False, True, True])
        .unique(_WHO, keep="first", maintain_order=True)
    )
    return samples.join(during.select(*_WHO, *key), on=_WHO, how="left")


def _admissions(events: pl.LazyFrame) -> pl.DataFrame:
    def times(kind: str, name: str) -> pl.LazyFrame:
        mine = events.filter(code_is(kind) & pl.col("hadm_id").is_not_null())
        return mine.group_by("subject_id", "hadm_id").agg(pl.col("time").min().alias(name))

    ends = times(HOSPITAL_DISCHARGE, "dischtime")
    return times(HOSPITAL_ADMISSION, "admittime").join(ends, on=["subject_id", "hadm_id"], how="left").collect()
