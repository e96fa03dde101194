"""Cards that were shown, and what became of them: kept in the server's database, each with its row of the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import BigInteger, Column, Engine, Integer, String, Table, Text, insert, select

from xhaim.serve import audit
from xhaim.serve.accounts import User
from xhaim.serve.database import METADATA, writing
from xhaim.serve.results import StoredRun

CARDS = Table(
    "cds_cards",
    METADATA,
    Column("card", String(36), primary_key=True),
    Column("at", String(40), nullable=False),
    Column("service", String(200), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("sample_id", String(200), nullable=False),
    Column("task_id", String(200), nullable=False),
)
CARD_FEEDBACK = Table(
    "cds_feedback",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("login", String(80), nullable=False),
    Column("card", String(36), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("code", String(200), nullable=False),
    Column("words", Text, nullable=False),
)
SENT = "sent"
_NOBODY = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A card."""

    card: str
    """Its UUID."""
    service: str
    task_id: str
    sample_id: str
    """``SENT``: of a patient who was sent."""
    subject_id: int | None
    """``None``: of nobody in the run's store."""


@dataclass(frozen=True, slots=True)
class Said:
    """What became of a card."""

    card: str
    outcome: str
    code: str
    words: str


def subject_of(run: StoredRun, patient_id: str, *, numbered: bool) -> int | None:
    """Return the subject whom a FHIR server calls ``patient_id``; ``None``: nobody, or it is not known who.

    A store that was made of no FHIR knows no such names. Only where the server was told that they are its subjects'
    numbers (``numbered``), or its patients are simulated, is the number taken for one: else a page could be of somebody
    else who has that number elsewhere.
    """
    ids = run.store.path / "metadata" / "ids.parquet" if run.store is not None else None
    if ids is not None and ids.is_file():
        named = (pl.col("kind") == "subject") & (pl.col("id") == f"Patient/{patient_id}")
        found = pl.scan_parquet(ids, glob=False).filter(named).collect()["number"].to_list()
        return int(found[0]) if len(found) == 1 else None
    number = patient_id.isascii() and patient_id.isdigit() and len(patient_id) <= 18
    return int(patient_id) if number and (numbered or run.manifest["simulated"]) else None


def keep(database: Engine, login: str, shown: Shown, told: audit.Shown) -> None:
    """Keep a card before it is shown; ``told``: what the audit log says of it, ids alone."""
    with writing(database) as connection:
        connection.execute(
            insert(CARDS).values(
                card=shown.card,
                at=_now(),
                service=shown.service,
                subject_id=shown.subject_id or _NOBODY,
                sample_id=shown.sample_id,
                task_id=shown.task_id,
            )
        )
        audit.append(connection, login, "cds card", shown.subject_id, told)


def say(database: Engine, user: User, service: str, said: Sequence[Said]) -> bool:
    """Keep what became of cards of a service, all or none; False where one was not shown, or not for this user."""
    with writing(database) as connection:
        wanted = CARDS.c.card.in_([one.card for one in said]) & (CARDS.c.service == service)
        rows = {row.card: row for row in connection.execute(select(CARDS).where(wanted))}
        if any(one.card not in rows for one in said):
            return False
        if user.subjects is not None and any(row.subject_id not in {*user.subjects, _NOBODY} for row in rows.values()):
            return False
        for one in said:
            values = {"card": one.card, "outcome": one.outcome, "code": one.code, "words": one.words}
            connection.execute(insert(CARD_FEEDBACK).values(at=_now(), login=user.login, **values))
            told = {"card": one.card, "outcome": one.outcome, "task": rows[one.card].task_id}
            audit.append(connection, user.login, "cds feedback", rows[one.card].subject_id or None, told)
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
