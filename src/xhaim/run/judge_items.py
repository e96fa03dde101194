"""What a judge of a run is shown: stored explanations, and the records that the run stored beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xhaim.cohort.samples import as_samples
from xhaim.errors import DataError, PrerequisiteError, TaskError, did_you_mean
from xhaim.explain.evidence_words import CLAIMS, claim_of, evidence_words
from xhaim.explain.render import from_json
from xhaim.explain.verify import Fault, verify
from xhaim.judge.verdicts import digest
from xhaim.ports import Entailment, LanguageModel
from xhaim.records import Explanation, Record, ReportPolicy
from xhaim.run.directory import RunDirectory
from xhaim.run.known import Known
from xhaim.run.verification import _claims, _told
from xhaim.task import Task
from xhaim.verify.citations import Cited
from xhaim.verify.found import Sentence, Verification

LEAKY = "LEAKY-"
"""Before a task's folder where the index report was visible."""


@dataclass(frozen=True, slots=True)
class Item:
    """One stored explanation, and what it is held against."""

    explanation: Explanation
    record: Record
    task: Task
    digest: str
    """SHA-256 of the stored JSON."""
    folder: str
    """Of its task: the task's id, marked where it is leaky."""


def stored_items(root: Path, task_id: str | None = None) -> list[Item]:
    """Return the stored explanations of a run, of all its tasks or of one, by task and sample.

    They need no model, so the code that made them need not be today's. Raises PrerequisiteError where there is no run
    or no explanation, TaskError for a task that it does not have, DataError for what is stored and cannot be read.
    """
    manifest = RunDirectory.open(root).manifest()
    policies: dict[str, ReportPolicy] = manifest["report_policy"]
    if task_id is not None and task_id not in policies:
        raise TaskError(f"the run has no task '{task_id}'", expected=did_you_mean(task_id, policies))
    items = []
    for name in sorted(policies if task_id is None else [task_id]):
        items += _of_task(root, Task.model_validate(manifest["tasks"][name]), policies[name])
    if not items:
        raise PrerequisiteError(
            f"{root} holds no explanations", do="run it with explain.samples above 0: xhaim run STORE --out RUN"
        )
    return items


def _of_task(root: Path, task: Task, policy: ReportPolicy) -> list[Item]:
    mark = LEAKY if policy == "index_included" else ""
    paths = sorted((root / "explanations" / f"{mark}{task.id}").glob("*.json"))
    stored = {path.stem: path.read_bytes() for path in paths if path.name != "stage.json"}
    if not stored:
        return []
    samples = pl.read_parquet(_there(root / "samples" / "samples.parquet"))
    by_id = {one.sample_id: one for one in as_samples(samples) if one.sample_id in stored}
    shards = sorted(_there(root / "admissible" / f"{mark}{policy}").glob("*.parquet"))
    mine = pl.col("sample_id").is_in(list(stored))
    known = Known(pl.concat([pl.read_parquet(path).filter(mine) for path in shards], how="vertical_relaxed"))
    items = []
    for name, raw in stored.items():
        explanation = from_json(raw.decode("utf-8", "replace"))
        if (explanation.sample_id, explanation.task_id) != (name, task.id) or name not in by_id:
            raise DataError(
                f"explanations/{mark}{task.id}: an explanation is of another sample than its name says, or of none",
                got=name[:80],
                expected="explanations as xhaim run stores them",
                do="delete it and run again",
            )
        items.append(Item(explanation, known.record(by_id[name]), task, digest(raw), f"{mark}{task.id}"))
    return items


def _there(path: Path) -> Path:
    if not path.exists():
        raise PrerequisiteError(
            f"the run has no {path.parent.name}/{path.name}",
            expected="a run whose steps are all there",
            do="xhaim run STORE --out RUN with the same options: it does what is missing",
        )
    return path


def verification_of(
    explanation: Explanation, record: Record, task: Task, nli: Entailment | None, model: LanguageModel | None
) -> Verification:
    """Return what is found of an explanation against a record that is at hand, as ``xhaim verify`` finds it."""
    faults = verify(explanation, record, task=task)
    bad = bad_markers(faults)
    cited = evidence_of(explanation, record, bad)
    sentences, claims = [], []
    for place, statement in enumerate(explanation.statements):
        mine = [one for one in faults if one.statement == place or one.marker in statement.markers]
        said = Cited(claim_of(statement), tuple(cited.get(marker) for marker in statement.markers))
        claims_patient = statement.role in CLAIMS and bool(statement.markers)
        found = _claims(said, nli, model) if claims_patient else ()
        claims += [said] if claims_patient else []
        sentences.append(Sentence(statement.text, _words(mine), found))
    used = {marker for statement in explanation.statements for marker in statement.markers}
    whole = _words([one for one in faults if one.statement is None and one.marker not in used])
    return _told(sentences, whole, len(cited) - len(bad & set(cited)), len(cited), claims, nli, model)


def bad_markers(faults: Sequence[Fault]) -> frozenset[int]:
    """Return the markers of citations that do not hold."""
    return frozenset(one.marker for one in faults if one.marker is not None)


def evidence_of(explanation: Explanation, record: Record, bad: frozenset[int]) -> dict[int, str | None]:
    """Return the words that each citation rests on; None for those that do not hold."""
    score = explanation.image_score
    return {
        one.marker: None if one.marker in bad else evidence_words(one, record, score) for one in explanation.citations
    }


def _words(faults: Sequence[Fault]) -> tuple[str, ...]:
    return tuple(f"{one.kind}: {one.detail}" for one in faults)
