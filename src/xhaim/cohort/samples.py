"""Which samples, and when: one prediction time for each ICU stay (paper section 2; DESIGN: samples)."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import polars as pl

from xhaim.config import SampleSettings
from xhaim.errors import DataError
from xhaim.events import IMAGE, code_is
from xhaim.records import Attrition, Sample

FRONTAL = ("AP", "PA")
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
    """Draw one sample for each stay; say who was left out and why.

    Without a landmark: t is the time of one study with a frontal view inside the ICU stay, drawn by a hash of seed,
    stay and study, so that neither row order nor other stays change it. With one: t is that long after ICU admission,
    for stays that last until then. Returns a frame of SAMPLE_SCHEMA ordered by sample_id, and the attrition.
    """
    attrition = [Attrition("samples", "ICU stays in the store", stays.height)]
    placed = stays.filter(pl.col("intime").is_not_null())
    attrition.append(Attrition("samples", "no time of ICU admission", stays.height - placed.height))
    if settings.landmark_hours is None:
        drawn, lost = _at_image(events, placed, settings.seed)
    else:
        drawn, lost = _at_landmark(placed, settings.landmark_hours)
    frame = drawn.with_columns(
        pl.format("{}-{}", "stay_id", pl.col("prediction_time").dt.strftime("%Y%m%dT%H%M%S")).alias("sample_id")
    ).select([pl.col(name).cast(kind) for name, kind in SAMPLE_SCHEMA.items()])
    if frame.is_empty():
        raise DataError(
            "no samples could be drawn",
            got="; ".join(f"{item.reason}: {item.n}" for item in [*attrition, *lost]),
            do="a store without images needs a landmark, for example: --landmark 24h",
        )
    return frame.sort("sample_id"), [*attrition, *lost, Attrition("samples", "samples drawn", frame.height)]


def _at_landmark(stays: pl.DataFrame, hours: float) -> tuple[pl.DataFrame, list[Attrition]]:
    timed = stays.with_columns(
        (pl.col("intime") + timedelta(hours=hours)).alias("prediction_time"),
        pl.lit(None, pl.Int64()).alias("index_study_id"),
        pl.lit(None, pl.String()).alias("index_image_id"),
    )
    ended = pl.min_horizontal("outtime", "dischtime", "death") <= pl.col("prediction_time")
    kept = timed.filter(~ended.fill_null(value=False))
    return kept, [Attrition("samples", f"stay ended before hour {hours:g}", timed.height - kept.height)]


def _at_image(events: pl.LazyFrame, stays: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, list[Attrition]]:
    images = (
        events.filter(code_is(IMAGE) & pl.col("time").is_not_null() & pl.col("study_id").is_not_null())
        .select("subject_id", "time", "study_id", "title", "source")
        .collect()
    )
    inside = images.join(stays, on="subject_id", how="inner").filter(
        (pl.col("time") >= pl.col("intime"))
        & (pl.col("time") <= pl.col("outtime").fill_null(pl.col("dischtime")))
        & (pl.col("death").is_null() | (pl.col("time") < pl.col("death")))
    )
    frontal = inside.filter(pl.col("title").is_in(FRONTAL))
    studies = (
        frontal.sort("stay_id", "study_id", "source")
        .group_by("stay_id", "study_id", maintain_order=True)
        .agg(
            pl.col("time").min().alias("prediction_time"),
            pl.col("source").first().alias("index_image_id"),
            pl.col("subject_id").first(),
            pl.col("hadm_id").first(),
        )
    )
    drawn = (
        studies.with_columns(
            pl.struct("stay_id", "study_id")
            .map_elements(lambda pair: _lot(seed, pair["stay_id"], pair["study_id"]), return_dtype=pl.String())
            .alias("lot")
        )
        .sort("stay_id", "lot")
        .group_by("stay_id", maintain_order=True)
        .first()
        .rename({"study_id": "index_study_id"})
    )
    without = stays.height - inside["stay_id"].n_unique()
    lateral = inside["stay_id"].n_unique() - drawn.height
    return drawn, [
        Attrition("samples", "no chest image inside the ICU stay", without),
        Attrition("samples", "no frontal view inside the ICU stay", lateral),
    ]


def _lot(seed: int, stay_id: int, study_id: int) -> str:
    return hashlib.sha256(f"{seed}:{stay_id}:{study_id}".encode()).hexdigest()


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
    return as_samples(found)[0]
