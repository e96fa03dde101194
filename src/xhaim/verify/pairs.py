"""Claims with their evidence, and what people said of them, read from the layouts in which they are published.

A csv or JSON lines with a claim, its evidence and a label in each row (HealthVer, SciFact-like sets, one's own), or
the JSON of NLI4CT beside its trial records (``trials.py``).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from xhaim.errors import DataError
from xhaim.verify.trials import Trials, is_statement

Label = Literal["entailment", "neutral", "contradiction"]
LABELS: tuple[Label, ...] = ("entailment", "neutral", "contradiction")

MAX_BYTES = 512 * 2**20
MAX_CHARACTERS = 200_000
"""Of one claim or one evidence text: a guard, hundreds of times what a person would judge."""

_SAID: dict[Label, str] = {
    "entailment": "entailment entailed entail entails supports support supported true yes e 0",
    "neutral": "neutral nei not_enough_info notenoughinfo not_found unknown maybe unverifiable n 1",
    "contradiction": "contradiction contradicted contradict contradicts refutes refute refuted false no c 2",
}
_LABEL_OF: dict[str, Label] = {word: label for label in LABELS for word in _SAID[label].split()}
_COLUMNS = {
    "claim": ("claim", "hypothesis", "statement", "sentence2"),
    "evidence": ("evidence", "premise", "context", "sentence1", "evidence_text", "evidences"),
    "label": ("label", "gold_label", "verdict"),
    "group": ("group", "topic_ip", "topic", "question"),
    "pair_id": ("id", "pair_id", "uid"),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim and the evidence that it is held against."""

    pair_id: str
    claim: str
    evidence: str
    """The evidence texts, each on lines of its own, in their order."""
    label: Label | None
    """What people said; None where the file does not say."""
    group: str
    """What must stay together when rows are held out: the topic, the trial, else the evidence itself."""


def read_pairs(path: Path, trials: Path | None = None) -> list[Pair]:
    """Read every pair of a ``.csv``, ``.tsv``, ``.jsonl`` or ``.json`` file, in its order.

    ``trials``: where the records of NLI4CT lie, a folder or ``CT_json.tar.gz``; beside the file unless said. Raises
    DataError with the row where the file is of another layout; no claim is quoted.
    """
    if not path.is_file():
        raise DataError(f"no file '{path}'", expected="a .csv, .tsv, .jsonl or .json with claims and their evidence")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"'{path.name}' is too large", got=f"{path.stat().st_size:,} bytes", expected=f"{MAX_BYTES:,}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"'{path.name}' is not UTF-8", got=f"byte {error.start}", do="save it as UTF-8") from None
    if path.suffix.lower() in {".csv", ".tsv"}:
        pairs = list(_of_rows(path.name, _csv_rows(path.name, text, "\t" if path.suffix.lower() == ".tsv" else ",")))
    else:
        pairs = _of_json(path, text, trials)
    if not pairs:
        raise DataError(f"'{path.name}' holds no claim", expected="at least one row")
    return pairs


def _of_json(path: Path, text: str, trials: Path | None) -> list[Pair]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # several values, one a line; or none
        return list(_of_rows(path.name, _json_lines(path.name, text)))
    if isinstance(found, dict) and found and all(is_statement(row) for row in found.values()):
        records = Trials.open(trials or path.parent)
        return [
            Pair(
                key, _text(path.name, key, row["Statement"]), records.evidence(row), _label(path.name, key, row), group
            )
            for key, row in found.items()
            for group in [records.group(row)]
        ]
    rows = found if isinstance(found, list) else [found]
    return list(_of_rows(path.name, enumerate(rows, 1)))


def _csv_rows(name: str, text: str, separator: str) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(MAX_CHARACTERS)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"'{name}', line {reader.line_num}: {error}", expected="one claim a row") from None


def _json_lines(name: str, text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                raise DataError(f"'{name}', line {number}: no JSON", expected="one JSON object a line") from None


def _of_rows(name: str, rows: Iterable[tuple[int, Any]]) -> Iterator[Pair]:
    for number, row in rows:
        if not isinstance(row, Mapping):
            raise DataError(f"'{name}', row {number}: no object", got=type(row).__name__, expected="claim, evidence")
        lower = {str(key).strip().lower(): value for key, value in row.items() if key is not None}
        cell = {role: _first(lower, names) for role, names in _COLUMNS.items()}
        for role in ("claim", "evidence"):
            if cell[role] is None:
                raise DataError(
                    f"'{name}', row {number}: no {role}",
                    got=", ".join(sorted(lower))[:200],
                    expected=f"one of the columns {', '.join(_COLUMNS[role])}, not empty",
                )
        texts = cell["evidence"] if isinstance(cell["evidence"], list) else [cell["evidence"]]
        evidence = "\n".join(_text(name, number, one) for one in texts)
        group = str(cell["group"]) if cell["group"] is not None else evidence
        said = _label(name, number, {"Label": cell["label"]})
        yield Pair(str(cell["pair_id"] or number), _text(name, number, cell["claim"]), evidence, said, group)


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:  # noqa: ANN401  (a cell of anybody's file)
    """Return the first column that is there and not empty."""
    return next((row[name] for name in names if row.get(name) not in (None, "", [])), None)


def _text(name: str, row: object, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_CHARACTERS:
        got = f"{len(value):,} characters" if isinstance(value, str) else type(value).__name__
        raise DataError(f"'{name}', row {row}: no text", got=got, expected=f"1 to {MAX_CHARACTERS:,} characters")
    return value


def _label(name: str, row: object, cells: Mapping[str, Any]) -> Label | None:
    said = cells.get("Label")
    if said is None:
        return None
    known = _LABEL_OF.get("_".join(str(said).strip().casefold().replace("-", " ").split()))
    if known is None:
        raise DataError(
            f"'{name}', row {row}: a label that is not known",
            got=str(said)[:40],
            expected=f"{', '.join(LABELS)}, or supports, neutral, refutes",
        )
    return known
