"""The run's own model, kept ready: explains a stay that has no stored explanation, and measures evidence taken out.

It answers only where this code made the run and the store is the one it was made from: other code would give other
risks under the same name. Nothing is written into the run directory.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock

from xhaim.config import RunSettings
from xhaim.errors import DataError, PrerequisiteError
from xhaim.evaluate.wording import MEASURABLE, MINUS, percent, share
from xhaim.explain.candidates import candidates
from xhaim.explain.facts import ModelFacts, Removal, RiskWithout
from xhaim.explain.measured import Measured
from xhaim.explain.said import cites, key_of
from xhaim.records import Citation, Explanation, Modality, Sample, Statement
from xhaim.run.context import Run
from xhaim.run.directory import RunDirectory, Stage, code_hash
from xhaim.run.explainer import Explainer
from xhaim.run.explanations import split_of
from xhaim.run.image_readings import READINGS
from xhaim.run.medicine import library
from xhaim.run.models import Inputs
from xhaim.run.people import People
from xhaim.run.single import LEARNED_FROM
from xhaim.run.watch import Quiet
from xhaim.serve.clinic.enrolled import people_of
from xhaim.serve.clinic.stay_risk import Step, stay_risk
from xhaim.serve.kept import Kept
from xhaim.serve.results import StoredRun
from xhaim.task import Task

_MODELS = 4
"""Models kept in memory: of a task and split each."""


def cold(run: StoredRun) -> str:
    """Say why the run's model cannot be asked; empty where it can."""
    if run.store is None:
        return run.store_fault
    if run.manifest["code"] != code_hash():
        return "the run was made by another version of xHAIM than this server's (make it again to ask its model)"
    return ""


