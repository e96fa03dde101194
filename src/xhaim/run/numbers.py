"""Stages: the numeric blocks of every sample. Images are in ``image_numbers``, HAIM's own in ``haim_numbers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.modality.concepts import concept_columns, concept_features
from xhaim.modality.earlier_films import earlier_films, film_labels
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
    return number_rows(Known.read(known.shard(index)), samples["sample_id"].to_list())


def number_rows(known: Known, ids: Sequence[str]) -> pl.DataFrame:
    """Return the tabular and time-series blocks of samples."""
    _, series = wide(statistics(known.values), ids, catalogue())
    return with_ids(ids, {"tabular": tabular(known.facts, ids), "time_series": series})


def store_films(run: Run, people: People, known: Stage) -> Stage:
    """Write the block of the labels of earlier chest films to ``earlier_films/<policy>/``; empty under policy none."""
    policy = known.folder.name
    stage = run.directory.stage(f"earlier_films/{policy}", run.key("earlier films", known.key))
    with run.watch.stage(f"earlier films ({policy})") as progress:
        return each_shard(run, stage, run.shards(people.samples), partial(_film_shard, known), progress)


def _film_shard(known: Stage, _: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    times = dict(samples.select("sample_id", "prediction_time").iter_rows())
    return film_rows(Known.read(known.shard(index)), times)


def film_rows(known: Known, times: Mapping[str, datetime]) -> pl.DataFrame:
    """Return the block of the labels of earlier films, of samples with their prediction times."""
    return with_ids(list(times), {"earlier_films": earlier_films(film_labels(known.events), times)})


def store_concepts(run: Run, people: People, evidence: Stage, task: Task) -> Stage:
    """Write the concepts block of a task's evidence to ``concepts/<task>/``."""
    stage = run.task_stage("concepts", task, run.key("concepts", evidence.key))
    work = partial(_concept_shard, task, evidence)
    with run.watch.stage(f"concepts: {task.title}") as progress:
        return each_shard(run, stage, run.shards(people.samples), work, progress)


def _concept_shard(task: Task, evidence: Stage, _: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    times = dict(samples.select("sample_id", "prediction_time").iter_rows())
    return concept_rows(task, from_frame(pl.read_parquet(evidence.shard(index)), Evidence), times)


def concept_rows(task: Task, found: Sequence[Evidence], times: Mapping[str, datetime]) -> pl.DataFrame:
    """Return the concepts block of the samples whose evidence this is, with their prediction times."""
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
    written = None if summaries is None else from_frame(summaries.frame(), Summary)
    return joined(sample_ids, [stage.frame() for stage in stages], written)


def joined(sample_ids: Sequence[str], frames: Sequence[pl.DataFrame], written: Sequence[Summary] | None) -> Features:
    """Join numeric blocks, each as ``with_ids`` names it, and the summaries' texts where there are some."""
    frame = pl.DataFrame({"sample_id": list(sample_ids)}, schema={"sample_id": pl.String()})
    for part in frames:
        frame = frame.join(part, on="sample_id", how="left", maintain_order="left")
    names = frame.columns[1:]
    texts: dict[str, tuple[str, ...]] = {}
    if written is not None:
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
