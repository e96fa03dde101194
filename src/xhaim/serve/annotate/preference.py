"""Two explanations of one sample side by side, whose writers nobody is told, and which is better."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine, Row, delete, insert, select

from xhaim.atomic import write_bytes
from xhaim.errors import DataError
from xhaim.serve.annotate.drawing import Item, identity_of
from xhaim.serve.annotate.tables import MOST_COMMENT, PREFERENCES
from xhaim.serve.database import reading, writing
from xhaim.serve.results import StoredRun

Choice = Literal["left", "right", "neither"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two explanations of one sample for one task, of two runs."""

    pair: str
    """SHA-256 of both names."""
    task_id: str
    sample_id: str
    subject_id: int
    first: str
    """SHA-256 of the explanation of the run that is served."""
    second: str
    """Of the run beside it."""

    def swapped(self, rater: str, seed: int = 0) -> bool:
        """Say whether the second stands on the left: a coin thrown by the seed for each rater and pair."""
        return hashlib.sha256(f"{seed}\0{rater}\0{self.pair}".encode()).digest()[0] % 2 == 1

    def left(self, rater: str) -> str:
        """Return the explanation that this rater sees on the left."""
        return self.second if self.swapped(rater) else self.first


def pairs(run: StoredRun, other: StoredRun, drawn: list[Item]) -> list[Pair]:
    """Return the drawn items of which both runs store an explanation, of other words each."""
    found = []
    for item in drawn:
        task, theirs = run.task(item.task_id), other.task(item.task_id)
        if task is None or theirs is None or identity_of(run, task, item.sample_id) != item.explanation:
            continue
        second = identity_of(other, theirs, item.sample_id)
        if second is not None and second != item.explanation:
            name = hashlib.sha256(f"{item.explanation}\0{second}".encode()).hexdigest()
            found.append(Pair(name, item.task_id, item.sample_id, item.subject_id, item.explanation, second))
    return found


def prefer(database: Engine, pair: Pair, rater: str, choice: Choice, comment: str) -> None:
    """Keep which one a rater finds better; it is on the disk when this returns."""
    if len(comment) > MOST_COMMENT:
        raise DataError("the comment is too long", expected=f"at most {MOST_COMMENT:,} characters")
    left = pair.left(rater)
    right = pair.first if left == pair.second else pair.second
    named: dict[Choice, str | None] = {"left": left, "right": right, "neither": None}
    mine = (PREFERENCES.c.pair == pair.pair) & (PREFERENCES.c.rater == rater)
    with writing(database) as connection:
        connection.execute(delete(PREFERENCES).where(mine))
        connection.execute(
            insert(PREFERENCES).values(
                pair=pair.pair,
                rater=rater,
                task_id=pair.task_id,
                sample_id=pair.sample_id,
                first=pair.first,
                second=pair.second,
                left=left,
                preferred=named[choice],
                comment=comment.strip(),
                saved_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            )
        )


def preferences(database: Engine, rater: str | None = None) -> list[Row[tuple[str, ...]]]:
    """Return what was preferred, by pair and rater: of one rater, or of all."""
    wanted = select(PREFERENCES).order_by(PREFERENCES.c.pair, PREFERENCES.c.rater)
    with reading(database) as connection:
        return list(connection.execute(wanted if rater is None else wanted.where(PREFERENCES.c.rater == rater)).all())


def in_order(found: list[Pair], rater: str) -> list[Pair]:
    """Return the order in which a rater meets the pairs."""
    return sorted(found, key=lambda one: (one.task_id, hashlib.sha256(f"{rater}\0{one.pair}".encode()).hexdigest()))


def export_preferences(database: Engine, beside: Path) -> int:
    """Write all preferences next to an export: ``NAME.preferences.jsonl``; return how many. None: no file."""
    rows = preferences(database)
    if rows:
        lines = [json.dumps(dict(row._mapping), ensure_ascii=False, sort_keys=True) + "\n" for row in rows]
        write_bytes(beside.with_name(f"{beside.stem}.preferences.jsonl"), "".join(lines).encode())
    return len(rows)
