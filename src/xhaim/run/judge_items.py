"""What a judge of a run is shown: stored explanations, and the records that the run stored beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xhaim.cohort.samples import as_samples
from xhaim.errors import DataError, PrerequisiteError, TaskError, did_you_mean
from xhaim.explain.render import from_json
from xhaim.judge.verdicts import digest
from xhaim.records import Explanation, Record, ReportPolicy
from xhaim.run.directory import RunDirectory
from xhaim.run.known import Known
from xhaim.task import Task

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
    if not shards:
        raise PrerequisiteError(f"the run has nothing of what was known ({policy})", do="xhaim run STORE --out RUN")
    mine = pl.col("sample_id").is_in(list(stored))
    known = Known(pl.concat([pl.read_parquet(path).filter(mine) for path in shards], how="vertical_relaxed"))
    items = []
    for name, raw in stored.items():
        explanation = _read(raw, f"explanations/{mark}{task.id}/{name}.json")
        if (explanation.sample_id, explanation.task_id) != (name, task.id) or name not in by_id:
            raise DataError(
                f"explanations/{mark}{task.id}: an explanation is of another sample than its name says, or of none",
                got=name[:80],
                expected="explanations as xhaim run stores them",
                do="delete it and run again",
            )
        items.append(Item(explanation, known.record(by_id[name]), task, digest(raw), f"{mark}{task.id}"))
    return items


def _read(raw: bytes, name: str) -> Explanation:
    """Read a stored explanation; a fault names its file."""
    try:
        return from_json(raw.decode("utf-8", "replace"))
    except DataError as error:
        do = "run again with this version: explanations of another form are made anew"
        raise DataError(f"{name}: {error.what}", got=error.got, expected=error.expected, do=do) from None


def _there(path: Path) -> Path:
    if not path.exists():
        raise PrerequisiteError(
            f"the run has no {path.parent.name}/{path.name}",
            expected="a run whose steps are all there",
            do="xhaim run STORE --out RUN with the same options: it does what is missing",
        )
    return path
