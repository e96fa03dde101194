"""What people said elsewhere, taken in: what cannot be is listed, each with its line and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from xhaim.errors import DataError
from xhaim.judge.agreement_people import FINAL
from xhaim.records import Verdict
from xhaim.serve.annotate.drawing import Item, items
from xhaim.serve.annotate.parsed import parsed
from xhaim.serve.annotate.scoring import Said, check_score, plain, put_comment, put_score, said
from xhaim.serve.annotate.tables import MOST_COMMENT
from xhaim.serve.database import writing


@dataclass(frozen=True, slots=True)
class Refused:
    """A line, or an item of several lines, that was not taken."""

    line: int
    """From 1; of several lines the first."""
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import."""

    taken: int
    """Verdicts that are new here."""
    there: int
    """Verdicts that were there already, the same."""
    refused: tuple[Refused, ...]


def take(database: Engine, path: Path, by: str) -> Imported:
    """Take in what ``export`` wrote, here or elsewhere; ``by``: the login of who does it.

    Not taken, and listed with a reason: what is no verdict, an item that was not drawn here, a score outside the
    rubric, an item that is not wholly scored, and what contradicts a score that is here: nothing is overwritten.
    Raises DataError for a file that cannot be read at all.
    """
    drawn = {item.explanation: item for item in items(database)}
    refused: list[Refused] = []
    taken = there = 0
    before = said(database)
    with writing(database) as connection:
        for line, found in parsed(path):
            fault = found if isinstance(found, str) else _fault(found, drawn, before)
            if fault is not None or isinstance(found, str):
                refused.append(Refused(line, fault or ""))
            elif (found.explanation, found.rater) in before:
                there += 1
            else:
                _put(connection, found, by)
                before[found.explanation, found.rater] = _as_said(found)
                taken += 1
    return Imported(taken, there, tuple(refused))


def _put(connection: Connection, verdict: Verdict, by: str) -> None:
    for dimension, score in verdict.scores.items():
        if score is not None:
            put_score(connection, verdict.explanation, verdict.rater, dimension, score, by)
    put_comment(connection, verdict.explanation, verdict.rater, verdict.comment, by)


def _as_said(verdict: Verdict) -> Said:
    return Said({name: score for name, score in verdict.scores.items() if score is not None}, _comment(verdict.comment))


def _comment(comment: str) -> str:
    return plain(comment) if comment.strip() else ""  # as it will be kept


def _fault(verdict: Verdict, drawn: Mapping[str, Item], before: Mapping[tuple[str, str], Said]) -> str | None:
    """Return why a verdict is not taken."""
    item, given = drawn.get(verdict.explanation), _as_said(verdict)
    mine = before.get((verdict.explanation, verdict.rater), given)
    final = verdict.rater == FINAL and bool(given.scores)  # of what adjudication settled, only what was in dispute
    checks = {
        "unknown item: no such explanation was drawn here": item is None
        or (item.sample_id, item.task_id) != (verdict.sample_id, verdict.task_id),
        "a rater without a name that can be shown": not 0 < len(verdict.rater) <= 80 or not verdict.rater.isprintable(),
        f"a comment of more than {MOST_COMMENT:,} characters": len(verdict.comment) > MOST_COMMENT,
        (outside := _outside(given.scores)): bool(outside),
        f"half-filled: no score of {', '.join(given.missing)}": bool(given.missing) and not final,
        "this rater has said something else of this item here; nothing is overwritten": mine != given,
    }
    return next((reason for reason, holds in checks.items() if holds), None)


def _outside(scores: Mapping[str, int]) -> str:
    """Return which score the rubric does not have; empty: none."""
    for dimension, score in scores.items():
        try:
            check_score(dimension, score)
        except DataError as error:
            return f"{error.what}: {dimension[:40]}"
    return ""
