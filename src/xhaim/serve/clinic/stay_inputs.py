"""The model's input at times of a stay, of what was known by then; and the inputs between two times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.modality.concepts import concept_features
from xhaim.modality.earlier_films import earlier_films, film_labels
from xhaim.modality.tabular import tabular
from xhaim.modality.time_series import statistics, wide
from xhaim.records import MODALITIES, Chunk, Document, Features, Sample
from xhaim.retrieve.hybrid import retrieve
from xhaim.run.image_numbers import earlier_paths
from xhaim.run.known import Known
from xhaim.run.prepared import Prepared
from xhaim.run.vectors import chunks_of
from xhaim.run.words import summary_writer
from xhaim.signals import catalogue


@dataclass(frozen=True, slots=True)
class State:
    """The model's input at one time."""

    values: NDArray[np.float32]
    texts: dict[str, str]


def before_time(events: pl.DataFrame, sample: Sample, time: datetime) -> pl.DataFrame:
    """Return what was known before a time; at the sample's own time all of it, as it stands."""
    if time == sample.prediction_time:
        return events
    known = (pl.col("known_at").is_null() & pl.col("time").is_null()) | (
        (pl.col("known_at") < time) & (pl.col("time").is_null() | (pl.col("time") < time))
    )
    return events.filter(known).with_columns(pl.lit(time, pl.Datetime("us")).alias("prediction_time"))


def states_of(mine: Prepared, frames: dict[datetime, pl.DataFrame]) -> list[State]:
    """Return the input at each time; ``frames``: what was known by then."""
    sample, row = mine.sample, mine.row
    names = [f"{n:03d}" for n in range(len(frames))]
    together = pl.concat(
        [
            frame.with_columns(pl.lit(name).alias("sample_id"))
            for name, frame in zip(names, frames.values(), strict=True)
        ]
    )
    known, times = Known(together), dict(zip(names, frames, strict=True))
    blocks = {
        "tabular": tabular(known.facts, names),
        "time_series": wide(statistics(known.values), names, catalogue())[1],
        "earlier_films": earlier_films(film_labels(together), times),
    }
    read = _Words(mine)
    states = []
    for n, (name, time) in enumerate(times.items()):
        values = row.values[0].copy()
        for block, frame in blocks.items():
            start, end = row.blocks[block]
            values[start:end] = frame.cast(pl.Float32).fill_null(float("nan")).to_numpy()[n]
        texts, concepts = read.at(known.documents.get(name, ()), time)
        start, end = row.blocks["concepts"]
        values[start:end] = np.array(concepts, np.float32)
        _images(values, row, sample, frames[time], time, frames[sample.prediction_time])
        states.append(State(values, texts))
    return states


class _Words:
    """Steps 1 and 2 of one sample, once for each set of documents."""

    def __init__(self, mine: Prepared) -> None:
        self._mine = mine
        self._write = summary_writer(mine.run, mine.task, {mine.sample.sample_id: mine.sample.subject_id})
        self._found: dict[tuple[str, ...], tuple[dict[str, str], list[Chunk]]] = {}

    def at(self, documents: Sequence[Document], time: datetime) -> tuple[dict[str, str], list[float]]:
        """Return the summaries' texts by modality, and the concepts as they stand at a time."""
        key = tuple(one.doc_id for one in documents)
        if key not in self._found:
            mine, settings = self._mine, self._mine.run.settings.retrieve
            name, chunks = mine.sample.sample_id, chunks_of(mine.run, documents)
            evidence = [retrieve(name, mine.task, one, chunks[one], mine.vectors, settings) for one in MODALITIES]
            texts: dict[str, str] = {one.modality: self._write(one)[0].text for one in evidence}
            self._found[key] = texts, [scored.chunk for one in evidence for scored in one.chunks]
        texts, retrieved = self._found[key]
        return texts, concept_features(self._mine.task, retrieved, time)


def _images(
    values: NDArray[np.float32], row: Features, sample: Sample, frame: pl.DataFrame, time: datetime, whole: pl.DataFrame
) -> None:
    """Leave the index image's reading only at its own time; of the earlier image's, once that image was there."""
    if time == sample.prediction_time:
        return
    if "image" in row.blocks:
        start, end = row.blocks["image"]
        values[start:end] = np.nan
    if "earlier_image" in row.blocks:
        start, end = row.blocks["earlier_image"]
        here, final = (_newest(one, sample, at) for one, at in ((frame, time), (whole, sample.prediction_time)))
        if here is None or final is None or here[0] != final[0]:
            values[start:end] = np.nan
        else:
            values[row.names.index("earlier film, hours since")] = here[1]


def _newest(frame: pl.DataFrame, sample: Sample, time: datetime) -> tuple[str, float] | None:
    asked = pl.DataFrame(
        {"sample_id": [sample.sample_id], "index_study_id": [sample.index_study_id], "prediction_time": [time]},
        schema={"sample_id": pl.String(), "index_study_id": pl.Int64(), "prediction_time": pl.Datetime("us")},
    )
    return earlier_paths(frame, asked).get(sample.sample_id)


def variants_of(states: Sequence[State], row: Features) -> tuple[list[NDArray[np.float32]], dict[str, tuple[str, ...]]]:
    """Return the inputs to ask, in order: the first state, then of each step its three groups one after the other."""
    words = [row.blocks[name] for name in ("concepts", "earlier_films")]
    films = [row.blocks[name] for name in ("image", "earlier_image") if name in row.blocks]
    mixed, texts = [states[0].values], [states[0].texts]
    for before, now in pairwise(states):
        numbers = now.values.copy()
        for start, end in (*words, *films):
            numbers[start:end] = before.values[start:end]
        said = now.values.copy()
        for start, end in films:
            said[start:end] = before.values[start:end]
        mixed += [numbers, said, now.values]
        texts += [before.texts, now.texts, now.texts]
    return mixed, {name: tuple(one.get(name, "") for one in texts) for name in row.texts}
