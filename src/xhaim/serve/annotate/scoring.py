"""What raters say, kept the moment it is said; each rater's rows are their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, insert, select

from xhaim.errors import DataError
from xhaim.judge.rubric import Rubric, load_rubric
from xhaim.records import DIMENSIONS, Verdict
from xhaim.serve.annotate.drawing import Item
from xhaim.serve.annotate.tables import COMMENTS, ITEMS, MOST_COMMENT, SCORES
from xhaim.serve.database import reading, writing

NOT_SCORED = "not scored"
"""The reason of a score that a person has not given."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one rater has said of one item."""

    scores: Mapping[str, int]
    comment: str

    @property
    def missing(self) -> tuple[str, ...]:
        """Dimensions without a score; of further axes none is asked."""
        return tuple(name for name in DIMENSIONS if name not in self.scores)

    @property
    def whole(self) -> bool:
        """Say whether every dimension has its score."""
        return not self.missing


def rubric() -> Rubric:
    """Return what people score on."""
    return load_rubric()


def save_score(database: Engine, explanation: str, rater: str, dimension: str, score: int, by: str) -> None:
    """Keep one score; it is on the disk when this returns.

    Raises DataError for an unknown item or dimension, and for a score that the dimension does not have.
    """
    check_score(dimension, score)
    with writing(database) as connection:
        put_score(connection, explanation, rater, dimension, score, by)


def check_score(dimension: str, score: int) -> None:
    """Raise DataError for a dimension that there is not, or a score that it does not have."""
    rubric().axis(dimension).level(score)


def put_score(connection: Connection, explanation: str, rater: str, dimension: str, score: int, by: str) -> None:
    """Keep one checked score within a transaction."""
    _known(connection, explanation)
    mine = (SCORES.c.explanation == explanation) & (SCORES.c.rater == rater) & (SCORES.c.dimension == dimension)
    connection.execute(delete(SCORES).where(mine))
    values = {"explanation": explanation, "rater": rater, "dimension": dimension, "score": score}
    connection.execute(insert(SCORES).values(**values, entered_by=by, saved_at=_now()))


def save_comment(database: Engine, explanation: str, rater: str, comment: str, by: str) -> None:
    """Keep a comment; an empty one is taken away."""
    if len(comment) > MOST_COMMENT:
        raise DataError("the comment is too long", got=f"{len(comment):,}", expected=f"{MOST_COMMENT:,} characters")
    with writing(database) as connection:
        put_comment(connection, explanation, rater, comment, by)


def put_comment(connection: Connection, explanation: str, rater: str, comment: str, by: str) -> None:
    """Keep a comment within a transaction."""
    _known(connection, explanation)
    comment = plain(comment)
    mine = (COMMENTS.c.explanation == explanation) & (COMMENTS.c.rater == rater)
    connection.execute(delete(COMMENTS).where(mine))
    if comment.strip():
        values = {"explanation": explanation, "rater": rater, "comment": comment, "entered_by": by}
        connection.execute(insert(COMMENTS).values(**values, saved_at=_now()))


def plain(comment: str) -> str:
    """Return a comment as it is kept: lines end in one way, and no null character, which some databases refuse."""
    return comment.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _known(connection: Connection, explanation: str) -> None:
    if connection.scalar(select(ITEMS.c.explanation).where(ITEMS.c.explanation == explanation)) is None:
        raise DataError("no such item", got=explanation[:64], expected="an explanation that was drawn")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def said(database: Engine) -> dict[tuple[str, str], Said]:
    """Return (explanation, rater) -> what was said, for everybody who said anything."""
    with reading(database) as connection:
        scores = connection.execute(select(SCORES)).all()
        comments = connection.execute(select(COMMENTS)).all()
    told = {(row.explanation, row.rater): row.comment for row in comments}
    found: dict[tuple[str, str], dict[str, int]] = {key: {} for key in told}
    for row in scores:
        found.setdefault((row.explanation, row.rater), {})[row.dimension] = row.score
    return {key: Said(given, told.get(key, "")) for key, given in found.items()}


def verdicts(database: Engine, drawn: list[Item]) -> list[Verdict]:
    """Return what was said as verdicts, by task, sample and rater; a score not given is null, and says so."""
    by_name = {item.explanation: item for item in drawn}
    found = []
    for (explanation, rater), one in said(database).items():
        item = by_name[explanation]
        scores = {name: one.scores.get(name) for name in (*DIMENSIONS, *sorted(set(one.scores) - set(DIMENSIONS)))}
        reasons = {name: NOT_SCORED for name, score in scores.items() if score is None}
        found.append(Verdict(item.sample_id, item.task_id, explanation, rater, scores, reasons, comment=one.comment))
    return sorted(found, key=lambda one: (one.task_id, one.sample_id, one.explanation, one.rater))
