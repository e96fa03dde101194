"""MEDEC's csv: clinical texts as numbered sentences, some with one injected error; and which texts are twins."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xhaim.errors import DataError

FILE = "medec/MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv"
_NEEDED = ("Text ID", "Text", "Sentences")
_YES = ("1", "1.0")
_TWINS_SHARE = 0.5
"""Of the word triples of the shorter text: near-duplicates share nearly all, unrelated texts a few of a hundred."""


@dataclass(frozen=True, slots=True)
class Text:
    """One row."""

    text_id: str
    sentences: tuple[str, ...]
    numbers: tuple[int, ...]
    """MEDEC's number of each sentence."""
    wrong: int | None
    """Index of the wrong sentence; ``None``: there is none, or no sentence has the number that the file says."""
    flagged: bool | None
    """Whether there is an error; ``None``: the file does not say."""
    kind: str
    correction: str


def read(path: Path) -> list[Text]:
    """Read the rows that have sentences (the public test file holds empty ones, of texts under an agreement)."""
    csv.field_size_limit(10_000_000)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            lacking = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
            if lacking:
                raise DataError(
                    f"'{path}' is no csv of MEDEC", got=rows.fieldnames, expected=f"columns {', '.join(_NEEDED)}"
                )
            return [_text(row) for row in rows if (row["Sentences"] or "").strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"'{path}' cannot be read", got=error, expected="a csv of MEDEC, UTF-8") from error


def _text(row: dict[str, str]) -> Text:
    numbers, sentences = _numbered(row["Sentences"])
    flag, at = (row.get("Error Flag") or "").strip(), (row.get("Error Sentence ID") or "").strip()
    said = int(float(at)) if flag in _YES and re.fullmatch(r"-?\d{1,6}(\.0)?", at) else -1
    wrong = numbers.index(said) if said in numbers else None
    kind, correction = (" ".join((row.get(name) or "").split()) for name in ("Error Type", "Corrected Sentence"))
    flagged = flag in _YES if flag else None
    return Text(row["Text ID"], tuple(sentences), tuple(numbers), wrong, flagged, kind, correction)


def _numbered(cell: str) -> tuple[list[int], list[str]]:
    """Return numbers and sentences; a line with no number, or not the next, belongs to the sentence before."""
    numbers: list[int] = []
    sentences: list[str] = []
    for line in cell.splitlines():
        found = re.match(r"\s*(\d{1,6})(?:\s+|$)", line)
        if found and (not numbers or int(found[1]) == numbers[-1] + 1):
            numbers.append(int(found[1]))
            sentences.append(line[found.end() :])
        elif sentences:
            sentences[-1] += " " + line
        else:
            numbers.append(0)
            sentences.append(line)
    return numbers, [" ".join(sentence.split()) for sentence in sentences]


def twins(texts: Sequence[Text]) -> NDArray[np.int64]:
    """Return the group of each text, [n]: texts that share half of the word triples of the shorter, and their kin."""
    triples = [_triples(text) for text in texts]
    group = list(range(len(texts)))
    for i in range(len(texts)):
        for j in range(i):
            least = min(len(triples[i]), len(triples[j]))
            if least and len(triples[i] & triples[j]) / least > _TWINS_SHARE:
                old, new = group[i], group[j]
                group = [new if one == old else one for one in group]
    return np.array(group, dtype=np.int64)


def _triples(text: Text) -> set[tuple[str, str, str]]:
    words = re.findall(r"[a-z0-9]+", " ".join(text.sentences).lower())
    return set(zip(words, words[1:], words[2:], strict=False))
