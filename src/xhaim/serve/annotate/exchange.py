"""What people said, out and in: JSONL of verdicts, and csv with a row for each score."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from xhaim.atomic import write_bytes
from xhaim.errors import DataError
from xhaim.judge.verdicts import slug, verdict_from_json, verdict_json
from xhaim.records import Verdict
from xhaim.run.judging import FOLDER
from xhaim.serve.annotate.drawing import Item, items
from xhaim.serve.annotate.scoring import NOT_SCORED, Said, check_score, plain, put_comment, put_score, said, verdicts
from xhaim.serve.annotate.tables import FINAL, MOST_COMMENT
from xhaim.serve.database import writing

COLUMNS = ("sample_id", "task_id", "explanation", "rater", "dimension", "score", "comment")
_MAX_BYTES = 50_000_000
_MAX_LINE = 1_000_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""How a cell begins that a spreadsheet would compute; such a comment is written with an apostrophe before it."""


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


def export(database: Engine, path: Path) -> int:
    """Write everything that was said to ``.jsonl`` or ``.csv``, whole or not at all; return how many verdicts.

    Raises DataError for another suffix.
    """
    told = verdicts(database, items(database))
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(asdict(one), ensure_ascii=False, sort_keys=True) + "\n" for one in told)
    elif path.suffix == ".csv":
        text = _as_csv(told)
    else:
        raise _no_format(path)
    write_bytes(path, text.encode())
    return len(told)


def into_run(database: Engine, run: Path) -> int:
    """Write everything that was said beside the run's other verdicts, where the statistics look for them."""
    told = verdicts(database, items(database))
    for one in told:
        write_bytes(run / FOLDER / slug(one.rater) / one.task_id / f"{one.sample_id}.json", verdict_json(one).encode())
    return len(told)


def _no_format(path: Path) -> DataError:
    return DataError("no such format", got=path.suffix[:20] or "no suffix", expected="a file .jsonl or .csv")


def _as_csv(told: Sequence[Verdict]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for one in told:
        comment = f"'{one.comment}" if one.comment.startswith(_FORMULA) else one.comment
        for dimension, score in one.scores.items():
            cell = "" if score is None else score
            writer.writerow((one.sample_id, one.task_id, one.explanation, one.rater, dimension, cell, comment))
    return out.getvalue()


# ---- in -----------------------------------------------------------------------------------------------------


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
        for line, found in _read(path):
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


def _read(path: Path) -> Iterator[tuple[int, Verdict | str]]:
    """Yield line and verdict, or why there is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read", got=type(error).__name__, do="name a file that is there") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not text", expected="UTF-8") from None
    if len(raw) > _MAX_BYTES:
        raise DataError(f"{path} is too large", expected=f"at most {_MAX_BYTES:,} bytes")
    if path.suffix == ".jsonl":
        return _of_jsonl(text)
    if path.suffix == ".csv":
        return _of_csv(text)
    raise _no_format(path)


def _of_jsonl(text: str) -> Iterator[tuple[int, Verdict | str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, verdict_from_json(line, "the line")
            except DataError as error:
                yield number, f"no verdict: {error.got}"


def _of_csv(text: str) -> Iterator[tuple[int, Verdict | str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    csv.field_size_limit(_MAX_LINE)
    groups: dict[tuple[str, ...], tuple[int, list[list[str]]]] = {}
    try:
        if tuple(next(reader, ())) != COLUMNS:
            raise DataError("the csv has other columns", expected=", ".join(COLUMNS))
        begins = reader.line_num + 1
        for row in reader:
            if len(row) == len(COLUMNS):
                groups.setdefault(tuple(row[:4]), (begins, []))[1].append(row[4:])
            elif row:
                yield begins, f"{len(row)} cells where {len(COLUMNS)} are expected"
            begins = reader.line_num + 1
    except csv.Error:
        yield reader.line_num, "not csv from here on"
    for (sample_id, task_id, explanation, rater), (line, rows) in groups.items():
        yield line, _of_rows(sample_id, task_id, explanation, rater, rows)


def _of_rows(sample_id: str, task_id: str, explanation: str, rater: str, rows: list[list[str]]) -> Verdict | str:
    scores: dict[str, int | None] = {}
    for dimension, cell, _ in rows:
        if dimension in scores:
            return f"two scores of {dimension[:40]} by one rater"
        if cell and not (cell.isascii() and cell.isdigit() and len(cell) <= 3):
            return "a score that is not a whole number"
        scores[dimension] = int(cell) if cell else None
    comments = {comment for _, _, comment in rows}
    if len(comments) > 1:
        return "two comments of one rater on one item"
    comment = comments.pop()
    if comment.startswith("'") and comment[1:2] in _FORMULA:
        comment = comment[1:]
    reasons = {name: NOT_SCORED for name, score in scores.items() if score is None}
    return Verdict(sample_id, task_id, explanation, rater, scores, reasons, comment=comment)
