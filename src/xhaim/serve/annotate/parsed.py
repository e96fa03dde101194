"""A file of verdicts, read: JSONL or csv, whoever wrote it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from xhaim.errors import DataError
from xhaim.judge.verdicts import verdict_from_json
from xhaim.records import Verdict
from xhaim.serve.annotate.exported import COLUMNS, FORMULA, no_format
from xhaim.serve.annotate.scoring import NOT_SCORED

_MAX_BYTES = 50_000_000
_MAX_CELL = 1_000_000


def parsed(path: Path) -> Iterator[tuple[int, Verdict | str]]:
    """Return line and verdict, or why there is none, of each line or item of a ``.jsonl`` or ``.csv`` file.

    Raises DataError for a file that cannot be read at all.
    """
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
    raise no_format(path)


def _of_jsonl(text: str) -> Iterator[tuple[int, Verdict | str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, verdict_from_json(line, "the line")
            except DataError as error:
                yield number, f"no verdict: {error.got}"


def _of_csv(text: str) -> Iterator[tuple[int, Verdict | str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    csv.field_size_limit(_MAX_CELL)
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
    if comment.startswith("'") and comment[1:2] in FORMULA:
        comment = comment[1:]
    reasons = {name: NOT_SCORED for name, score in scores.items() if score is None}
    return Verdict(sample_id, task_id, explanation, rater, scores, reasons, comment=comment)
