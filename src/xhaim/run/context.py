"""What every stage of a run is given: the directory, the store, the settings, the tasks, and who watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import polars as pl

from xhaim.config import RunSettings, settings_hash
from xhaim.ports import Progress
from xhaim.records import ReportPolicy
from xhaim.run.directory import RunDirectory, Stage, code_hash
from xhaim.source.store import Store
from xhaim.task import Task

EngineName = Literal["local", "ray"]
"""Who does the jobs of a stage where there is more than one worker: processes of this machine, or a Ray cluster."""


class Watcher(Protocol):
    """Shows one progress bar for each stage, with a time estimate."""

    notes: list[str]
    """What was said, each once."""

    def stage(self, name: str) -> AbstractContextManager[Progress]:
        """Begin a stage; the progress that it gives is called as work is done."""

    def note(self, text: str) -> None:
        """Say something that the user should know, once."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run in progress."""

    directory: RunDirectory
    store: Store
    settings: RunSettings
    tasks: tuple[Task, ...]
    watch: Watcher
    workers: int = 1
    """Processes that share the work of a stage; never changes a result."""
    engine: EngineName = "local"
    """Whose processes; never changes a result either."""

    @property
    def alone(self) -> Run:
        """The run for a stage that asks a language model: its budgets and its circuit breaker count in one process."""
        return replace(self, workers=1)

    def key(self, *parts: str | int | float | None) -> str:
        """Return the key of a stage: code, data, and whatever else decides it."""
        return settings_hash(code_hash(), self.store.fingerprint, *parts)

    def policy(self, task: Task) -> ReportPolicy:
        """Return the report policy of a task in this run; the override is for pathology tasks only."""
        return self.settings.report_policy or task.report_policy if task.needs_image else task.report_policy

    @property
    def policies(self) -> list[ReportPolicy]:
        """Return the policies that this run's tasks need, each once."""
        return sorted({self.policy(task) for task in self.tasks})

    @property
    def leaky(self) -> bool:
        """Say whether any task sees the index report."""
        return "index_included" in self.policies

    def task_stage(self, kind: str, task: Task, key: str) -> Stage:
        """Open a task's stage in ``<kind>/<task>/``, or ``<kind>/LEAKY-<task>/`` where the index report was visible."""
        return self.directory.stage(f"{kind}/{self._mark(leaky=self.policy(task) == 'index_included')}{task.id}", key)

    def policy_stage(self, kind: str, policy: ReportPolicy, key: str) -> Stage:
        """Open a report policy's stage in ``<kind>/<policy>/``, or ``<kind>/LEAKY-index_included/``."""
        return self.directory.stage(f"{kind}/{self._mark(leaky=policy == 'index_included')}{policy}", key)

    def report(self, suffix: str) -> Path:
        """Return where the report lies: ``report<suffix>``, or ``LEAKY-report<suffix>`` where any task is leaky."""
        return self.directory.root / f"{self._mark(leaky=self.leaky)}report{suffix}"

    @staticmethod
    def _mark(*, leaky: bool) -> str:
        return "LEAKY-" if leaky else ""

    def shards(self, samples: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
        """Cut samples into numbered shards of subjects that follow each other, so that each reads little of the store.

        Within a shard they are ordered by sample_id; which shard a sample is in depends on the samples alone.
        """
        size = self.settings.shard_size
        by_subject = samples.sort("subject_id", "sample_id")
        for index in range(0, samples.height, size):
            yield index // size, by_subject.slice(index, size).sort("sample_id")

    def shard_of(self, samples: pl.DataFrame, sample_id: str) -> int:
        """Return the number of the shard that holds a sample."""
        order = samples.select("subject_id", "sample_id").sort("subject_id", "sample_id")["sample_id"]
        return order.to_list().index(sample_id) // self.settings.shard_size
