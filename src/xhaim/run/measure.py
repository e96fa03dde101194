"""The risk of one sample with some of its evidence taken out: what makes a citation measured.

Taking a chunk out removes its sentences from the summary and its words from the concepts; where it speaks of the task's
concepts, the labels of its report's film go too, for they were read off the same words. Taking a measurement out
recomputes its signal's statistics; taking an image out empties its block. Then the encoder, the fusion model and the
calibrator run again, all variants in one batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.explain.facts import Removal, RiskWithout
from xhaim.modality.concepts import concept_features
from xhaim.modality.earlier_films import earlier_films, film_labels, without_studies
from xhaim.modality.time_series import STATISTICS, statistics, wide
from xhaim.records import Evidence, Features, Modality, Sample, Summary
from xhaim.signals import catalogue
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.model import Model
    from xhaim.run.known import Known


def measured(
    task: Task,
    sample: Sample,
    model: Model,
    row: Features,
    known: Known,
    evidence: Mapping[Modality, Evidence],
    summaries: Mapping[Modality, Summary],
) -> RiskWithout:
    """Return a function from removals to calibrated risks, for one sample whose features are ``row`` (n = 1).

    ``known`` is what was known of that sample.
    """
    labels, reports = film_labels(known.events), _reports(sample, known, evidence)
    series = Series(known.measurements)

    def risk_without(removals: Sequence[Removal]) -> Sequence[float]:
        if not removals:
            return []
        texts = {name: tuple(_text(summaries.get(name), removal) for removal in removals) for name in ("notes", "cxr")}
        values = np.repeat(row.values, len(removals), axis=0)
        _set(values, row, "time_series", series.without(removals))
        for i, removal in enumerate(removals):
            if removal.chunk_ids:
                _set(values[i : i + 1], row, "concepts", _concepts(task, sample, evidence, removal))
            if gone := {reports[one] for one in removal.chunk_ids if one in reports} | removal.study_ids:
                left = earlier_films(without_studies(labels, gone), {sample.sample_id: sample.prediction_time})
                _set(values[i : i + 1], row, "earlier_films", _as_floats(left))
            for block, out in (("image", removal.image), ("earlier_image", removal.earlier_image)):
                if out and block in row.blocks:
                    start, end = row.blocks[block]
                    values[i, start:end] = np.nan
        variants = replace(
            row, sample_ids=tuple(f"{sample.sample_id}~{i}" for i in range(len(removals))), texts=texts, values=values
        )
        return [float(risk) for risk in model.predict(variants).risk]

    return risk_without


def _set(values: NDArray[np.float32], row: Features, block: str, new: NDArray[np.float32]) -> None:
    start, end = row.blocks[block]
    values[:, start:end] = new


def _text(summary: Summary | None, removal: Removal) -> str:
    """The summary without the sentences that rest on removed chunks.

    A sentence that another chunk of the same document repeats (chunks overlap by a sentence) goes too; one that
    another document says as well stays.
    """
    if summary is None:
        return ""
    gone = {_document(chunk_id) for chunk_id in removal.chunk_ids}
    kept = tuple(
        sentence
        for sentence in summary.sentences
        if not set(sentence.chunk_ids) & removal.chunk_ids
        or any(_document(chunk_id) not in gone for chunk_id in sentence.chunk_ids)
    )
    return replace(summary, sentences=kept).text


def _document(chunk_id: str) -> str:
    return chunk_id.rsplit(":", 1)[0]


class Series:
    """The time-series block of one sample, and of it without some of its measurements."""

    def __init__(self, measurements: pl.DataFrame) -> None:
        """``measurements``: MEASUREMENT_SCHEMA, of one sample."""
        self._measurements = measurements
        self._signal = dict(measurements.select("measurement_id", "signal").iter_rows())

    @cached_property
    def _whole(self) -> NDArray[np.float32]:
        """[1, d]."""
        one = self._measurements.with_columns(sample_id=pl.lit("0"))
        return _as_floats(wide(statistics(one), ["0"], catalogue())[1])

    def without(self, removals: Sequence[Removal]) -> NDArray[np.float32]:
        """Return [n, d], a row for each removal: only signals that lose a measurement are computed again."""
        rows = np.repeat(self._whole, len(removals), axis=0)
        start = {signal: n * len(STATISTICS) for n, signal in enumerate(catalogue())}
        frames = [self._measurements.clear()]
        for n, removal in enumerate(removals):
            signals = {self._signal[one] for one in removal.measurement_ids if one in self._signal}
            for signal in signals:
                rows[n, start[signal] : start[signal] + len(STATISTICS)] = np.nan
            if signals:
                gone = pl.col("measurement_id").is_in(sorted(removal.measurement_ids))
                left = self._measurements.filter(pl.col("signal").is_in(sorted(signals)) & ~gone)
                frames.append(left.with_columns(sample_id=pl.lit(str(n))))
        found = statistics(pl.concat(frames))
        new = _as_floats(found.select(STATISTICS))
        for one, (n, signal) in zip(new, found.select("sample_id", "signal").iter_rows(), strict=True):
            rows[int(n), start[signal] : start[signal] + len(STATISTICS)] = one
        return rows


def _as_floats(frame: pl.DataFrame) -> NDArray[np.float32]:
    return frame.cast(pl.Float32).fill_null(float("nan")).to_numpy()


def _reports(sample: Sample, known: Known, evidence: Mapping[Modality, Evidence]) -> dict[str, int]:
    """Return chunk id -> the study of its report, for the chunks that speak of the task's concepts."""
    studies = {one.doc_id: one.study_id for one in known.documents.get(sample.sample_id, ())}
    speaking = [
        chunk_id
        for item in evidence.values()
        for scored in item.chunks
        if scored.polarity is not None
        for chunk_id in (scored.chunk.chunk_id, *scored.also_in)
    ]
    found = ((one, studies.get(_document(one))) for one in speaking)
    return {chunk_id: study for chunk_id, study in found if study is not None}


def _concepts(
    task: Task, sample: Sample, evidence: Mapping[Modality, Evidence], removal: Removal
) -> NDArray[np.float32]:
    chunks = [scored.chunk for item in evidence.values() for scored in item.chunks]
    left = [chunk for chunk in chunks if chunk.chunk_id not in removal.chunk_ids]
    gone = [chunk for chunk in chunks if chunk.chunk_id in removal.chunk_ids]
    return np.array([concept_features(task, left, sample.prediction_time, without=gone)], np.float32)
