"""A run directory as it is served: read from what is stored, never computed and never written.

Nothing here asks by which code the run was made: reading its results needs no code. What would ask its model again
does (``serve.clinic.warm``). ``watched.open_run`` opens one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.errors import DataError, PrerequisiteError
from xhaim.evaluate.header import RunHeader
from xhaim.explain.render import from_json
from xhaim.records import Evidence, Explanation, Record, Sample, Summary
from xhaim.run.known import Known
from xhaim.run.parquet_records import from_frame
from xhaim.serve.kept import Kept
from xhaim.serve.predicted import OperatingPoint, operating_points, predictions_of
from xhaim.source.store import Store
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.run.prepared import Prepared

T = TypeVar("T")
BEING_WRITTEN = "this part of the run cannot be read: it is being written, or was taken away"


@dataclass(frozen=True)
class StoredRun:
    """One version of a run directory."""

    root: Path
    manifest: dict[str, Any]
    store: Store | None
    """``None`` where it lies no longer where the run found it; ``store_fault`` says so."""
    store_fault: str
    tasks: tuple[Task, ...]
    samples: pl.DataFrame
    """Rows of SAMPLE_SCHEMA and ``shard``, ordered by sample_id."""
    large: Kept = field(default_factory=lambda: Kept(2))
    """What takes much memory, as all numbers of a task; gone with this version of the run."""
    _kept: Kept = field(default_factory=Kept)

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """One row for each task and sample with a held-out prediction of xHAIM's (``predicted.SCHEMA``)."""
        folders = {task.id: self.root / "models" / task.id for task in self.tasks}
        try:
            return predictions_of(folders, self.samples)
        except (OSError, pl.exceptions.PolarsError):
            raise PrerequisiteError(BEING_WRITTEN, do="try again in a moment") from None

    @cached_property
    def points(self) -> dict[tuple[str, int], OperatingPoint]:
        """(task id, split) -> its operating point and what it was fitted on."""
        return operating_points({task.id: self.root / "models" / task.id for task in self.tasks})

    @property
    def whole(self) -> StoredRun:
        """The run itself; of a view of one patient in it the run that they are seen in."""
        return self

    def prepared(self, task: Task, sample: Sample) -> Prepared | None:
        """Return what a model reads of a sample that is in no stage of the run; ``None``: it is one of the run's."""
        return None

    def prepare(self) -> None:
        """Read what every page needs. Raises PrerequisiteError while a part of it is being written."""
        _ = self.predictions, self.points

    @property
    def header(self) -> RunHeader:
        """What a page says of the run before any number."""
        return RunHeader(
            title=f"xHAIM: {', '.join(task.title for task in self.tasks)}",
            simulated=bool(self.manifest["simulated"]),
            report_policy=dict(self.manifest["report_policy"]),
            versions={"xhaim": f"{self.manifest['version']} ({self.manifest['code']})"},
            config_hash=str(self.manifest["settings_hash"]),
            data_fingerprint=str(self.manifest["data_fingerprint"]),
        )

    def task(self, task_id: str) -> Task | None:
        """Return a task of the run; ``None``: it has no such task."""
        return next((task for task in self.tasks if task.id == task_id), None)

    def sample(self, sample_id: str) -> Sample | None:
        """Return a sample; ``None``: the run has no such sample."""
        found = self.samples.filter(pl.col("sample_id") == sample_id)
        return Sample(**found.select(list(SAMPLE_SCHEMA)).row(0, named=True)) if found.height == 1 else None

    def record(self, task: Task, sample: Sample) -> Record:
        """Return what was known of a sample, as far as the task's report policy lets it be read."""
        policy = self.manifest["report_policy"][task.id]

        def read() -> Record:
            shard = self.shard(f"admissible/{policy}", sample)
            return Known(self._rows(shard, sample)).record(sample)

        return self._kept.get(("record", policy, sample.sample_id), read)

    def evidence(self, task: Task, sample: Sample) -> list[Evidence]:
        """Return what step 1 retrieved for a sample; nothing where it has no label for the task."""
        return self._of("evidence", task, sample, Evidence)

    def summaries(self, task: Task, sample: Sample) -> list[Summary]:
        """Return what step 2 wrote for a sample."""
        return self._of("summaries", task, sample, Summary)

    def explanation(self, task: Task, sample: Sample) -> Explanation | None:
        """Return the stored explanation; ``None``: the run wrote none of this sample, or in another version's form."""
        path = self.root / "explanations" / task.id / f"{sample.sample_id}.json"
        if sample.sample_id not in self.explained(task):
            return None

        def read() -> Explanation | None:
            try:
                return from_json(path.read_text(encoding="utf-8"))
            except (OSError, DataError):
                return None

        return self._kept.get(("explanation", task.id, sample.sample_id), read)

    def explained(self, task: Task) -> frozenset[str]:
        """Return the ids of the samples with a stored explanation."""
        folder = self.root / "explanations" / task.id
        return frozenset(path.stem for path in folder.glob("*.json") if path.name != "stage.json")

    def _of(self, stage: str, task: Task, sample: Sample, kind: type[T]) -> list[T]:
        shard = self.shard(f"{stage}/{task.id}", sample)
        if not shard.is_file():
            return []
        return self._kept.get((stage, task.id, sample.sample_id), lambda: from_frame(self._rows(shard, sample), kind))

    def shard(self, stage: str, sample: Sample) -> Path:
        """Return where the shard of a stage lies that holds a sample."""
        number = self.samples.filter(pl.col("sample_id") == sample.sample_id)["shard"].item()
        return self.root / stage / f"{number:05d}.parquet"

    @staticmethod
    def _rows(shard: Path, sample: Sample) -> pl.DataFrame:
        try:
            return pl.scan_parquet(shard, glob=False).filter(pl.col("sample_id") == sample.sample_id).collect()
        except (OSError, pl.exceptions.PolarsError):
            raise PrerequisiteError(BEING_WRITTEN, do="try again in a moment") from None
