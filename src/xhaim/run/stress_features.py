"""The features of a split's test samples, made again from perturbed records by the steps' own functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import polars as pl

from xhaim.config import LanguageModelSettings
from xhaim.modality.concepts import concept_features
from xhaim.predict.columns import take
from xhaim.records import MODALITIES, Features
from xhaim.retrieve.hybrid import retrieve
from xhaim.run.context import Run
from xhaim.run.explainer import Explainer
from xhaim.run.known import Known
from xhaim.run.set_aside import SetAside
from xhaim.run.stress_blocks import emptied, series, swapped, with_columns
from xhaim.run.stress_documents import nothing
from xhaim.run.stress_facts import Edit
from xhaim.run.stress_plan import Perturbation
from xhaim.run.stress_values import Measured, ValueEdit, spread_of
from xhaim.run.vectors import Vectors, chunks_of
from xhaim.run.words import summary_writer

COUNTS = {"sample_id": pl.String(), "made": pl.Int64(), "undone": pl.Int64(), "beside": pl.Int64()}


@dataclass(frozen=True, slots=True)
class Perturbed:
    """Features after a perturbation."""

    features: Features
    """Of the samples that could be handled."""
    counts: pl.DataFrame
    """COUNTS; a sample that is not in it had nothing to perturb."""
    failed: Mapping[str, str]
    """sample_id -> where in the code a step failed on what was made of its record."""


@dataclass(frozen=True)
class Case:
    """One split of one task: its test samples, and what is known of them."""

    run: Run
    explainer: Explainer
    """Of the split."""
    chosen: tuple[str, ...]
    """Test samples whose notes are perturbed."""

    @cached_property
    def test(self) -> Features:
        """Features of the split's test samples as the run made them."""
        return take(self.explainer.features, self.explainer.rows.test)

    @cached_property
    def chosen_again(self) -> Features:
        """Features of the chosen samples with which perturbed notes are compared.

        As the run made them; where a language model wrote its summaries, with extractive ones, as the perturbed have.
        """
        mine = self.of(self.chosen)
        if self.run.settings.llm.url is None:
            return mine
        return self._with_notes(mine, nothing).features

    def of(self, sample_ids: Sequence[str]) -> Features:
        """Return the features of some test samples."""
        place = {sample_id: row for row, sample_id in enumerate(self.test.sample_ids)}
        return take(self.test, np.array([place[sample_id] for sample_id in sample_ids], dtype=np.int64))

    def before(self, perturbation: Perturbation) -> Features:
        """Return the features that a perturbation's are compared with."""
        if perturbation.id == "again":
            return self.of(self.chosen)
        return self.chosen_again if perturbation.bounded else self.test

    def perturb(self, perturbation: Perturbation) -> Perturbed:
        """Return the features after a perturbation, in the order of ``before`` less those that failed."""
        if perturbation.notes is not None:
            return self._with_notes(self.of(self.chosen), perturbation.notes)
        if perturbation.values is not None:
            return self._with_values(self.test, perturbation.values)
        features = self.test
        for block in perturbation.empties:
            features = emptied(features, block, self.explainer.task, self.times)
        for block in perturbation.swaps:
            features = swapped(features, block, self.subjects)
        return Perturbed(features, pl.DataFrame(schema=COUNTS), {})

    def _with_values(self, features: Features, edit: ValueEdit) -> Perturbed:
        values, spread = self._values
        measured: Measured = edit(values, spread)
        return Perturbed(with_columns(features, "time_series", series(measured.values, features)), measured.counts, {})

    def _with_notes(self, features: Features, edit: Edit) -> Perturbed:
        task, aside = self.explainer.task, SetAside()
        alone = self.run.settings.model_copy(update={"llm": LanguageModelSettings()})
        write = summary_writer(replace(self.run, settings=alone), task, self.subjects)
        texts: dict[tuple[str, str], str] = {}
        concepts: dict[str, list[float]] = {}
        counts: list[tuple[str, int, int, int]] = []
        for index, known in self.shards(features.sample_ids):
            self._vectors_of(index)
            for sample_id in sorted(set(features.sample_ids) & self._in_shard[index]):
                with aside.trying(sample_id):
                    edited = edit(known.documents.get(sample_id, ()), task, self.times[sample_id])
                    chunks = chunks_of(self.run, edited.documents)
                    found = [
                        retrieve(sample_id, task, modality, chunks[modality], self._vectors, self.run.settings.retrieve)
                        for modality in MODALITIES
                    ]
                    texts |= {(sample_id, item.modality): write(item)[0].text for item in found}
                    shown = [scored.chunk for item in found for scored in item.chunks]
                    concepts[sample_id] = concept_features(task, shown, self.times[sample_id])
                    counts.append((sample_id, edited.made, edited.undone, 0))
        left = [row for row, sample_id in enumerate(features.sample_ids) if sample_id not in aside.reasons]
        features = take(features, np.array(left, dtype=np.int64))
        rows = np.array([concepts[sample_id] for sample_id in features.sample_ids], np.float32)
        features = replace(
            features,
            texts={
                modality: tuple(texts[sample_id, modality] for sample_id in features.sample_ids)
                for modality in features.texts
            },
        )
        if left:
            features = with_columns(features, "concepts", rows)
        return Perturbed(features, pl.DataFrame(counts, schema=COUNTS, orient="row"), aside.reasons)

    @cached_property
    def times(self) -> dict[str, datetime]:
        """sample_id -> prediction time."""
        return dict(self.explainer.people.samples.select("sample_id", "prediction_time").iter_rows())

    @cached_property
    def subjects(self) -> dict[str, int]:
        """sample_id -> subject, or person where the store knows persons."""
        rows = self.explainer.rows
        return dict(zip(rows.ids, rows.subjects.tolist(), strict=True))

    @cached_property
    def _in_shard(self) -> dict[int, set[str]]:
        shards = self.run.shards(self.explainer.people.samples)
        return {index: set(samples["sample_id"].to_list()) for index, samples in shards}

    def shards(self, sample_ids: Sequence[str]) -> Iterator[tuple[int, Known]]:
        """Yield what was known of some samples, shard by shard."""
        wanted = set(sample_ids)
        for index, mine in self._in_shard.items():
            if wanted & mine:
                yield index, Known.read(self.explainer.inputs.known.shard(index), sorted(wanted & mine))

    @cached_property
    def _values(self) -> tuple[pl.DataFrame, dict[str, float]]:
        """Values of the test samples, and the spread of each signal among those of the training samples."""
        rows = self.explainer.rows
        train = [rows.ids[row] for row in rows.train]
        test, learnt = [], []
        for _, known in self.shards([*train, *self.test.sample_ids]):
            test.append(known.values.filter(pl.col("sample_id").is_in(list(self.test.sample_ids))))
            learnt.append(known.values.filter(pl.col("sample_id").is_in(train)).select("signal", "value"))
        return pl.concat(test), spread_of(pl.concat(learnt))

    @cached_property
    def _vectors(self) -> Vectors:
        return Vectors(self.run.settings.retrieve.encoder)

    def _vectors_of(self, index: int) -> None:
        """Take the vectors of a shard's own texts, so that only perturbed ones are computed."""
        path = self.run.directory.root / "embeddings" / f"{index:05d}.parquet"
        if path.exists():
            self._vectors.load(path)
