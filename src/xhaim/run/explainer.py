"""Step 4 for one sample: its evidence, its model, what is measured of it, and the explanation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from xhaim.errors import DataError
from xhaim.explain.compose import observe
from xhaim.explain.facts import Ranking
from xhaim.records import Evidence, Explanation, Features, Modality, Record, Sample, Summary
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.learned_from import of_sample
from xhaim.run.medicine import Library
from xhaim.run.model_facts import ranking
from xhaim.run.models import Inputs, features_of
from xhaim.run.parquet_records import from_frame
from xhaim.run.people import People, SplitRows, split_rows
from xhaim.run.prepared import Prepared
from xhaim.run.vectors import Vectors
from xhaim.source.store import Store
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.model import Model

T = TypeVar("T")


@dataclass(frozen=True)
class Explainer:
    """Everything that explaining a task's samples reads; the model is loaded when first needed."""

    run: Run
    people: People
    inputs: Inputs
    evidence: Stage
    predictions: Stage
    task: Task
    library: Library
    """What medicine says of the task's question."""
    split: int

    @cached_property
    def rows(self) -> SplitRows:
        """The labelled samples of the split."""
        return split_rows(self.people, self.task, self.split)

    @cached_property
    def features(self) -> Features:
        """Features of the labelled samples, with the image as this split's reader reads it."""
        return features_of(self.run, self.inputs, self.rows, self.predictions.path(f"split-{self.split}"))

    @cached_property
    def model(self) -> Model:
        """XHAIM's fitted model of the split."""
        from xhaim.predict.model import Model

        return Model.load(self.predictions.path(f"split-{self.split}") / "xhaim")

    @cached_property
    def tested(self) -> Ranking:
        """How the split's model ranked its test part."""
        return ranking(self.predictions.path(f"split-{self.split}.parquet"), self.task.id)

    def explain(self, sample: Sample) -> Explanation:
        """Explain one labelled sample; without a model what its record holds is told."""
        if not self.rows.too_few:
            return self.prepared(sample).explained()
        known, evidence, summaries = self._read(sample)
        record = known.record(sample)
        return observe(
            record, self.task, evidence, summaries, f"there are {self.rows.too_few}", self.run.settings.explain,
            report_policy=self.run.policy(self.task), medicine=self.library.of(record, evidence),
            simulated=self.run.store.simulated,
        )  # fmt: skip

    def prepared(self, sample: Sample, vectors: Vectors | None = None) -> Prepared:
        """Return what the model reads of one labelled sample.

        ``vectors``: embeddings that are at hand. Raises DataError where no model was fitted.
        """
        if why := self.rows.too_few:
            raise DataError(f"no model was fitted, since there are {why}")
        known, evidence, summaries = self._read(sample)
        return Prepared(
            self.run, self.task, sample, self, one_row(self.features, sample.sample_id), known, evidence, summaries,
            vectors or Vectors(self.run.settings.retrieve.encoder), self.run.store.simulated,
        )  # fmt: skip

    def limits(self, _: Store, sample: Sample) -> tuple[str, ...]:
        """Return what else limits the prediction of a sample: that the model may have learned from it."""
        return of_sample(self.people, self.task, sample.sample_id, self.split)

    @staticmethod
    def sample(row: dict[str, Any]) -> Sample:
        """Return the record of a row of the sample frame."""
        return Sample(**row)

    def record(self, sample: Sample) -> Record:
        """Return what was known of a sample."""
        return Known.read(self.inputs.known.path(self._shard(sample)), [sample.sample_id]).record(sample)

    def summaries(self, sample: Sample) -> list[Summary]:
        """Return the summaries of a sample."""
        return self._of(self.inputs.summaries, self._shard(sample), sample, Summary)

    def _read(self, sample: Sample) -> tuple[Known, dict[Modality, Evidence], dict[Modality, Summary]]:
        shard = self._shard(sample)
        known = Known.read(self.inputs.known.path(shard), [sample.sample_id])
        evidence = {item.modality: item for item in self._of(self.evidence, shard, sample, Evidence)}
        summaries = {item.modality: item for item in self._of(self.inputs.summaries, shard, sample, Summary)}
        return known, evidence, summaries

    def _shard(self, sample: Sample) -> str:
        return f"{self.run.shard_of(self.people.samples, sample.sample_id):05d}.parquet"

    @staticmethod
    def _of(stage: Stage, shard: str, sample: Sample, kind: type[T]) -> list[T]:
        frame = pl.read_parquet(stage.path(shard)).filter(pl.col("sample_id") == sample.sample_id)
        return from_frame(frame, kind)


def one_row(features: Features, sample_id: str) -> Features:
    """Return one sample's features."""
    place = features.sample_ids.index(sample_id)
    return replace(
        features,
        sample_ids=(sample_id,),
        texts={name: (texts[place],) for name, texts in features.texts.items()},
        values=features.values[place : place + 1],
    )
