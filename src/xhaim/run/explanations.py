"""Stage: step 4. Explanations of test samples across the range of risks, and of any sample on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from xhaim.atomic import write_bytes
from xhaim.cohort.samples import as_samples
from xhaim.config import settings_hash
from xhaim.errors import BackendError, DataError
from xhaim.explain.compose import explain, observe
from xhaim.explain.facts import ModelFacts, RiskWithout
from xhaim.explain.phrase import phrase
from xhaim.explain.render import from_json, to_json
from xhaim.records import Evidence, Explanation, Features, Modality, Record, Sample, Summary
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.measure import measured
from xhaim.run.models import Inputs, features_of, model_stage
from xhaim.run.parallel import share
from xhaim.run.parquet_records import from_frame
from xhaim.run.people import People, SplitRows, split_rows
from xhaim.run.words import language_model
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.model import Model

T = TypeVar("T")

BATCHES = 4
"""Parts in which a task's explanations are shared among processes; each part loads the model once."""


@dataclass(frozen=True)
class Explainer:
    """Everything that explaining a task's samples reads; the model is loaded when first needed."""

    run: Run
    people: People
    inputs: Inputs
    evidence: Stage
    task: Task
    split: int

    @cached_property
    def rows(self) -> SplitRows:
        """The labelled samples of the split."""
        return split_rows(self.people, self.task, self.split)

    @cached_property
    def features(self) -> Features:
        """Features of the labelled samples, with the image as this split's reader reads it."""
        folder = model_stage(self.run, self.inputs, self.task).path(f"split-{self.split}")
        return features_of(self.run, self.inputs, self.rows, folder)

    @cached_property
    def model(self) -> Model:
        """XHAIM's fitted model of the split."""
        from xhaim.predict.model import Model

        folder = model_stage(self.run, self.inputs, self.task).path(f"split-{self.split}")
        return Model.load(folder / "xhaim")

    def explain(self, sample: Sample) -> Explanation:
        """Explain one labelled sample."""
        shard = self._shard(sample)
        known = Known.read(self.inputs.known.path(shard), [sample.sample_id])
        evidence = {item.modality: item for item in self._of(self.evidence, shard, sample, Evidence)}
        summaries = {item.modality: item for item in self._of(self.inputs.summaries, shard, sample, Summary)}
        record = known.record(sample)
        settings, policy, simulated = self.run.settings.explain, self.run.policy(self.task), self.run.store.simulated
        if self.rows.too_few:
            reason = f"there are {self.rows.too_few}"
            return observe(
                record, self.task, evidence, summaries, reason, settings, report_policy=policy, simulated=simulated
            )
        facts, risk_without = self._model(sample, known, evidence, summaries)
        composed = explain(
            record, self.task, evidence, summaries, facts, risk_without, settings,
            report_policy=policy, simulated=simulated,
        )  # fmt: skip
        return self._phrased(composed, record)

    def _phrased(self, composed: Explanation, record: Record) -> Explanation:
        """Let the configured model phrase it; without one, or where it fails, the composed sentences stay."""
        model = language_model(self.run, record.sample.subject_id)
        if model is None:
            return composed
        try:
            return phrase(composed, record, self.task, model)
        except BackendError as error:
            self.run.watch.note(f"{composed.sample_id}: composed explanation, since {error.what}")
            return composed

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
        risks = model.predict(row)
        values, _, blocks = model.contributions(row)
        facts = ModelFacts(
            base_rate=model.facts.base_rate,
            threshold=model.facts.operating_point.threshold,
            sensitivity=model.facts.operating_point.sensitivity,
            contributions={name: float(values[0, a:b].sum()) for name, (a, b) in blocks.items()},
            risk=float(risks.risk[0]),
            low=_number(risks.low[0]),
            high=_number(risks.high[0]),
            abstains=bool(risks.outcomes[0].all()),
            n_train=model.facts.n_train,
            n_validation=model.facts.n_validation,
            model_name="xhaim",
        )
        return facts, measured(self.task, sample, model, row, known.measurements, evidence, summaries)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def one_row(features: Features, sample_id: str) -> Features:
    """Return one sample's features."""
    place = features.sample_ids.index(sample_id)
    return replace(
        features,
        sample_ids=(sample_id,),
        texts={name: (texts[place],) for name, texts in features.texts.items()},
        values=features.values[place : place + 1],
    )


def explain_samples(
    run: Run, people: People, inputs: Inputs, evidence: Stage, predictions: Stage, task: Task
) -> tuple[Stage, Explainer]:
    """Step 4: explain test samples of the first split, spread evenly over the range of risks."""
    key = run.key(
        "explanations",
        predictions.key,
        evidence.key,
        settings_hash(task, run.settings.explain, run.settings.llm.decisive()),
    )
    stage = run.task_stage("explanations", task, key)
    explainer = Explainer(run, people, inputs, evidence, task, split=0)
    chosen = _spread(people, predictions, task, run.settings.explain.samples)
    todo = [sample for sample in chosen if not stage.path(f"{sample.sample_id}.json").exists()]
    batches = [todo[start::BATCHES] for start in range(min(BATCHES, len(todo)))]
    with run.watch.stage(f"4 explain: {task.title}") as progress:
        share(run, partial(_explain_batch, people, inputs, evidence, task, stage), batches, progress)
    return stage, explainer


def _explain_batch(
    people: People, inputs: Inputs, evidence: Stage, task: Task, stage: Stage, run: Run, samples: Sequence[Sample]
) -> Sequence[str]:
    explainer = Explainer(run, people, inputs, evidence, task, split=0)
    for sample in samples:
        write_bytes(stage.path(f"{sample.sample_id}.json"), to_json(explainer.explain(sample)).encode())
    return run.watch.notes


def _spread(people: People, predictions: Stage, task: Task, n: int) -> list[Sample]:
    """Choose n test samples of split 0, evenly over the ranks of the risk; without a model, the first by id."""
    path = predictions.path("split-0.parquet")
    mine = pl.col("model") == "xhaim"
    ranked = (
        pl.read_parquet(path).filter(mine & (pl.col("part") == "test")).sort("risk", "sample_id")["sample_id"].to_list()
    )
    if not ranked:
        ranked = people.of(task)["sample_id"].to_list()
    if not ranked or not n:
        return []
    places = sorted({round(i) for i in np.linspace(0, len(ranked) - 1, min(n, len(ranked)))})
    wanted = [ranked[place] for place in places]
    by_id = {sample.sample_id: sample for sample in as_samples(people.samples)}
    return [by_id[sample_id] for sample_id in wanted]


def read_explanations(stage: Stage) -> list[Explanation]:
    """Return the stored explanations of a task, by sample id."""
    return [
        from_json(path.read_text(encoding="utf-8"))
        for path in sorted(stage.folder.glob("*.json"))
        if path.name != "stage.json"
    ]


def split_of(people: People, task: Task, sample: Sample, repeats: int) -> tuple[int, str]:
    """Return the first split in which the sample is in the test part, or split 0 and its part there.

    Raises DataError for a sample without a label for the task.
    """
    mine = people.splits[task.id].filter(pl.col("sample_id") == sample.sample_id)
    if mine.is_empty():
        raise DataError(
            f"sample {sample.sample_id} has no label for {task.id}, so this run has no evidence for it",
            do=f"list the samples that have one with: xhaim explain RUN --task {task.id} --list",
        )
    test = mine.filter(pl.col("part") == "test")
    if not test.is_empty():
        return int(test["split"][0]), "test"
    return 0, str(mine.filter(pl.col("split") == 0)["part"][0])
