"""What people said, written out: JSONL of verdicts, csv with a row for each score, or among a run's verdicts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Engine

from xhaim.atomic import write_bytes
from xhaim.errors import DataError
from xhaim.judge.verdicts import slug, verdict_json
from xhaim.records import Verdict
from xhaim.run.agreement import PEOPLE
from xhaim.run.directory import write_json
from xhaim.run.judging import FOLDER
from xhaim.serve.annotate.drawing import identity_of, items
from xhaim.serve.annotate.scoring import verdicts
from xhaim.serve.results import StoredRun

COLUMNS = ("sample_id", "task_id", "explanation", "rater", "dimension", "score", "comment")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""How a cell begins that a spreadsheet would compute; such a comment is written with an apostrophe before it."""


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
        raise no_format(path)
    write_bytes(path, text.encode())
    return len(told)


def into_run(database: Engine, run: StoredRun) -> tuple[int, int]:
    """Write what was said of the explanations that a run stores among its verdicts, where the statistics look.

    Their names stand in ``people.json`` beside them, so that nobody takes them for programs. Returns how many were
    written, and how many were left out, since the run stores these very words no more.
    """
    written, raters = 0, set[str]()
    told = verdicts(database, items(database))
    for one in told:
        task = run.task(one.task_id)
        if task is None or identity_of(run, task, one.sample_id) != one.explanation:
            continue
        path = run.root / FOLDER / slug(one.rater) / one.task_id / f"{one.sample_id}.json"
        write_bytes(path, verdict_json(one).encode())
        written += 1
        raters.add(one.rater)
    if raters:
        write_json(run.root / FOLDER / PEOPLE, sorted(raters))
    return written, len(told) - written


def no_format(path: Path) -> DataError:
    """Return the error of a file of another suffix."""
    return DataError("no such format", got=path.suffix[:20] or "no suffix", expected="a file .jsonl or .csv")


def _as_csv(told: Sequence[Verdict]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for one in told:
        comment = f"'{one.comment}" if one.comment.startswith(FORMULA) else one.comment
        for dimension, score in one.scores.items():
            cell = "" if score is None else score
            writer.writerow((one.sample_id, one.task_id, one.explanation, one.rater, dimension, cell, comment))
    return out.getvalue()
