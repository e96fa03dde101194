"""That the model may have learned from a patient: said among the limits wherever its risk of them is told."""

from __future__ import annotations

import polars as pl

from xhaim.run.people import People
from xhaim.source.store import Store
from xhaim.task import Task

STAY = "the stay"
OTHER = "another stay or time of this patient"


def learned_from(part: str | None, split: int | None = None, what: str = STAY) -> tuple[str, ...]:
    """Return the sentence, or nothing for the test part or none. ``split``: the model's; ``None``: all are alike."""
    if part in {None, "test"}:
        return ()
    where = "every split" if split is None else f"split {split}"
    return (
        f"In {where} of this run {what} is in the {part} part, so the model may have learned from it: the risk is not "
        "that of a new patient.",
    )


def of_sample(people: People, task: Task, sample_id: str, split: int) -> tuple[str, ...]:
    """Return the sentence for a labelled sample, by the model of a split."""
    mine = people.splits[task.id].filter(pl.col("sample_id") == sample_id)
    parts = dict(mine.select("split", "part").iter_rows())
    return learned_from(parts.get(split), split if "test" in parts.values() else None)


def same_person(store: Store, subject_id: int) -> list[int]:
    """Return the subjects who are one person with a subject, itself among them."""
    persons = store.persons()
    if persons is None:
        return [subject_id]
    mine = persons.filter(pl.col("subject_id") == subject_id)["person_id"]
    return sorted({subject_id, *persons.filter(pl.col("person_id").is_in(mine.to_list()))["subject_id"].to_list()})
