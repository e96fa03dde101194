"""The notes of a patient that the model did not see for a sample, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from xhaim.cohort.exams import is_radiology
from xhaim.evaluate.grids import POLICY_WORDS
from xhaim.evaluate.wording import moment
from xhaim.events import NOTE, code_is
from xhaim.modality.documents import MAX_CHARACTERS
from xhaim.records import Record, Sample
from xhaim.serve.results import StoredRun
from xhaim.task import Task


@dataclass(frozen=True, slots=True)
class Unseen:
    """A note that was kept from the model."""

    title: str
    when: str
    time: datetime | None
    why: str
    text: str


def unseen(run: StoredRun, task: Task, sample: Sample, record: Record) -> list[Unseen]:
    """Return the patient's notes that are not in the record of a sample, the newest first; none without the store."""
    if run.store is None:
        return []
    seen = [document.source for document in record.documents]
    notes = run.store.events([sample.subject_id]).filter(code_is(NOTE))
    left = notes.filter(~pl.col("source").is_in(seen).fill_null(value=False)).with_columns(
        is_radiology().alias("radiology")
    )
    index = _index_reports(run, sample)
    found = [
        _one(row, sample, run.manifest["report_policy"][task.id], index) for row in left.collect().iter_rows(named=True)
    ]
    return sorted(found, key=lambda one: (one.time is not None, one.time, one.title, one.text), reverse=True)


def _index_reports(run: StoredRun, sample: Sample) -> frozenset[str]:
    path = run.root / "samples" / "index_reports.parquet"
    if not path.is_file():
        return frozenset()
    return frozenset(
        pl.read_parquet(path).filter(pl.col("sample_id") == sample.sample_id)["source"].drop_nulls().to_list()
    )


def _one(row: dict[str, object], sample: Sample, policy: str, index: frozenset[str]) -> Unseen:
    time = row["time"] if isinstance(row["time"], datetime) else None
    text = str(row["text_value"] or "")[:MAX_CHARACTERS]
    kind = str(row["code"]).split("//")[1].capitalize() if "//" in str(row["code"]) else "Note"
    return Unseen(
        title=str(row["title"] or kind),
        when=moment(time) if time is not None else "no time recorded",
        time=time,
        why=_why(row, sample, policy, index),
        text=text,
    )


def _why(row: dict[str, object], sample: Sample, policy: str, index: frozenset[str]) -> str:
    """Say which rule of the guard kept a note out (``cohort.guard``)."""
    known, now = row["known_at"], sample.prediction_time
    if row["source"] in index or (row["study_id"] is not None and row["study_id"] == sample.index_study_id):
        return "report of the index study"
    if not isinstance(known, datetime):
        return "nobody knows when it was known"
    if known >= now or (isinstance(row["time"], datetime) and row["time"] >= now):
        return "written or known only after the prediction"
    if "discharge" in str(row["code"]).lower():
        return "discharge papers are never an input of their own stay"
    if row["radiology"]:
        return f"report policy: {POLICY_WORDS.get(policy, policy)}"
    return "kept out by the guard"
