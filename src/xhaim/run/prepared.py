"""What a task's model reads of one sample, however that was made; and what is asked of it: risk, measures, words.

``Explainer.prepared`` reads what a run's stages hold of a labelled sample; ``Fitted.prepared`` makes the same of any
sample of any store. Whoever asks the model of a sample asks this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from xhaim.errors import BackendError
from xhaim.explain.compose import explain
from xhaim.explain.facts import ModelFacts, Ranking, RiskWithout
from xhaim.explain.phrase import phrase
from xhaim.records import Evidence, Explanation, Features, Modality, Prediction, Record, Sample, Statement, Summary
from xhaim.run.context import Run
from xhaim.run.known import Known
from xhaim.run.measure import measured
from xhaim.run.medicine import Library
from xhaim.run.model_facts import model_facts
from xhaim.run.vectors import Vectors
from xhaim.run.words import entailment_model, language_model
from xhaim.source.store import Store
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.model import Model
    from xhaim.predict.risks import Risks


NOT_PHRASED = (
    "The language model that phrases explanations gave nothing that could be used: "
    "these sentences are composed, of the same facts."
)


class SplitModel(Protocol):
    """A task's model of one split, and what is said of it: an Explainer or a Fitted, loaded part by part."""

    @property
    def split(self) -> int:
        """Number of the split."""

    @property
    def model(self) -> Model:
        """The fitted model."""

    @property
    def tested(self) -> Ranking:
        """How it ranked its test part."""

    @property
    def library(self) -> Library:
        """What medicine says of the task's question."""

    def limits(self, store: Store, sample: Sample) -> tuple[str, ...]:
        """Return what else limits a prediction of a sample, in sentences."""


@dataclass(frozen=True)
class Prepared:
    """One sample as one split's model reads it."""

    run: Run
    """Settings, store, and the directory that what a language model is asked goes to."""
    task: Task
    sample: Sample
    by: SplitModel
    row: Features
    """The model's input, n = 1."""
    known: Known
    """What was known of the sample; of no other."""
    evidence: Mapping[Modality, Evidence]
    summaries: Mapping[Modality, Summary]
    vectors: Vectors
    """Embeddings that are at hand; what is not is computed."""
    simulated: bool
    """The patient is, or those whom the model learned from were."""

    @property
    def split(self) -> int:
        """Split whose model it is."""
        return self.by.split

    @property
    def model(self) -> Model:
        """The fitted model of the split."""
        return self.by.model

    @cached_property
    def record(self) -> Record:
        """What was known of the sample, as a record."""
        return self.known.record(self.sample)

    @cached_property
    def risks(self) -> Risks:
        """What the model says of the sample, n = 1."""
        return self.model.predict(self.row)

    def prediction(self) -> Prediction:
        """Return the calibrated risk."""
        (told,) = self.risks.predictions((self.sample.sample_id,), self.task.id, "xhaim", self.split)
        return told

    def facts(self) -> ModelFacts:
        """Return what an explanation is told of the model."""
        tested = self.by.tested
        return model_facts(self.task, self.sample, self.model, self.row, self.risks, self.known, tested)

    def measuring(self) -> RiskWithout:
        """Return the function that says what the risk would be without some of the evidence."""
        return measured(self.task, self.sample, self.model, self.row, self.known, self.evidence, self.summaries)

    def explained(self) -> Explanation:
        """Explain the risk; what limits it beyond what every explanation says stands at the end."""
        composed = explain(
            self.record, self.task, self.evidence, self.summaries, self.facts(), self.measuring(),
            self.run.settings.explain, report_policy=self.run.policy(self.task),
            medicine=self.by.library.of(self.record, self.evidence), simulated=self.simulated,
        )  # fmt: skip
        told = _phrased(self.run, self.task, composed, self.record)
        own = tuple(Statement(text, "limits", ()) for text in self.by.limits(self.run.store, self.sample))
        return replace(told, statements=(*told.statements, *own))


def _phrased(run: Run, task: Task, composed: Explanation, record: Record) -> Explanation:
    """Let the configured model phrase an explanation; without one, or where it fails, the composed sentences stay."""
    model = language_model(run, record.sample.subject_id)
    if model is None:
        return composed
    try:
        follows = run.settings.entailment
        return phrase(composed, record, task, model, entailment_model(follows.path), follows.at_least)
    except BackendError as error:
        run.watch.note(f"{composed.sample_id}: composed explanation, since {error.what}")
        return replace(composed, statements=(*composed.statements, Statement(NOT_PHRASED, "limits", ())))
