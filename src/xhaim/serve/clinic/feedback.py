"""What a reader says of an explanation: kept in the server's database, exported with the annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Engine, Integer, String, Table, Text, insert, select

from xhaim.explain.render import to_json
from xhaim.judge import verdicts
from xhaim.records import Explanation
from xhaim.serve import audit
from xhaim.serve.clinic.place import Place
from xhaim.serve.database import METADATA, reading, writing

KINDS = {
    "agree": "I agree",
    "disagree": "I disagree",
    "wrong citation": "A citation is wrong",
    "missing evidence": "Evidence is missing",
    "other": "Something else",
}
"""Kind of feedback -> how a reader is asked."""
MAX_WORDS = 4000

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("login", String(80), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("sample_id", String(200), nullable=False),
    Column("task_id", String(200), nullable=False),
    Column("explanation", String(64)),
    Column("kind", String(40), nullable=False),
    Column("marker", Integer),
    Column("words", Text, nullable=False),
)
"""``explanation``: SHA-256 of the explanation's JSON, as in ``Verdict``; null where none was shown."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was said."""

    kind: str
    marker: int | None
    words: str


def keep(place: Place, said: Feedback, explanation: Explanation | None) -> int:
    """Keep feedback and return its number: when this returns it is on the disk, with its row of the audit log."""
    named = verdicts.digest(to_json(explanation).encode()) if explanation is not None else None
    sample = place.sample
    with writing(place.database) as connection:
        row = insert(FEEDBACK).values(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            login=place.user.login,
            subject_id=sample.subject_id,
            sample_id=sample.sample_id,
            task_id=place.task.id,
            explanation=named,
            kind=said.kind,
            marker=said.marker,
            words=said.words,
        )
        number = int(connection.execute(row.returning(FEEDBACK.c.number)).scalar_one())
        told: audit.Shown = {"task": place.task.id, "sample": sample.sample_id, "feedback": number}
        audit.append(connection, place.user.login, "feedback", sample.subject_id, told)
    return number


def exported(database: Engine) -> Iterator[str]:
    """Yield all feedback as JSON lines, in the order in which it was kept."""
    with reading(database) as connection:
        for row in connection.execute(select(FEEDBACK).order_by(FEEDBACK.c.number)):
            yield json.dumps(dict(row._mapping), ensure_ascii=False, sort_keys=True) + "\n"
