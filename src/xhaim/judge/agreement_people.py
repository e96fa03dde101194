"""Scores of people from files: JSONL of verdicts, or csv with a row for each score. All of it is checked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from xhaim.errors import DataError
from xhaim.judge.verdicts import faults_of, verdict_from_json
from xhaim.records import DIMENSIONS, Verdict

COLUMNS = ("sample_id", "task_id", "explanation", "rater", "dimension", "score", "comment")
"""Of a csv; ``explanation`` and ``comment`` may be empty, an empty ``score`` is none."""
FINAL = "final score"
"""Rater of what adjudication settled: made of others' scores, so it agrees with them and is no rater of its own."""
UNSCORED = "left empty"
"""Reason of a score that a csv does not have."""
_MAX_BYTES = 200_000_000
_MAX_NAME = 200
Item = tuple[str, str]
"""task_id and sample_id."""


def read_people(path: Path, known: Mapping[Item, str]) -> list[Verdict]:
    """Return the verdicts of a file, by rater, task and sample.

    ``known``: item -> SHA-256 of its explanation as it is now. Raises DataError, with the place in the file and
    without its words, for a broken file, a score outside 1 to 5, an item that is not known, a verdict of another
    text of the explanation, and two of one rater on one item that disagree; two that say the same are one.
    """
    text = _text(path)
    found = _from_csv(text, path.name) if path.suffix.lower() == ".csv" else _from_jsonl(text, path.name)
    kept: dict[tuple[str, str, str], Verdict] = {}
    for place, verdict in found:
        _check(verdict, known, f"{path.name}, {place}")
        key = (verdict.rater, verdict.task_id, verdict.sample_id)
        if key in kept and dict(kept[key].scores) != dict(verdict.scores):
            raise DataError(
                f"{path.name}, {place}: a second verdict of this rater on this item",
                got="other scores than the first",
                expected="one verdict for each rater and item",
                do="keep the one that holds",
            )
        kept.setdefault(key, verdict)
    return [kept[key] for key in sorted(kept)]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path.name} is too large", expected=f"at most {_MAX_BYTES:,} bytes")
        return path.read_bytes().decode("utf-8-sig")
    except OSError:
        raise DataError(f"{path} cannot be read", expected="a JSONL or csv file of verdicts") from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8", expected="a JSONL or csv file of verdicts") from None


def _check(verdict: Verdict, known: Mapping[Item, str], where: str) -> None:
    if not 0 < len(verdict.rater.strip()) <= _MAX_NAME or not verdict.rater.isprintable():
        raise DataError(f"{where}: no name of a rater", expected=f"1 to {_MAX_NAME} characters that can be printed")
    now = known.get((verdict.task_id, verdict.sample_id))
    if now is None:
        raise DataError(
            f"{where}: no such explanation in this run",
            got="a task and sample that were not explained",
            expected=f"one of the {len(known):,} items of the run",
            do="give the run that was annotated",
        )
    if verdict.explanation not in ("", now):
        raise DataError(
            f"{where}: the explanation reads otherwise now than when it was scored",
            do="give the run that was annotated, or annotate this one",
        )


def _from_jsonl(text: str, name: str) -> Iterator[tuple[str, Verdict]]:
    for place, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"line {place}", verdict_from_json(line, f"{name}, line {place}")


def _from_csv(text: str, name: str) -> Iterator[tuple[str, Verdict]]:
    """Put the rows of one rater and item together, in the order in which they begin."""
    gathered: dict[tuple[str, str, str], tuple[int, str, dict[str, int | None], list[str]]] = {}
    for place, row in _rows(text, name):
        key = (row["rater"], row["task_id"], row["sample_id"])
        _, explanation, scores, comments = gathered.setdefault(key, (place, row["explanation"], {}, []))
        score = _score(row["score"], f"{name}, row {place}")
        if scores.get(row["dimension"], score) != score or explanation != row["explanation"]:
            raise DataError(
                f"{name}, row {place}: a second score of this rater for this dimension",
                got="another than the first",
                expected="one score for each rater, item and dimension",
                do="keep the one that holds",
            )
        scores[row["dimension"]] = score
        comments += [row["comment"]] if row["comment"] and row["comment"] not in comments else []
    for (rater, task_id, sample_id), (place, explanation, given, comments) in gathered.items():
        scores = {**dict.fromkeys(DIMENSIONS), **given}
        reasons = {dimension: UNSCORED for dimension, score in scores.items() if score is None}
        for fault in faults_of(scores, reasons):
            raise DataError(f"{name}, rows from {place}", got=fault, expected="whole scores from 1 to 5, or empty")
        yield (
            f"row {place}",
            Verdict(sample_id, task_id, explanation, rater, scores, reasons, comment="\n".join(comments)),
        )


def _rows(text: str, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [column for column in COLUMNS[:-1] if column not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{name} has not the columns of scores", got=f"no {', '.join(missing)}", expected=COLUMNS)
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{name}, row {reader.line_num}: more or fewer cells than columns")
            yield reader.line_num, {column: (row.get(column) or "").strip() for column in COLUMNS}
    except csv.Error:
        raise DataError(f"{name} is no csv", got=f"a fault at line {reader.line_num}") from None


def _score(cell: str, where: str) -> int | None:
    if not cell:
        return None
    if len(cell) > 2 or not cell.isascii() or not cell.isdigit():
        raise DataError(f"{where}: not a score", expected="a whole number from 1 to 5, or empty")
    return int(cell)
