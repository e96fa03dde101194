"""Stage: the chest images of every sample, small. What a split's image reader sees on them is in ``image_readings``.

The index image, and the newest frontal image of an earlier study: what has changed since is half of what a radiologist
reads, and HAIM too looks at all images of a patient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.cohort.times import FRONTAL
from xhaim.errors import DataError
from xhaim.events import CHEXPERT_FINDINGS, IMAGE, IMAGE_LABEL, code_is
from xhaim.modality.pixels import SIDE, shrink
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.parallel import each_shard
from xhaim.run.people import People

Read = Callable[[NDArray[np.uint8], NDArray[np.int64]], NDArray[np.float32]]
"""Images [m, 64, 64], and the rows of their samples, [m], to what is seen on each, [m, d]: by an image reader 14
logits, NaN where a finding is not read."""


def store_images(run: Run, people: People, known: Stage) -> Stage | None:
    """Write index and earlier images, small, and the index studies' CheXpert labels, to ``images/``; None without any.

    The labels are for fitting the image reader on training rows; they are never an input.
    """
    if people.samples["index_image_id"].null_count() == people.samples.height:
        return None
    stage = run.directory.stage("images", run.key("images", people.key))
    labels = _image_labels(run, people)
    with run.watch.stage("images") as progress:
        return each_shard(run, stage, run.shards(people.samples), partial(_image_shard, known, labels), progress)


def _image_shard(known: Stage, labels: pl.DataFrame, run: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    seen = Known.read(known.shard(index)).events
    paths, before = index_paths(seen, samples), earlier_paths(seen, samples)
    nothing = (None, None)
    ids = samples["sample_id"].to_list()
    return (
        samples.select("sample_id")
        .with_columns(
            pl.Series("pixels", [pixels_of(run, paths.get(one)) for one in ids], pl.Binary()),
            pl.Series("earlier_pixels", [pixels_of(run, before.get(one, nothing)[0]) for one in ids], pl.Binary()),
            pl.Series("earlier_hours", [before.get(one, nothing)[1] for one in ids], pl.Float64()),
        )
        .join(labels, on="sample_id", how="left", maintain_order="left")
    )


def index_paths(seen: pl.DataFrame, samples: pl.DataFrame) -> dict[str, str]:
    """Return sample_id -> path of its index image: a source key may recur in other subjects and studies."""
    asked = samples.select("sample_id", source="index_image_id", study_id="index_study_id", time="prediction_time")
    mine = seen.filter(code_is(IMAGE) & pl.col("image_path").is_not_null()).join(asked, on=asked.columns, how="semi")
    frontal_first = mine.sort(~pl.col("title").is_in(FRONTAL), "image_path", nulls_last=True)
    one_each = frontal_first.unique("sample_id", keep="first", maintain_order=True)
    return dict(one_each.select("sample_id", "image_path").iter_rows())


def earlier_paths(seen: pl.DataFrame, samples: pl.DataFrame) -> dict[str, tuple[str, float]]:
    """Return sample_id -> path of the newest known frontal image of another study, and hours before the prediction."""
    asked = samples.select("sample_id", "index_study_id", "prediction_time")
    mine = (
        seen.filter(code_is(IMAGE) & pl.col("image_path").is_not_null() & pl.col("title").is_in(FRONTAL))
        .join(asked, on=["sample_id", "prediction_time"], how="inner")
        .filter((pl.col("study_id") != pl.col("index_study_id")).fill_null(value=True))
        .filter(pl.col("time") < pl.col("prediction_time"))
    )
    newest = mine.sort("time", "image_path", descending=[True, False]).unique("sample_id", keep="first")
    hours = (pl.col("prediction_time") - pl.col("time")).dt.total_seconds() / 3600
    return {one: (path, ago) for one, path, ago in newest.select("sample_id", "image_path", hours).iter_rows()}


def pixels_of(run: Run, path: str | None) -> bytes | None:
    """Return an image of the store, small; None, and a note, where it cannot be read."""
    if path is None:
        return None
    try:
        return shrink(run.store.image(path)).tobytes()
    except DataError as error:
        run.watch.note(f"image left out: {error.what}")
        return None


def _image_labels(run: Run, people: People) -> pl.DataFrame:
    long = (
        run.store.events()
        .filter(code_is(IMAGE_LABEL))
        .select("subject_id", pl.col("study_id").alias("index_study_id"), "code", "numeric_value")
        .collect()
    )
    frame = people.samples.select("sample_id", "subject_id", "index_study_id")
    for finding in CHEXPERT_FINDINGS:
        mine = (
            long.filter(pl.col("code") == f"{IMAGE_LABEL}//{finding}")
            .group_by("subject_id", "index_study_id")
            .agg(pl.col("numeric_value").max().replace(-1.0, None).alias(finding))
        )
        frame = frame.join(mine, on=["subject_id", "index_study_id"], how="left", maintain_order="left")
    return frame.drop("subject_id", "index_study_id")


def read_images(stage: Stage, sample_ids: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return pixels [n, 64, 64] (zeros: no image) and CheXpert labels [n, 14] (NaN: unknown), in the given order."""
    rows = pl.DataFrame({"sample_id": list(sample_ids)}).join(
        stage.frame(), on="sample_id", how="left", maintain_order="left"
    )
    empty = bytes(SIDE * SIDE)
    pixels = np.stack([np.frombuffer(raw or empty, np.uint8).reshape(SIDE, SIDE) for raw in rows["pixels"]])
    labels = rows.select(CHEXPERT_FINDINGS).cast(pl.Float32).fill_null(float("nan")).to_numpy()
    return pixels, labels


def read_earlier(stage: Stage, sample_ids: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the earlier images [n, 64, 64] (zeros: none), and how many hours before [n] (NaN: none), in order."""
    rows = pl.DataFrame({"sample_id": list(sample_ids)}).join(
        stage.frame(), on="sample_id", how="left", maintain_order="left"
    )
    empty = bytes(SIDE * SIDE)
    pixels = np.stack([np.frombuffer(raw or empty, np.uint8).reshape(SIDE, SIDE) for raw in rows["earlier_pixels"]])
    hours = rows["earlier_hours"].cast(pl.Float32).fill_null(float("nan")).to_numpy()
    return pixels, hours