@dataclass(frozen=True)
class Warm:
    """One run's models."""

    run: StoredRun
    _explainers: Kept = field(default_factory=lambda: Kept(_MODELS))
    _made: Kept = field(default_factory=lambda: Kept(256))
    _measuring: Kept = field(default_factory=lambda: Kept(8))
    _stays: Kept = field(default_factory=Kept)
    _turn: Lock = field(default_factory=Lock)
    """One question at a time: models are not made for several threads."""

    def explanation(self, task: Task, sample: Sample) -> Explanation | None:
        """Return what ``explain`` made of a sample since the server began; ``None``: nothing yet."""
        return self._made.get((task.id, sample.sample_id), lambda: None)

    def explain(self, task: Task, sample: Sample) -> Explanation:
        """Explain a sample, as ``xhaim explain`` does. Raises DataError for one without a label of the task."""
        with self._turn:
            explainer, part = self.explainer(task, sample)
            made = explainer.explain(sample)
            if part != "test" and made.risk is not None:
                note = Statement(LEARNED_FROM.format(part=part), "limits", ())
                made = replace(made, statements=(*made.statements, note))
        self._made.put((task.id, sample.sample_id), made)
        return made

    def without(self, task: Task, sample: Sample, explanation: Explanation, markers: set[int]) -> tuple[float, float]:
        """Return the risk with everything, and without the cited evidence of these markers.

        What is taken out is what was taken out for the explanation's own effects: the words of a passage with their
        copies, a value, or an image's reading.
        """
        with self._turn:
            if why := self.explainer(task, sample)[0].rows.too_few:
                raise DataError(f"no model was fitted, since there are {why}")
            facts, risk_without, pieces = self._measuring.get(
                (task.id, sample.sample_id), lambda: self._pieces(task, sample)
            )
            chosen = [one for one in explanation.citations if one.marker in markers]
            out = Removal.of(pieces.get(key_of(one), _own(one)) for one in chosen)
            plain, rest = risk_without([Removal(), out])
        return facts.risk, min(1.0, max(0.0, rest + facts.risk - plain))

    def stay(self, task: Task, sample: Sample) -> tuple[tuple[Step, ...], float]:
        """Return the risk over a stay, and the operating point. Raises DataError without a label or a model."""

        def asked() -> tuple[tuple[Step, ...], float]:
            with self._turn:
                explainer, _ = self.explainer(task, sample)
                if why := explainer.rows.too_few:
                    raise DataError(f"no model was fitted, since there are {why}")
                return stay_risk(explainer, sample), explainer.model.facts.operating_point.threshold

        return self._stays.get((task.id, sample.sample_id), asked)

    def _pieces(
        self, task: Task, sample: Sample
    ) -> tuple[ModelFacts, RiskWithout, dict[tuple[str, str, int | None, int | None], Removal]]:
        explainer, _ = self.explainer(task, sample)
        facts, risk_without, evidence = explainer.measuring(sample)
        summaries: dict[Modality, object] = {one.modality: one for one in explainer.summaries(sample)}
        most = explainer.run.settings.explain.max_measurements
        pieces, _ = candidates(explainer.record(sample), task, evidence, summaries, most, facts.films)  # type: ignore[arg-type]
        removals = {
            key_of(citation): piece.removal
            for piece in pieces
            for citation in cites(Measured(piece, None, "not asked"))
        }
        return facts, risk_without, removals

    def explainer(self, task: Task, sample: Sample) -> tuple[Explainer, str]:
        """Return the explainer of the split whose model did not learn from the sample, and the sample's part there."""
        if why := cold(self.run):
            raise PrerequisiteError(f"the run's model cannot be asked: {why}")
        split, part = split_of(self._people, task, sample, int(self.run.manifest["settings"]["split"]["repeats"]))
        return self._explainers.get((task.id, split), lambda: self._explainer(task, split)), part

    def _explainer(self, task: Task, split: int) -> Explainer:
        predictions = self._stage(f"models/{task.id}")
        policy = self.run.manifest["report_policy"][task.id]
        read = predictions.path(f"split-{split}") / READINGS
        inputs = Inputs(
            known=self._stage(f"admissible/{policy}"),
            numbers=self._stage("numbers"),
            concepts=self._stage(f"concepts/{task.id}"),
            summaries=self._stage(f"summaries/{task.id}"),
            haim=self._stage(f"haim/{policy}"),
            images=self._stage("images") if read.is_file() else None,
            films=self._stage(f"earlier_films/{policy}"),
            evidence=self._stage(f"evidence/{task.id}"),
        )
        evidence = self._stage(f"evidence/{task.id}")
        return Explainer(self._run, self._people, inputs, evidence, predictions, task, library(self._run, task), split)

    def _stage(self, name: str) -> Stage:
        """Return a stage as it lies there; ``RunDirectory.stage`` would clear one that other settings made."""
        return Stage(self.run.root / name, "")

    @cached_property
    def _run(self) -> Run:
        assert self.run.store is not None  # noqa: S101  (``cold`` says so)
        settings = RunSettings.model_validate(self.run.manifest["settings"])
        return Run(RunDirectory(self.run.root), self.run.store, settings, self.run.tasks, Quiet())

    @cached_property
    def _people(self) -> People:
        return people_of(self.run)


def _own(citation: Citation) -> Removal:
    """Take out a value that no effect was measured of; words of no retrieved chunk were never an input."""
    if citation.kind == "measurement":
        return Removal(measurement_ids=frozenset({citation.source_id}))
    return Removal()


def without_words(before: float, after: float, threshold: float | None, markers: set[int]) -> str:
    """Say what the risk is without some evidence: ``Without [1] and [3] the risk would be 49 % (-22 points), ...``."""
    names = " ".join(f"[{marker}]" for marker in sorted(markers))
    change = after - before
    if abs(change) < MEASURABLE:
        return f"Without {names} the risk stays {percent(before)}: no measurable effect (under 0.5 points)."
    points = f"{100 * change:+.0f}" if abs(change) >= 0.0095 else f"{100 * change:+.1f}"
    said = f"Without {names} the risk would be {percent(after)} ({points.replace('-', MINUS)} points)"
    if threshold is None:
        return f"{said}."
    was, now = before >= threshold, after >= threshold
    side = "at or above" if now else "below"
    kept = "still " if was == now else ""
    return f"{said}, {kept}{side} the operating point of {share(threshold)}."
