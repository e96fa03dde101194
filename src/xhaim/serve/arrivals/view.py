"""The run as it is seen with one arrived patient in it: every page and door shows them as it shows those of the run.

Risks, explanations and evidence are the stored answers; the record is what the guard lets be known of the patient's
own store at the time of a sample. Nothing of the run's own samples is answered for here but their rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.errors import PrerequisiteError
from xhaim.records import Evidence, Explanation, Record, Sample, Summary
from xhaim.run.known import Known, known_of
from xhaim.run.prepared import Prepared
from xhaim.serve.arrivals.told import Answer, Risk, State, read_answer
from xhaim.serve.predicted import SCHEMA
from xhaim.serve.results import StoredRun
from xhaim.task import Task

_SAMPLE = re.compile(r"n([0-9a-f]{32})-\d{8}T\d{6}-\d{1,9}")
_NOWHERE = "nowhere.parquet"
Ask = Callable[["Arrived", Task, Sample], Prepared]
"""Makes what a model reads of a sample of an arrived patient."""
EMBEDDINGS = "embeddings.parquet"
_TOLD = ("sample_id", "task_id", "split", "raw", "risk", "low", "high")


def number_of(key: str) -> int:
    """Return a patient's number, for lists of who may see whom and for the audit log.

    It is below zero, as no number of a store's own patients is: a right to see one of these is none to see somebody
    who arrived, though a server calls them by the same id.
    """
    return -int(key[:15], 16) - 1


def sample_id(key: str, time: datetime, message: int) -> str:
    """Return the id of a prediction for an arrived patient: no run's sample begins with a letter but ``s``."""
    return f"n{key}-{time:%Y%m%dT%H%M%S}-{message}"


def key_in(asked: str) -> str | None:
    """Return the key of the patient whom a sample's id is of; ``None``: it is none of an arrived patient's."""
    found = _SAMPLE.fullmatch(asked)
    return found[1] if found else None


def answer_name(task_id: str, name: str) -> str:
    """Return where an answer lies in a patient's folder. Both are ids of ours."""
    return f"answers/{task_id}/{name}.json"


