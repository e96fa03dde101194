"""The audit log: who was shown what of which patient, when. Append-only; each row holds the hash of the one before.

A row that was changed, taken out or put in breaks the chain at its place. Rows cut off at the end leave a chain that
holds: write down the last hash elsewhere (``verify`` gives it) and ask for it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import DDL, BigInteger, Column, Engine, Integer, String, Table, Text, event, insert, select, text
from sqlalchemy.engine import Connection

from xhaim.serve.database import METADATA, reading, writing

Shown = Mapping[str, "str | int | Sequence[str] | Sequence[int] | None"]
"""What was shown, by ids: ``{"task": "mortality_48h", "documents": ["d1", "d2"]}``. No text of a note, no name."""
FIRST = "0" * 64
"""What stands for the hash before the first row."""
_MAX_ID = 200
_MAX_SHOWN = 100_000

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("login", String(80), nullable=False),
    Column("action", String(80), nullable=False),
    Column("subject_id", BigInteger),
    Column("shown", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
for _verb in ("UPDATE", "DELETE"):
    event.listen(
        AUDIT,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER audit_no_{_verb.lower()} BEFORE {_verb} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )


@dataclass(frozen=True, slots=True)
class Chain:
    """What walking the log found."""

    rows: int
    last: str
    """Hash of the last row that holds."""
    broken: int | None
    """Number of the first row that does not hold; ``None``: all do."""
    reason: str | None
    """What is wrong with it."""

    @property
    def holds(self) -> bool:
        """Say whether the whole chain holds."""
        return self.reason is None


def write(database: Engine, user: str, action: str, subject_id: int | None, shown: Shown) -> int:
    """Append one row and return its number; it is on the disk when this returns.

    ``user``: a login. Raises ValueError for anything in ``shown`` that is longer than an id.
    """
    with writing(database) as connection:
        return append(connection, user, action, subject_id, shown)


def append(connection: Connection, user: str, action: str, subject_id: int | None, shown: Shown) -> int:
    """Append one row within a transaction that ``database.writing`` began: with what it tells of, or not at all."""
    told = _told(shown)
    if connection.dialect.name == "postgresql":  # SQLite's writers already wait for each other
        connection.execute(text("LOCK TABLE audit IN EXCLUSIVE MODE"))
    last = connection.execute(select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)).first()
    number, previous = (last.number + 1, last.hash) if last else (1, FIRST)
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    values = (number, at, user, action, subject_id, told, previous)
    names = ("number", "at", "login", "action", "subject_id", "shown", "previous")
    connection.execute(insert(AUDIT).values(**dict(zip(names, values, strict=True)), hash=_hash(values)))
    return number


def _told(shown: Shown) -> str:
    for name, value in shown.items():
        several = isinstance(value, Sequence) and not isinstance(value, str)
        for part in value if several else (value,):  # type: ignore[union-attr]
            if len(name) > _MAX_ID or not isinstance(part, str | int | None) or len(str(part)) > _MAX_ID:
                raise ValueError("the audit log holds ids, nothing longer")
    told = json.dumps(dict(shown), sort_keys=True, ensure_ascii=True, default=list)
    if len(told) > _MAX_SHOWN:
        raise ValueError("too many ids for one row of the audit log")
    return told


def _hash(values: Sequence[str | int | None]) -> str:
    return hashlib.sha256(json.dumps(list(values), ensure_ascii=True).encode()).hexdigest()


def verify(database: Engine, noted: str | None = None) -> Chain:
    """Walk the whole log. ``noted``: a hash that was written down elsewhere, and must still be among the rows."""
    count, previous, seen = 0, FIRST, noted is None
    with reading(database) as connection:
        rows = connection.execution_options(yield_per=1000).execute(select(AUDIT).order_by(AUDIT.c.number))
        for row in rows:
            if fault := _fault(tuple(row), count + 1, previous):
                return Chain(count, previous, count + 1, fault)
            count, previous = count + 1, row.hash
            seen = seen or previous == noted
    if not seen:
        return Chain(count, previous, None, "the noted hash is not among the rows: rows were cut off, or made anew")
    return Chain(count, previous, None, None)


def _fault(row: tuple[str | int | None, ...], number: int, previous: str) -> str | None:
    if row[0] != number:
        return f"row {number} is missing: row {row[0]} stands there"
    if row[6] != previous:
        return f"row {number} does not follow the row before it"
    if _hash(row[:7]) != row[7]:
        return f"row {number} was changed after it was written"
    return None
