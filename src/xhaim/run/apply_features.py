"""The features of one patient's record, as the stages of a run make them of many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.cohort.samples import as_samples
from xhaim.llm.pictures import ImagesRefusedError
from xhaim.llm.privacy import images_stay, is_trusted
from xhaim.modality.pixels import SIDE
from xhaim.records import Evidence, Features, Modality, Sample, Summary
from xhaim.run.context import Run
from xhaim.run.image_numbers import earlier_paths, index_paths, pixels_of
from xhaim.run.image_readings import reading_rows, with_readings
from xhaim.run.image_words import IMAGE_WORDS_SCHEMA, beside, describe_one, seeing
from xhaim.run.known import Known
from xhaim.run.numbers import concept_rows, film_rows, joined, number_rows
from xhaim.summarize.sight import BlindModelError
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.image_reader import ImageReader


def features_of_one(
    run: Run,
    task: Task,
    rows: pl.DataFrame,
    known: Known,
    evidence: Mapping[Modality, Evidence],
    summaries: Mapping[Modality, Summary],
    blocks: Mapping[str, tuple[int, int]],
    reader: ImageReader | None,
) -> Features:
    """Return the features of one sample, n = 1. ``rows``: it, of SAMPLE_SCHEMA; ``blocks``: those of the model."""
    ids = rows["sample_id"].to_list()
    times = dict(rows.select("sample_id", "prediction_time").iter_rows())
    frames = [number_rows(known, ids), concept_rows(task, list(evidence.values()), times), film_rows(known, times)]
    features = joined(ids, frames, list(summaries.values()))
    return features if reader is None else with_readings(features, _read(run, rows, known, blocks, reader))


def _read(
    run: Run, rows: pl.DataFrame, known: Known, blocks: Mapping[str, tuple[int, int]], reader: ImageReader
) -> pl.DataFrame:
    """Return what the image reader sees on the index image and on the newest one before it."""
    (sample,) = as_samples(rows)
    path = index_paths(known.events, rows).get(sample.sample_id)
    earlier, hours = earlier_paths(known.events, rows).get(sample.sample_id, (None, np.nan))
    before = _logits(reader, pixels_of(run, earlier)) if "earlier_image" in blocks else None
    ago = np.array([hours], np.float32)
    return reading_rows([sample.sample_id], _logits(reader, pixels_of(run, path)), before, ago)


def _logits(reader: ImageReader, pixels: bytes | None) -> NDArray[np.float32]:
    """Return [1, 14]: NaN without an image, or where it is blank."""
    image = np.frombuffer(bytearray(pixels or bytes(SIDE * SIDE)), np.uint8).reshape(1, SIDE, SIDE)  # writable
    return reader.read(image) if image.any() else np.full((1, 14), np.nan, np.float32)


def with_described_image(run: Run, sample: Sample, known: Known) -> Known:
    """Return what was known with the vision model's description of the image beside it; without a model as it is.

    A server that refuses images, or whose model does not see them, is noted. Raises PrivacyError where its host is not
    trusted.
    """
    settings = run.settings.llm.for_images()
    if settings is None or settings.url is None:
        return known
    if not is_trusted(settings.url, settings):
        raise images_stay()
    eyes = replace(run, settings=run.settings.model_copy(update={"llm": settings}))
    try:
        row = describe_one(run, seeing(eyes), (sample, known.images.get(sample.sample_id, ())))
    except (ImagesRefusedError, BlindModelError) as error:
        run.watch.note(f"no image descriptions: {error.what}; {error.do}")
        return known
    return Known(beside(known.events, pl.DataFrame([row], schema=IMAGE_WORDS_SCHEMA, orient="row")))
