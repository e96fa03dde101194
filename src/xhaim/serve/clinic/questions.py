"""What was asked of a record and answered: kept in the server's database, with its row of the audit log."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text, insert

from xhaim.serve import audit
from xhaim.serve.clinic.ask import Answer
from xhaim.serve.clinic.place import Place
from xhaim.serve.database import METADATA, writing

QUESTIONS = Table(
    "questions",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("login", String(80), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("sample_id", String(200), nullable=False),
    Column("task_id", String(200), nullable=False),
    Column("question", Text, nullable=False),
)


def keep(place: Place, question: str, answer: Answer) -> int:
    """Keep a question and return its number; the ids that answered it stand in the audit log."""
    sample = place.sample
    with writing(place.database) as connection:
        row = insert(QUESTIONS).values(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            login=place.user.login,
            subject_id=sample.subject_id,
            sample_id=sample.sample_id,
            task_id=place.task.id,
            question=question,
        )
        number = int(connection.execute(row.returning(QUESTIONS.c.number)).scalar_one())
        spans = [f"{one.document.doc_id[:160]}:{one.start}-{one.end}" for one in answer.sentences]
        told: audit.Shown = {"task": place.task.id, "sample": sample.sample_id, "question": number, "sentences": spans,
                "values": [one[:200] for one in answer.value_ids]}  # fmt: skip
        audit.append(connection, place.user.login, "ask", sample.subject_id, told)
    return number
