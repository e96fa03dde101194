"""The run's own models, kept ready: they explain what has no stored explanation, and measure evidence taken out.

They answer only where this code made the run and the store is the one it was made from: other code would give other
risks under the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from xhaim.errors import DataError, PrerequisiteError, XhaimError
from xhaim.records import Evidence, Explanation, Sample, Summary
from xhaim.run.directory import code_hash, read_json
from xhaim.run.prepared import Prepared
from xhaim.serve.asking import TURN
from xhaim.serve.clinic.models import Models
from xhaim.serve.clinic.stay_risk import Step, stay_risk
from xhaim.serve.clinic.taken_out import Pieces
from xhaim.serve.kept import Kept
from xhaim.serve.results import BEING_WRITTEN, StoredRun
from xhaim.task import Task

WAIT_S = 30.0
"""How long one question waits for those before it."""
REPLACED = "the run was replaced while its model was asked"


def cold(run: StoredRun) -> str:
    """Say why the run's model cannot be asked; empty where it can."""
    if run.store is None:
        return run.store_fault
    if run.manifest["code"] != code_hash():
        return "the run was made by another version of xHAIM than this server's (make it again to ask its model)"
    return ""


@dataclass(frozen=True, slots=True)
class Told:
    """An explanation, and the evidence and summaries that it was made of."""

    explanation: Explanation
    evidence: Sequence[Evidence]
    summaries: Sequence[Summary]
    stored: bool
    """By the run; else it was made on opening, by this server."""


@dataclass(frozen=True)
class Warm:
    """One run's models, asked by everybody."""

    run: StoredRun
    _made: Kept = field(default_factory=lambda: Kept(256))
    _prepared: Kept = field(default_factory=lambda: Kept(8))
    _pieces: Kept = field(default_factory=lambda: Kept(8))
    _stays: Kept = field(default_factory=Kept)

    def made(self, task: Task, sample: Sample) -> Told | None:
        """Return what ``explain`` made of a sample since the server began; ``None``: nothing yet."""
        made: Told | None = self._made.peek((task.id, sample.sample_id))
        return made

    def explain(self, task: Task, sample: Sample) -> Explanation:
        """Explain a sample, as ``xhaim explain`` does; of one without a label, as for a patient never seen."""
        with self._asking():
            made = self._observed(task, sample) or self._explained(task, sample)
        self._made.put((task.id, sample.sample_id), made)
        return made.explanation

    def without(self, task: Task, sample: Sample, explanation: Explanation, markers: set[int]) -> tuple[float, float]:
        """Return the risk with everything, and without the cited evidence of these markers.

        What is taken out is what was taken out for the explanation's own effects: the words of a passage with their
        copies, a value, or an image's reading.
        """
        with self._asking():
            key = task.id, sample.sample_id
            return self._pieces.get(key, lambda: Pieces.of(self._read(task, sample))).without(explanation, markers)

    def stay(self, task: Task, sample: Sample) -> tuple[tuple[Step, ...], float]:
        """Return the risk over a stay, and the operating point. Raises DataError where no model was fitted."""

        def asked() -> tuple[tuple[Step, ...], float]:
            with self._asking():
                mine = self._read(task, sample)
                return stay_risk(mine), mine.model.facts.operating_point.threshold

        return self._stays.get((task.id, sample.sample_id), asked)

    def prepared(self, task: Task, sample: Sample) -> Prepared:
        """Return what the model reads of a sample. Raises DataError where no model was fitted."""
        with self._asking():
            return self._read(task, sample)

    def _read(self, task: Task, sample: Sample) -> Prepared:
        return self._prepared.get((task.id, sample.sample_id), lambda: self._models.prepared(task, sample))

    def _explained(self, task: Task, sample: Sample) -> Told:
        mine = self._read(task, sample)
        return Told(mine.explained(), [*mine.evidence.values()], [*mine.summaries.values()], stored=False)

    def _observed(self, task: Task, sample: Sample) -> Told | None:
        """Tell what the record of a labelled sample holds, where too few of them were there to fit a model."""
        explainer = self._models.explainer(task, sample)
        if explainer is None or not explainer.rows.too_few:
            return None
        evidence, summaries = self.run.evidence(task, sample), self.run.summaries(task, sample)
        return Told(explainer.explain(sample), evidence, summaries, stored=False)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Wait for the turn. Raises PrerequisiteError where the model cannot be asked, or the run changes meanwhile."""
        if why := cold(self.run):
            raise PrerequisiteError(f"the run's model cannot be asked: {why}")
        if not TURN.acquire(timeout=WAIT_S):
            raise PrerequisiteError("others ask the model before you", do="try again in a moment")
        try:
            yield
        except (OSError, pl.exceptions.PolarsError, XhaimError) as error:
            if isinstance(error, XhaimError) and self._unchanged():
                raise
            raise PrerequisiteError(BEING_WRITTEN, do="try again in a moment") from None
        finally:
            TURN.release()
        if not self._unchanged():
            raise PrerequisiteError(REPLACED, do="load the page again")

    def _unchanged(self) -> bool:
        """Say whether the run directory still holds this run."""
        try:
            return bool(read_json(self.run.root / "manifest.json") == self.run.manifest)
        except DataError:  # away, or half written
            return False

    @cached_property
    def _models(self) -> Models:
        return Models(self.run)
