"""Step 4 for one sample: its evidence, its model, what is measured of it, and the explanation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from xhaim.errors import BackendError
from xhaim.explain.compose import explain, observe
from xhaim.explain.facts import ModelFacts, Ranking, RiskWithout
from xhaim.explain.phrase import phrase
from xhaim.records import Evidence, Explanation, Features, Modality, Record, Sample, Summary
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.measure import measured
from xhaim.run.medicine import Library
from xhaim.run.model_facts import model_facts, ranking
from xhaim.run.models import Inputs, features_of
from xhaim.run.parquet_records import from_frame
from xhaim.run.people import People, SplitRows, split_rows
from xhaim.run.words import entailment_model, language_model
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.model import Model

T = TypeVar("T")
NAMED_COLUMNS = 6
"""Columns that an explanation names."""


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
        """Explain one labelled sample."""
        known, evidence, summaries = self._read(sample)
        record = known.record(sample)
        medicine = self.library.of(record, evidence)
        settings, policy, simulated = self.run.settings.explain, self.run.policy(self.task), self.run.store.simulated
        if self.rows.too_few:
            reason = f"there are {self.rows.too_few}"
            return observe(
                record, self.task, evidence, summaries, reason, settings,
                report_policy=policy, medicine=medicine, simulated=simulated,
            )  # fmt: skip
        facts, risk_without = self._model(sample, known, evidence, summaries)
        composed = explain(
            record, self.task, evidence, summaries, facts, risk_without, settings,
            report_policy=policy, medicine=medicine, simulated=simulated,
        )  # fmt: skip
        return phrased(self.run, self.task, composed, record)

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

    def measuring(self, sample: Sample) -> tuple[ModelFacts, RiskWithout, dict[Modality, Evidence]]:
        """Return the model's facts about a sample, the function that measures its evidence, and the evidence.

        For samples of a task of which a model was fitted.
        """
        known, evidence, summaries = self._read(sample)
        return *self._model(sample, known, evidence, summaries), evidence

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

    def _model(
        self, sample: Sample, known: Known, evidence: dict[Modality, Evidence], summaries: dict[Modality, Summary]
    ) -> tuple[ModelFacts, RiskWithout]:
        """Return the model's facts about the sample, and the function that measures."""
        model = self.model
        row = one_row(self.features, sample.sample_id)
        facts = model_facts(self.task, sample, model, row, model.predict(row), known, self.tested)
        return facts, measured(self.task, sample, model, row, known, evidence, summaries)


def phrased(run: Run, task: Task, composed: Explanation, record: Record) -> Explanation:
    """Let the configured model phrase an explanation; without one, or where it fails, the composed sentences stay."""
    model = language_model(run, record.sample.subject_id)
    if model is None:
        return composed
    try:
        follows = run.settings.entailment
        return phrase(composed, record, task, model, entailment_model(follows.path), follows.at_least)
    except BackendError as error:
        run.watch.note(f"{composed.sample_id}: composed explanation, since {error.what}")
        return composed


def one_row(features: Features, sample_id: str) -> Features:
    """Return one sample's features."""
    place = features.sample_ids.index(sample_id)
    return replace(
        features,
        sample_ids=(sample_id,),
        texts={name: (texts[place],) for name, texts in features.texts.items()},
        values=features.values[place : place + 1],
    )
