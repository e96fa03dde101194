"""Negation on the 2,376 real sentences of the open NegEx annotations: F1 of ``negated``, in two halves.

    python -m benchmarks.negation [--data FOLDER]

The halves are drawn by a hash of the sentence, so that the same sentence is never in both. Rules are chosen by looking
at the errors of the first (``--errors``); the second is only ever counted.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from xhaim.text.polarity import polarity


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence, the condition that it names, and whether a person read the condition as denied."""

    condition: str
    sentence: str
    negated: bool

    @property
    def second(self) -> bool:
        """Whether it is in the half that is only counted."""
        return hashlib.sha256(self.sentence.casefold().encode()).digest()[0] % 2 == 1

    @property
    def read_as_negated(self) -> bool:
        """What our rules say; a condition that is not found word by word is taken to be the whole sentence."""
        pattern = r"\s+".join(map(re.escape, self.condition.split()))
        at = re.search(pattern, self.sentence, re.IGNORECASE)
        start, end = at.span() if at else (0, len(self.sentence))
        return polarity(self.sentence, start, end) == "negated"


def rows(folder: Path) -> list[Row]:
    """Return the annotated sentences."""
    lines = (folder / "rsAnnotations-1-120-random.txt").read_text(encoding="latin-1").splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    return [Row(condition, sentence, label == "Negated") for _, condition, sentence, label, *_ in cells]


def f1(found: list[Row]) -> float:
    """F1 of ``negated``."""
    hits = sum(row.negated and row.read_as_negated for row in found)
    wrong = sum(row.negated != row.read_as_negated for row in found)
    return 2 * hits / (2 * hits + wrong)


def main() -> None:
    """Print F1 by half; with ``--errors`` the first half's errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside)
    parser.add_argument("--errors", action="store_true")
    given = parser.parse_args()
    found = rows(given.data / "negex")
    first, second = [row for row in found if not row.second], [row for row in found if row.second]
    for name, half in (("first half (to choose by)", first), ("second half (only counted)", second), ("all", found)):
        print(f"{name:<28} {len(half):5} sentences, {sum(row.negated for row in half):4} denied: F1 {f1(half):.4f}")
    for row in first if given.errors else ():
        if row.negated != row.read_as_negated:
            print(f"  {'missed' if row.negated else 'false alarm'}: [{row.condition}] {row.sentence}")


if __name__ == "__main__":
    main()
