"""What a SIMULATED record says of a question, by its truth, and how much of it an explanation cites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.ablation import CONCEPTS, Said, spans
from benchmarks.retrieval_marks import folded
from xhaim.records import Document, Explanation, Record
from xhaim.task import Task

PLACES = 5
AGAINST = 3
"""Of the evidence for, and against."""
SPEAKS_FOR = {"mortality_48h": "acuity", "los_48h": "recovery"}
"""Task -> the concept of truth/ whose affirmation speaks for the outcome; of findings it is the finding."""


@dataclass(frozen=True)
class Truth:
    """The folder of a simulated cohort that no step reads."""

    said: Mapping[str, Said]
    """Task -> note id -> spans of what speaks for it."""
    contradictions: pl.DataFrame

    @classmethod
    def read(cls, folder: Path) -> Truth:
        """Read spans and contradictions."""
        said = {task: spans(folder, [SPEAKS_FOR.get(task, concepts[0])]) for task, concepts in CONCEPTS.items()}
        return cls(said, pl.read_csv(folder / "contradictions.csv", try_parse_dates=True))


@dataclass(frozen=True)
class Facts:
    """One explanation against the truth; ``None``: there was nothing to find."""

    recall: float | None
    """Of the affirmed facts, as many as the places can hold, the share that the evidence for cites."""
    last: float | None
    """Whether one of those that were said last is cited as evidence for."""
    listed: float | None
    """As ``recall``, cited anywhere in the explanation."""
    against: float | None
    """Of the denials of planted contradictions, as many as the places can hold, the share cited as evidence against."""
    newest: float | None
    """Whether the newest of them is."""

    @classmethod
    def of(cls, explanation: Explanation, record: Record, task: Task, truth: Truth) -> Facts:
        """Mark one explanation."""
        facts = _affirmed(record, truth.said[task.id])
        pro, con, every = (_cited(explanation, roles) for roles in (("for",), ("against",), ("for", "against")))
        held = sum(any(fact in words for words in pro) for fact in facts)
        shown = sum(any(fact in words for words in every) for fact in facts)
        places = min(len(facts), PLACES)
        newest = max(facts.values(), default=None)
        against, newest_denial = _against(record, task, truth, con)
        last = [fact for fact, time in facts.items() if time == newest]
        return cls(
            recall=min(1.0, held / places) if places else None,
            last=float(any(fact in words for words in pro for fact in last)) if places else None,
            listed=min(1.0, shown / places) if places else None,
            against=against,
            newest=newest_denial,
        )


def _cited(explanation: Explanation, roles: tuple[str, ...]) -> list[str]:
    """Return the folded words that sentences of some roles cite, the first places of each role, not for comparison."""
    marks = {
        marker
        for role in roles
        for statement in [one for one in explanation.statements if one.role == role][:PLACES]
        for marker in set(statement.markers) - set(statement.compared)
    }
    return [folded(one.quote) for one in explanation.citations if one.kind == "span" and one.marker in marks]


def _affirmed(record: Record, said: Said) -> dict[str, Any]:
    """Return the distinct affirmed sentences of the record's documents -> when each was said last."""
    found: dict[str, Any] = {}
    for document in record.documents:
        for row in said.get(document.doc_id.partition("#")[2], ()):
            if row["polarity"] == "affirmed":
                words = folded(document.text[row["start"] : row["end"]])
                found[words] = max(document.time, found.get(words, document.time))
    return found


def _against(record: Record, task: Task, truth: Truth, cited: list[str]) -> tuple[float | None, float | None]:
    """Return the share of the planted denials, as many as there are places, that are cited; whether the newest is."""
    denying = contradicted(record, task, truth)
    if not denying:
        return None, None
    found = [_denies(one, truth.said[task.id], cited) for one in denying]
    return min(1.0, sum(found) / min(len(found), AGAINST)), float(found[-1])


def contradicted(record: Record, task: Task, truth: Truth) -> list[Document]:
    """Return the notes of the record that deny what an earlier one of it affirmed, by the truth, the newest last."""
    notes = {one.doc_id.partition("#")[2]: one for one in record.documents}
    mine = truth.contradictions.filter(pl.col("concept") == CONCEPTS[task.id][0])
    names = [
        row["denied_note_id"]
        for row in mine.iter_rows(named=True)
        if {row["affirmed_note_id"], row["denied_note_id"]} <= set(notes)
    ]
    return sorted({notes[name] for name in names}, key=lambda one: (one.time, one.doc_id))


def _denies(note: Document, said: Said, cited: list[str]) -> bool:
    """Say whether a sentence of the note that denies is among the cited words, of this note or of a copy."""
    rows = said.get(note.doc_id.partition("#")[2], ())
    denials = [folded(note.text[row["start"] : row["end"]]) for row in rows if row["polarity"] == "negated"]
    return any(one in words or words in one for one in denials for words in cited)
