"""Stage: the chest images of every sample, small, and what a split's image reader sees on them.

The index image, and the newest frontal image of an earlier study: what has changed since is half of what a radiologist
reads, and HAIM too looks at all images of a patient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.cohort.times import FRONTAL
from xhaim.errors import DataError
from xhaim.events import CHEXPERT_FINDINGS, IMAGE, IMAGE_LABEL, code_is
from xhaim.modality.pixels import SIDE, shrink
from xhaim.records import Features
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.numbers import with_block
from xhaim.run.parallel import each_shard
from xhaim.run.people import People, SplitRows

READER = "image_reader.safetensors"
"""In the folder of a split's models."""
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
        .join(labels, on="sample_id", how="left")
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
        frame = frame.join(mine, on=["subject_id", "index_study_id"], how="left")
    return frame.drop("subject_id", "index_study_id")


def read_images(stage: Stage, sample_ids: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return pixels [n, 64, 64] (zeros: no image) and CheXpert labels [n, 14] (NaN: unknown), in the given order."""
    rows = pl.DataFrame({"sample_id": list(sample_ids)}).join(stage.frame(), on="sample_id", how="left")
    empty = bytes(SIDE * SIDE)
    pixels = np.stack([np.frombuffer(raw or empty, np.uint8).reshape(SIDE, SIDE) for raw in rows["pixels"]])
    labels = rows.select(CHEXPERT_FINDINGS).cast(pl.Float32).fill_null(float("nan")).to_numpy()
    return pixels, labels


def read_earlier(stage: Stage, sample_ids: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the earlier images [n, 64, 64] (zeros: none), and how many hours before [n] (NaN: none), in order."""
    rows = pl.DataFrame({"sample_id": list(sample_ids)}).join(stage.frame(), on="sample_id", how="left")
    empty = bytes(SIDE * SIDE)
    pixels = np.stack([np.frombuffer(raw or empty, np.uint8).reshape(SIDE, SIDE) for raw in rows["earlier_pixels"]])
    hours = rows["earlier_hours"].cast(pl.Float32).fill_null(float("nan")).to_numpy()
    return pixels, hours


def with_images(run: Run, features: Features, images: Stage | None, rows: SplitRows, folder: Path) -> Features:
    """Return the features with the blocks ``image`` and ``earlier_image`` as one split's reader reads them.

    The reader is fitted on the training images, kept in ``folder``, and out-of-fold for the training rows. Without
    images, or where no reader can be fitted, the features as they are.
    """
    if images is None:
        return features
    pixels, labels = read_images(images, rows.ids)
    try:
        logits = _logits(run, rows, pixels, labels, folder / READER)
    except DataError as error:
        run.watch.note(f"no image block: {error.what}")
        return features
    logits[_blank(pixels)] = np.nan
    features = with_block(features, "image", [f"image network, {finding}" for finding in CHEXPERT_FINDINGS], logits)
    read = held_out_reader(folder / READER, images, rows)
    films, hours = read_earlier(images, rows.ids)
    if read is None or _blank(films).all():
        return features
    before = read(films, np.arange(len(rows.ids)))
    before[_blank(films)] = np.nan
    names = [*(f"image network, earlier film, {finding}" for finding in CHEXPERT_FINDINGS), "earlier film, hours since"]
    return with_block(features, "earlier_image", names, np.column_stack([before, hours]))


def _blank(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(pixels.reshape(len(pixels), -1).max(axis=1) == 0)


def _logits(
    run: Run, rows: SplitRows, pixels: NDArray[np.uint8], labels: NDArray[np.float32], path: Path
) -> NDArray[np.float32]:
    """Logits [n, 14] of a small network fitted on the training images: out-of-fold for the training rows."""
    from xhaim.predict.image_reader import ImageReader, fit_image_reader

    if path.exists():
        reader = ImageReader.load(path)
    else:
        reader = fit_image_reader(pixels, labels, rows.subjects, rows.train, run.settings.encoder)
        path.parent.mkdir(parents=True, exist_ok=True)
        reader.save(path)
    logits = reader.read(pixels)
    logits[rows.train] = reader.out_of_fold
    return logits


def held_out_reader(path: Path, images: Stage | None, rows: SplitRows) -> Read | None:
    """Return the split's image reader, which reads every image of a training subject by the network not fitted on it.

    Which network that is, its out-of-fold reading of the index image tells. ``None`` where no reader was fitted.
    """
    if images is None or not path.exists():
        return None
    from xhaim.predict.image_reader import ImageReader  # it brings torch

    reader = ImageReader.load(path)
    pixels, _ = read_images(images, rows.ids)
    each = [replace(reader, networks=(network,)) for network in reader.networks]
    away = np.stack([np.nansum(np.abs(one.read(pixels[rows.train]) - reader.out_of_fold), axis=1) for one in each])
    network_of = np.full(len(rows.ids), len(each))
    network_of[rows.train] = away.argmin(axis=0)

    def read(films: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.float32]:
        found = np.zeros((len(films), len(CHEXPERT_FINDINGS)), np.float32)
        for place, one in enumerate([*each, reader]):
            mine = network_of[at] == place
            found[mine] = one.read(films[mine])
        return found

    return read
