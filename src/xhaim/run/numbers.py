"""Stages: the numeric blocks of every sample, and the index images. HAIM's own are in ``haim_numbers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.cohort.times import FRONTAL
from xhaim.errors import DataError
from xhaim.events import CHEXPERT_FINDINGS, IMAGE, IMAGE_LABEL, code_is
from xhaim.modality.concepts import concept_columns, concept_features
from xhaim.modality.earlier_films import earlier_films, film_labels
from xhaim.modality.pixels import SIDE, shrink
from xhaim.modality.tabular import tabular
from xhaim.modality.time_series import statistics, wide
from xhaim.records import Evidence, Features, Summary
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.parallel import each_shard
from xhaim.run.parquet_records import from_frame
from xhaim.run.people import People
from xhaim.signals import catalogue
from xhaim.task import Task

SEPARATOR = "|"
"""Between block and column name in the Parquet files."""


def store_numbers(run: Run, people: People, known: Stage) -> Stage:
    """Write the tabular and time-series blocks, which no task and no policy changes, to ``numbers/``."""
    stage = run.directory.stage("numbers", run.key("numbers", people.key))
    with run.watch.stage("tables and time series") as progress:
        return each_shard(run, stage, run.shards(people.samples), partial(_number_shard, known), progress)


def _number_shard(known: Stage, run: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    shard = Known.read(known.shard(index))
    ids = samples["sample_id"].to_list()
    _, series = wide(statistics(shard.values), ids, catalogue())
    return with_ids(ids, {"tabular": tabular(shard.facts, ids), "time_series": series})


def store_films(run: Run, people: People, known: Stage) -> Stage:
    """Write the block of the labels of earlier chest films to ``earlier_films/<policy>/``; empty under policy none."""
    policy = known.folder.name
    stage = run.directory.stage(f"earlier_films/{policy}", run.key("earlier films", known.key))
    with run.watch.stage(f"earlier films ({policy})") as progress:
        return each_shard(run, stage, run.shards(people.samples), partial(_film_shard, known), progress)


def _film_shard(known: Stage, _: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    times = dict(samples.select("sample_id", "prediction_time").iter_rows())
    return with_ids(
        list(times), {"earlier_films": earlier_films(film_labels(Known.read(known.shard(index)).events), times)}
    )


def store_concepts(run: Run, people: People, evidence: Stage, task: Task) -> Stage:
    """Write the concepts block of a task's evidence to ``concepts/<task>/``."""
    stage = run.task_stage("concepts", task, run.key("concepts", evidence.key))
    work = partial(_concept_shard, task, evidence)
    with run.watch.stage(f"concepts: {task.title}") as progress:
        return each_shard(run, stage, run.shards(people.samples), work, progress)


def _concept_shard(task: Task, evidence: Stage, _: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    times = dict(samples.select("sample_id", "prediction_time").iter_rows())
    found = from_frame(pl.read_parquet(evidence.shard(index)), Evidence)
    ids = sorted({item.sample_id for item in found})
    rows = [
        concept_features(
            task,
            [scored.chunk for item in found if item.sample_id == sample_id for scored in item.chunks],
            times[sample_id],
        )
        for sample_id in ids
    ]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(concept_columns(task), pl.Float64()), orient="row")
    return with_ids(ids, {"concepts": frame})


def store_images(run: Run, people: People, known: Stage) -> Stage | None:
    """Write the index images, small, and their studies' CheXpert labels, to ``images/``; None where there are none.

    The labels are for fitting the image reader on training rows; they are never an input.
    """
    if people.samples["index_image_id"].null_count() == people.samples.height:
        return None
    stage = run.directory.stage("images", run.key("images", people.key))
    labels = _image_labels(run, people)
    with run.watch.stage("images") as progress:
        return each_shard(run, stage, run.shards(people.samples), partial(_image_shard, known, labels), progress)


def _image_shard(known: Stage, labels: pl.DataFrame, run: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    paths = index_paths(Known.read(known.shard(index)).events, samples)
    rows = [pixels_of(run, paths.get(sample_id)) for sample_id in samples["sample_id"]]
    return (
        samples.select("sample_id")
        .with_columns(pl.Series("pixels", rows, pl.Binary()))
        .join(labels, on="sample_id", how="left")
    )


def index_paths(seen: pl.DataFrame, samples: pl.DataFrame) -> dict[str, str]:
    """Return sample_id -> path of its index image: a source key may recur in other subjects and studies."""
    asked = samples.select("sample_id", source="index_image_id", study_id="index_study_id", time="prediction_time")
    mine = seen.filter(code_is(IMAGE) & pl.col("image_path").is_not_null()).join(asked, on=asked.columns, how="semi")
    frontal_first = mine.sort(~pl.col("title").is_in(FRONTAL), "image_path", nulls_last=True)
    one_each = frontal_first.unique("sample_id", keep="first", maintain_order=True)
    return dict(one_each.select("sample_id", "image_path").iter_rows())


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


def with_ids(ids: Sequence[str], blocks: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return sample_id and the columns of all blocks as ``assemble`` reads them, their rows in the order of ``ids``."""
    named = [
        frame.rename({name: f"{block}{SEPARATOR}{name}" for name in frame.columns}).cast(pl.Float32)
        for block, frame in blocks.items()
    ]
    return pl.concat(
        [pl.DataFrame({"sample_id": list(ids)}, schema={"sample_id": pl.String()}), *named], how="horizontal"
    )


def assemble(sample_ids: Sequence[str], stages: Sequence[Stage], summaries: Stage | None) -> Features:
    """Join the numeric stages, and the summaries' texts where there are some, for the given samples."""
    frame = pl.DataFrame({"sample_id": list(sample_ids)}, schema={"sample_id": pl.String()})
    for stage in stages:
        frame = frame.join(stage.frame(), on="sample_id", how="left")
    names = frame.columns[1:]
    texts: dict[str, tuple[str, ...]] = {}
    if summaries is not None:
        written = from_frame(summaries.frame(), Summary)
        by_place = {(summary.sample_id, summary.modality): summary.text for summary in written}
        texts = {
            modality: tuple(by_place.get((sample_id, modality), "") for sample_id in sample_ids)
            for modality in ("notes", "cxr")
        }
    values = frame.select(names).fill_null(float("nan")).to_numpy().astype(np.float32)
    return Features(
        sample_ids=tuple(sample_ids),
        texts=texts,
        values=values,
        names=tuple(name.split(SEPARATOR, 1)[1] for name in names),
        blocks=_ranges([name.split(SEPARATOR, 1)[0] for name in names]),
    )


def _ranges(blocks: Sequence[str]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for place, block in enumerate(blocks):
        found[block] = (found[block][0] if block in found else place, place + 1)
    return found


def with_block(features: Features, block: str, names: Sequence[str], values: NDArray[np.float32]) -> Features:
    """Return the features with one more numeric block at the end."""
    start = features.values.shape[1]
    return Features(
        sample_ids=features.sample_ids,
        texts=features.texts,
        values=np.hstack([features.values, values.astype(np.float32)]),
        names=(*features.names, *names),
        blocks={**features.blocks, block: (start, start + values.shape[1])},
    )
