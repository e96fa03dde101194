"""The run's own models, opened when first asked, and what each reads of a sample.

Of a sample with a label the run's stages hold it; of any other it is made, as for a patient whom the run has never
seen. The model is that of a split that did not learn from the patient, where there is one. Nothing is written into
the run directory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from xhaim.config import RunSettings
from xhaim.errors import DataError
from xhaim.records import Sample
from xhaim.run.apply import Fitted
from xhaim.run.context import Run
from xhaim.run.directory import RunDirectory, Stage
from xhaim.run.explainer import Explainer
from xhaim.run.explanations import split_of
from xhaim.run.image_readings import READINGS
from xhaim.run.learned_from import same_person
from xhaim.run.medicine import library
from xhaim.run.models import Inputs
from xhaim.run.people import People
from xhaim.run.prepared import Prepared
from xhaim.run.vectors import Vectors
from xhaim.run.watch import Quiet
from xhaim.serve.clinic.enrolled import people_of
from xhaim.serve.kept import Kept
from xhaim.serve.results import StoredRun
from xhaim.source.store import Store
from xhaim.task import Task

_MODELS = 4
"""Models kept in memory: of a task and split each."""
NO_MODEL = "no model of this task was fitted: too few stays have a label"


@dataclass(frozen=True)
class Models:
    """One run's models; not made for several threads."""

    run: StoredRun
    """With its store."""
    _explainers: Kept = field(default_factory=lambda: Kept(_MODELS))
    _fitted: Kept = field(default_factory=lambda: Kept(_MODELS))
    _vectors: Kept = field(default_factory=lambda: Kept(2))

    def prepared(self, task: Task, sample: Sample) -> Prepared:
        """Return what the model reads of a sample. Raises DataError where no model was fitted."""
        if (found := self.run.prepared(task, sample)) is not None:
            return found
        explainer = self.explainer(task, sample)
        if explainer is not None:
            return explainer.prepared(sample, self._at_hand(sample))
        return self._of_split(task, self._split(task, sample)).prepared(
            self._store, sample, vectors=self._at_hand(sample)
        )

    def explainer(self, task: Task, sample: Sample) -> Explainer | None:
        """Return what explains a sample that has a label of the task; ``None``: it has none."""
        if self._people.splits[task.id].filter(pl.col("sample_id") == sample.sample_id).is_empty():
            return None
        split, _ = split_of(self._people, task, sample, int(self.run.manifest["settings"]["split"]["repeats"]))
        return self._explainers.get((task.id, split), lambda: self._explainer(task, split))

    def _split(self, task: Task, sample: Sample) -> int:
        """Return the first split whose model did not learn from the person of a sample, else the first of all."""
        fitted = sorted(split for task_id, split in self.run.points if task_id == task.id)
        if not fitted:
            raise DataError(NO_MODEL)
        mine = self.run.samples.filter(pl.col("subject_id").is_in(same_person(self._store, sample.subject_id)))
        parts = self._people.splits[task.id].join(mine, on="sample_id", how="semi")
        learned = set(parts.filter(pl.col("part") != "test")["split"].to_list())
        return next((one for one in fitted if one not in learned), fitted[0])

    def _of_split(self, task: Task, split: int) -> Fitted:
        def opened() -> Fitted:
            return Fitted(self.run.root, self.run.manifest, self._settings, task, split, self._scratch, Quiet())

        return self._fitted.get((task.id, split), opened)

    def _explainer(self, task: Task, split: int) -> Explainer:
        predictions = self._stage(f"models/{task.id}")
        policy = self.run.manifest["report_policy"][task.id]
        read = predictions.path(f"split-{split}") / READINGS
        evidence = self._stage(f"evidence/{task.id}")
        inputs = Inputs(
            known=self._stage(f"admissible/{policy}"),
            numbers=self._stage("numbers"),
            concepts=self._stage(f"concepts/{task.id}"),
            summaries=self._stage(f"summaries/{task.id}"),
            haim=self._stage(f"haim/{policy}"),
            images=self._stage("images") if read.is_file() else None,
            films=self._stage(f"earlier_films/{policy}"),
            evidence=evidence,
        )
        run = Run(RunDirectory(self._scratch), self._store, self._settings, self.run.tasks, Quiet())
        return Explainer(run, self._people, inputs, evidence, predictions, task, library(run, task), split)

    def _stage(self, name: str) -> Stage:
        """Return a stage as it lies there; ``RunDirectory.stage`` would clear one that other settings made."""
        return Stage(self.run.root / name, "")

    def _at_hand(self, sample: Sample) -> Vectors:
        """Return the stored embeddings of the shard that holds a sample, labelled or not."""
        shard = self.run.shard("embeddings", sample)

        def read() -> Vectors:
            vectors = Vectors(self._settings.retrieve.encoder)
            if shard.is_file():
                vectors.load(shard)
            return vectors

        return self._vectors.get(shard, read)

    @cached_property
    def _settings(self) -> RunSettings:
        return RunSettings.model_validate(self.run.manifest["settings"])

    @cached_property
    def _people(self) -> People:
        return people_of(self.run)

    @property
    def _store(self) -> Store:
        assert self.run.store is not None  # noqa: S101  (``warm.cold`` says so)
        return self.run.store

    @property
    def _scratch(self) -> Path:
        """Where a language model's ledger may lie, gone with these models."""
        return Path(self._passing.name)

    @cached_property
    def _passing(self) -> TemporaryDirectory[str]:
        return TemporaryDirectory(prefix="xhaim-served-")