@dataclass(frozen=True)
class Arrived(StoredRun):
    """One arrived patient, by one run's models; ``store`` is theirs, all else but their own rows the run's."""

    key: str = ""
    state: State = State(0, "", None)  # noqa: RUF009  (frozen)
    subject_id: int = 0
    messages: int = 0
    """How many were sent; more than ``state.read``: the last are being read."""
    folder: Path = Path()
    """The patient's own."""
    base: StoredRun | None = None
    ask: Ask | None = None

    @property
    def name(self) -> str:
        """What a page calls the patient."""
        return self.state.name.replace("/", " ", 1)

    @property
    def whole(self) -> StoredRun:
        """The run that the patient is seen in."""
        assert self.base is not None  # noqa: S101  (``of`` gives it)
        return self.base

    @property
    def risks(self) -> tuple[Risk, ...]:
        """Every risk by this run's models, in order of the messages."""
        return tuple(one for one in self.state.risks if one.run == identity(self.manifest))

    def newest(self, task_id: str) -> Risk | None:
        """Return the last risk of a task; ``None``: there is none."""
        return next((one for one in reversed(self.risks) if one.prediction.task_id == task_id), None)

    def holds(self, task: Task, sample: Sample) -> bool:
        """Say whether the task was asked at a sample."""
        return any(one.sample == sample and one.prediction.task_id == task.id for one in self.risks)

    def reads(self, task_id: str) -> bool:
        """Say whether messages came that this task's model was not yet asked of."""
        newest = self.newest(task_id)
        return self.messages > max(self.state.read, newest.message if newest is not None else 0)

    @cached_property
    def mine(self) -> pl.DataFrame:
        """The patient's own predictions (``predicted.SCHEMA``)."""
        return rows_of(self, self.risks)

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """Those of the run, and the patient's own."""
        return pl.concat([self.whole.predictions, self.mine])

    def sample(self, sample_id: str) -> Sample | None:
        """Return a sample of this patient; ``None``: there is none of this id."""
        found = [one.sample for one in self.risks if one.sample.sample_id == sample_id]
        return found[-1] if found else None

    def record(self, task: Task, sample: Sample) -> Record:
        """Return what was known at a sample, by what has arrived by now."""
        assert self.store is not None  # noqa: S101  (``place`` says so)
        policy, store = self.manifest["report_policy"][task.id], self.store
        rows = pl.DataFrame([asdict(sample)], schema=SAMPLE_SCHEMA)
        key = ("record", policy, sample.sample_id)
        return self._kept.get(key, lambda: Known(known_of(store, rows, policy)).record(sample))

    def evidence(self, task: Task, sample: Sample) -> list[Evidence]:
        """Return what step 1 retrieved."""
        found = self._answer(task, sample)
        return list(found.evidence) if found is not None else []

    def summaries(self, task: Task, sample: Sample) -> list[Summary]:
        """Return what step 2 wrote."""
        found = self._answer(task, sample)
        return list(found.summaries) if found is not None else []

    def explanation(self, task: Task, sample: Sample) -> Explanation | None:
        """Return the explanation; ``None``: of a sample so old that only its risk is kept."""
        found = self._answer(task, sample)
        return found.explanation if found is not None else None

    def explained(self, task: Task) -> frozenset[str]:
        """Return the ids of the patient's samples with a stored explanation."""
        return frozenset(path.stem for path in (self.folder / "answers" / task.id).glob("*.json"))

    def shard(self, stage: str, sample: Sample) -> Path:
        """Return where the embeddings of the patient's texts lie; of other stages there is no file."""
        read = self.store.path.parent if self.store is not None else self.folder
        return read / (EMBEDDINGS if stage == "embeddings" else _NOWHERE)

    def prepared(self, task: Task, sample: Sample) -> Prepared | None:
        """Return what the model reads of a sample. Raises PrerequisiteError for one before the newest."""
        last = self.newest(task.id)
        if last is None or last.sample != sample:
            raise PrerequisiteError("more has arrived since: the model is asked of the newest data alone")
        return self.ask(self, task, sample) if self.ask is not None else None

    def _answer(self, task: Task, sample: Sample) -> Answer | None:
        path = self.folder / answer_name(task.id, sample.sample_id)
        return self._kept.get(("answer", task.id, sample.sample_id), lambda: read_answer(path))


def rows_of(view: Arrived, risks: tuple[Risk, ...]) -> pl.DataFrame:
    """Return rows of ``predicted.SCHEMA``; before each stands the prediction of the task at a time before."""
    rows: list[dict[str, Any]] = []
    last: dict[str, list[Risk]] = {}
    for one in risks:
        told, sample = one.prediction, one.sample
        point = view.points.get((told.task_id, told.split))
        earlier = [old for old in last.get(told.task_id, []) if old.sample.prediction_time < sample.prediction_time]
        before = earlier[-1] if earlier else None
        rows.append(
            {
                **{name: getattr(told, name) for name in _TOLD},
                "subject_id": view.subject_id,
                "stay_id": sample.stay_id,
                "prediction_time": sample.prediction_time,
                "part": "arrived",
                "label": None,
                "abstains": one.abstains,
                "threshold": point.threshold if point is not None else None,
                "previous": before.prediction.risk if before is not None else None,
                "previous_time": before.sample.prediction_time if before is not None else None,
            }
        )
        last.setdefault(told.task_id, []).append(one)
    return pl.DataFrame(rows, schema=SCHEMA)


def identity(manifest: dict[str, Any]) -> str:
    """Return which run gives a risk: another fit of the same code, settings and data gives the same one."""
    return "-".join(str(manifest[name]) for name in ("code", "settings_hash", "data_fingerprint"))
