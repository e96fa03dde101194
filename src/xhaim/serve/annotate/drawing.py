"""Which explanations people score: drawn by a seed, evenly over true and false positives and negatives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest

import polars as pl
from sqlalchemy import Engine, insert, select

from xhaim.judge.verdicts import digest
from xhaim.records import Explanation, Sample
from xhaim.serve.annotate.tables import ITEMS
from xhaim.serve.database import reading, writing
from xhaim.serve.results import StoredRun
from xhaim.task import Task

STRATA = ("true positive", "false positive", "true negative", "false negative", "no prediction")
PER_TASK, CALIBRATION, SEED = 50, 3, 0
"""Explanations of each task, how many of them everybody scores first, and the seed that draws them."""


@dataclass(frozen=True, slots=True)
class Item:
    """One explanation to score."""

    explanation: str
    """SHA-256 of its JSON."""
    task_id: str
    sample_id: str
    subject_id: int
    stratum: str
    """How the prediction turned out: never shown to a rater."""
    calibration: bool
    """Scored first, by everybody."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How the drawing of one task went."""

    task_id: str
    wanted: int
    strata: Mapping[str, tuple[int, int]]
    """Stratum -> how many were drawn, of how many stored explanations."""
    unreadable: int
    """Stored explanations in the form of another version."""

    @property
    def words(self) -> str:
        """Say it, and where fewer were there than were wanted, what to do."""
        n = sum(drawn for drawn, _ in self.strata.values())
        parts = ", ".join(f"{name} {drawn} of {there}" for name, (drawn, there) in self.strata.items() if there)
        if n >= self.wanted:
            return f"{self.task_id}: {n} explanations drawn ({parts})"
        older = f"; {self.unreadable} are in the form of another version, and are left out" if self.unreadable else ""
        return (
            f"{self.task_id}: {n} explanations drawn of {self.wanted} wanted, since the run stores no more "
            f"({parts or 'none'}{older}); for more: xhaim run ... --set explain.samples={4 * self.wanted}"
        )


def draw(
    run: StoredRun, database: Engine, per_task: int = PER_TASK, seed: int = SEED, calibration: int = CALIBRATION
) -> list[Drawn]:
    """Draw the items of every task and keep them; drawing again adds, and takes nothing away.

    Only samples whose explanation the run stores; an item stays what it is, whoever has scored it.
    """
    told, found = [], []
    for task in run.tasks:  # before the transaction: nobody's score waits for it
        strata = _strata(run, task)
        chosen = _chosen(run, task, strata, per_task, seed, calibration)
        told.append(_said(run, task, per_task, chosen, strata))
        found += chosen
    with writing(database) as connection:
        known = {row.explanation for row in connection.execute(select(ITEMS.c.explanation))}
        new = [asdict(item) for item in found if item.explanation not in known]
        if new:
            connection.execute(insert(ITEMS), new)
    return told


def _said(
    run: StoredRun, task: Task, wanted: int, chosen: Sequence[Item], strata: Mapping[str, Sequence[str]]
) -> Drawn:
    counts = {
        name: (sum(item.stratum == name for item in chosen), len(strata[name])) for name in STRATA if name in strata
    }
    readable = sum(len(ids) for ids in strata.values())
    return Drawn(task.id, wanted, counts, len(run.explained(task)) - readable)


def drawn_of(run: StoredRun, task: Task, per_task: int, seed: int, calibration: int) -> list[Item]:
    """Return the items of a task: one of each stratum in turn, as long as there are any; within one by the seed."""
    return _chosen(run, task, _strata(run, task), per_task, seed, calibration)


def _chosen(
    run: StoredRun, task: Task, strata: Mapping[str, list[str]], per_task: int, seed: int, calibration: int
) -> list[Item]:
    queues = [[(name, one) for one in ids] for name, ids in sorted(_shuffled(strata, seed).items())]
    turns = [one for turn in zip_longest(*queues) for one in turn if one is not None]
    chosen = []
    for place, (stratum, sample_id) in enumerate(turns[:per_task]):
        sample, identity = run.sample(sample_id), identity_of(run, task, sample_id)
        if sample is not None and identity is not None:
            chosen.append(Item(identity, task.id, sample_id, sample.subject_id, stratum, place < calibration))
    return chosen


def _shuffled(strata: Mapping[str, list[str]], seed: int) -> dict[str, list[str]]:
    def place(sample_id: str) -> str:
        return hashlib.sha256(f"{seed}\0{sample_id}".encode()).hexdigest()

    return {name: sorted(ids, key=place) for name, ids in strata.items()}


def _strata(run: StoredRun, task: Task) -> dict[str, list[str]]:
    """Return the explained samples of a task by how the first split's prediction turned out at its operating point."""
    labels = _labels(run, task)
    strata: dict[str, list[str]] = {}
    for sample_id in sorted(run.explained(task)):
        explanation = explanation_of(run, task, sample_id)
        if explanation is not None:
            strata.setdefault(_stratum(explanation, labels.get(sample_id)), []).append(sample_id)
    return strata


def _labels(run: StoredRun, task: Task) -> dict[str, int]:
    path = run.root / "labels" / task.id / "labels.parquet"
    if not path.is_file():
        return {}
    frame = pl.read_parquet(path, columns=["sample_id", "label"]).drop_nulls()
    return dict(frame.iter_rows())


def _stratum(explanation: Explanation, label: int | None) -> str:
    if explanation.risk is None or explanation.threshold is None or label is None:
        return "no prediction"
    positive = explanation.risk >= explanation.threshold
    return f"{'true' if positive == bool(label) else 'false'} {'positive' if positive else 'negative'}"


def explanation_of(run: StoredRun, task: Task, sample_id: str) -> Explanation | None:
    """Return a stored explanation by the sample's id."""
    sample: Sample | None = run.sample(sample_id)
    return None if sample is None else run.explanation(task, sample)


def identity_of(run: StoredRun, task: Task, sample_id: str) -> str | None:
    """Return the SHA-256 of a stored explanation's JSON; ``None``: the run stores none of this sample."""
    if run.sample(sample_id) is None:  # a name from outside never becomes a path
        return None
    path = run.root / "explanations" / task.id / f"{sample_id}.json"
    return digest(path.read_bytes()) if path.is_file() else None


def items(database: Engine) -> list[Item]:
    """Return everything that was drawn, by task and explanation."""
    with reading(database) as connection:
        rows = connection.execute(select(ITEMS).order_by(ITEMS.c.task_id, ITEMS.c.explanation)).all()
    return [Item(**row._mapping) for row in rows]


def in_order(drawn: Sequence[Item], rater: str) -> list[Item]:
    """Return the order in which a rater meets them: task by task, calibration first, then an order of their own."""

    def place(item: Item) -> tuple[str, bool, str]:
        own = "" if item.calibration else rater
        return item.task_id, not item.calibration, hashlib.sha256(f"{own}\0{item.explanation}".encode()).hexdigest()

    return sorted(drawn, key=place)
