"""A fitted run applied to patients it has never seen: the same steps, settings and models; no labels; nothing kept.

The model is that of one split, the first unless said: its calibration, operating point, conformal set and test part
are its own, so the risk, what is measured of it and what is said of it are of one model. The mean over splits has
none of these. A patient who is in a split's test part gets the very risk that the run stored for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.config import RunSettings
from xhaim.errors import DataError, PrerequisiteError, TaskError, did_you_mean
from xhaim.explain.facts import Ranking
from xhaim.records import Evidence, Explanation, Modality, Prediction, Record, Sample, Summary
from xhaim.run.apply_features import features_of_one, with_described_image
from xhaim.run.apply_limits import limits
from xhaim.run.context import Run, Watcher
from xhaim.run.directory import RunDirectory, code_hash
from xhaim.run.image_readings import READER
from xhaim.run.known import Known, known_of
from xhaim.run.medicine import Library, library
from xhaim.run.model_facts import ranking
from xhaim.run.prepared import Prepared
from xhaim.run.vectors import Vectors
from xhaim.run.words import evidence_of, summary_writer
from xhaim.source.store import Store
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.image_reader import ImageReader
    from xhaim.predict.model import Model


@dataclass(frozen=True, slots=True)
class Applied:
    """One patient by one task: the risk, why, and what was read."""

    sample: Sample
    prediction: Prediction
    explanation: Explanation | None
    """``None`` where none was asked for."""
    record: Record
    evidence: Mapping[Modality, Evidence]
    summaries: Mapping[Modality, Summary]


@dataclass(frozen=True)
class Fitted:
    """One task's model of one split, loaded when first needed and kept: the second patient costs no start."""

    root: Path
    """The run directory: read, never written."""
    manifest: Mapping[str, Any]
    settings: RunSettings
    task: Task
    split: int
    scratch: Path
    """A folder for what asking a language model leaves (its ledger, the key of its privacy gate); else unused."""
    watch: Watcher

    @cached_property
    def model(self) -> Model:
        """The fitted model."""
        from xhaim.predict.model import Model

        return Model.load(self._folder / "xhaim")

    @cached_property
    def reader(self) -> ImageReader | None:
        """The split's image reader; ``None`` where the model reads no images."""
        if "image" not in self.model.value_blocks:
            return None
        from xhaim.predict.image_reader import ImageReader

        return ImageReader.load(self._folder / READER)

    @cached_property
    def tested(self) -> Ranking:
        """How the model ranked its test part."""
        return ranking(self._folder.with_suffix(".parquet"), self.task.id)

    @cached_property
    def library(self) -> Library:
        """What medicine says of the question, the same for every patient."""
        return library(self.run(Store(self.scratch, {})), self.task)

    @property
    def _folder(self) -> Path:
        return self.root / "models" / self.task.id / f"split-{self.split}"

    def run(self, store: Store, scratch: Path | None = None) -> Run:
        """Return a run of these settings over a store, whose directory is the scratch folder."""
        return Run(RunDirectory(scratch or self.scratch), store, self.settings, (self.task,), self.watch)

    def prepared(
        self, store: Store, sample: Sample, *, vectors: Vectors | None = None, scratch: Path | None = None
    ) -> Prepared:
        """Return what the model reads of one sample of a store.

        ``vectors``: embeddings that are at hand. ``scratch``: in place of the model's own, where nothing may be kept
        from one patient to the next. Raises BackendError where a server that the settings name must answer and does
        not.
        """
        run = self.run(store, scratch)
        rows = pl.DataFrame([asdict(sample)], schema=SAMPLE_SCHEMA)
        known = Known(known_of(store, rows, run.policy(self.task)))
        seen = with_described_image(run, sample, known)
        vectors = vectors or Vectors(self.settings.retrieve.encoder)
        evidence = {one.modality: one for one in evidence_of(run, self.task, sample.sample_id, seen, vectors)}
        summaries = self._summaries(run, sample, evidence)
        row = features_of_one(run, self.task, rows, known, evidence, summaries, self.model.value_blocks, self.reader)
        simulated = store.simulated or bool(self.manifest["simulated"])
        return Prepared(run, self.task, sample, self, row, seen, evidence, summaries, vectors, simulated)

    def apply(
        self,
        store: Store,
        sample: Sample,
        *,
        explained: bool = True,
        vectors: Vectors | None = None,
        scratch: Path | None = None,
    ) -> Applied:
        """Predict for one sample of a store, and explain it; as ``prepared`` else.

        Raises DataError where the record gives other features than the model was fitted on.
        """
        mine = self.prepared(store, sample, vectors=vectors, scratch=scratch)
        told = mine.prediction()
        explanation = mine.explained() if explained else None
        return Applied(sample, told, explanation, mine.record, mine.evidence, mine.summaries)

    def limits(self, store: Store, sample: Sample) -> tuple[str, ...]:
        """Return what else limits this prediction, in sentences."""
        return limits(self.root, self.manifest, self.settings, self.task, self.split, store, sample)

    def _summaries(self, run: Run, sample: Sample, evidence: Mapping[Modality, Evidence]) -> dict[Modality, Summary]:
        write = summary_writer(run, self.task, {sample.sample_id: sample.subject_id})
        found: dict[Modality, Summary] = {}
        for modality, item in evidence.items():
            found[modality], note = write(item)
            if note:
                run.watch.note(note)
        return found


def fitted(root: Path, task_id: str, scratch: Path, watch: Watcher, split: int = 0) -> Fitted:
    """Open a run's model of a task, to be applied to other patients.

    Raises PrerequisiteError for a folder that is no run, a run that other code made, and where no model was fitted;
    TaskError for a task that the run has not; DataError for a leaky task, whose risk is no prediction.
    """
    manifest = RunDirectory.open(root).manifest()
    if manifest["code"] != code_hash():
        raise PrerequisiteError(
            f"{root} was made by another version of the code",
            got=f"{manifest['version']} ({manifest['code']})",
            expected=code_hash(),
            do=f"xhaim run {manifest['store']} --out {root} with the same options: it does what must be done again",
        )
    if task_id not in manifest["tasks"]:
        raise TaskError(f"the run has no task '{task_id[:80]}'", expected=did_you_mean(task_id, manifest["tasks"]))
    task = Task.model_validate(manifest["tasks"][task_id])
    if manifest["report_policy"][task.id] == "index_included":
        raise DataError(
            f"the run's model of {task_id} is LEAKY: it reads the report that states the answer",
            got="report policy index_included",
            expected="a run whose risk is a prediction",
            do=f"xhaim run {manifest['store']} --task {task_id} --report-policy prior_only --out NEW_RUN",
        )
    if not (root / "models" / task.id / f"split-{split}" / "xhaim" / "model.json").is_file():
        raise PrerequisiteError(
            f"{root} holds no model of {task_id}, split {split}",
            expected="a task of which a model was fitted: ten stays of either class in training",
            do="see the notes of the run's report",
        )
    return Fitted(root, manifest, RunSettings.model_validate(manifest["settings"]), task, split, scratch, watch)
