"""The counts and measured values of evidence by source and arm, and the places that a claim names.

Trial registries list ``Anaemia 3/46 (6.52%)`` under ``Adverse Events 1:`` and so on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xhaim.verify.entail_words import content

_PART = re.compile(r"\b(primary|secondary) trial\s*:", re.IGNORECASE)
_ARM = re.compile(r"\b(?:adverse events|results|intervention|cohort|arm|group)\s+(\d)\s*:", re.IGNORECASE)
_COUNT = re.compile(r"([^()\n/%:]{2,90}?)[:\s]\s*(\d{1,7})/(\d{1,7})(?:\s*\(\s*(\d{1,3}(?:\.\d{1,4})?)\s*%\s*\))?")
_VALUE = re.compile(r"unit of measure:[^\n\d]{0,120}?\s(-?\d{1,7}(?:\.\d{1,4})?)", re.IGNORECASE)
REFERENCE = re.compile(
    r"\b(primary|secondary) trial|\b(?:cohort|arm|group|intervention)\s*(1|2|one|two|a|b)\b", re.IGNORECASE
)
_ARM_OF = {"1": 1, "one": 1, "a": 1, "2": 2, "two": 2, "b": 2}
_MAX_ROWS = 5_000
Reference = tuple[int | None, int | None]
"""(source, arm) that a claim names; None where it does not say which."""


@dataclass(frozen=True, slots=True)
class Row:
    """One count: ``of`` people, ``n`` with what is named, in an arm of a part; values alone have ``of`` None."""

    part: int
    arm: int
    name: frozenset[str]
    n: float
    of: float | None

    @property
    def percent(self) -> float:
        """Of 100; the value itself where it is not a count."""
        return 100.0 * self.n / self.of if self.of else self.n


def parts(evidence: str) -> list[str]:
    """Return the evidence by source: what follows ``Primary trial:`` and ``Secondary trial:``; else all of it."""
    marks = list(_PART.finditer(evidence))
    if not marks:
        return [evidence]
    ends = [*(mark.start() for mark in marks[1:]), len(evidence)]
    return [evidence[mark.end() : end] for mark, end in zip(marks, ends, strict=True)]


def arms(part: str) -> list[tuple[int, str]]:
    """Return (arm, text) of a source in order; arm 1 where no heading numbers one."""
    marks = list(_ARM.finditer(part))
    if not marks:
        return [(1, part)]
    ends = [*(mark.start() for mark in marks[1:]), len(part)]
    return [(int(mark[1]), part[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]


def rows(evidence: str) -> list[Row]:
    """Return every count and measured value of the evidence."""
    found: list[Row] = []
    for at, part in enumerate(parts(evidence)):
        for arm, text in arms(part):
            counts = _COUNT.finditer(text)
            found += [Row(at, arm, frozenset(content(one[1])), float(one[2]), float(one[3])) for one in counts]
            found += [Row(at, arm, frozenset(), float(one[1]), None) for one in _VALUE.finditer(text)]
    return found[:_MAX_ROWS]


def references(claim: str) -> list[Reference]:
    """Return the (part, arm) that a claim names, in order, None where it does not say which."""
    found: list[Reference] = []
    for match in REFERENCE.finditer(claim):
        if match[1]:
            part = int(match[1].lower() == "secondary")
            if found and found[-1][0] is None:  # ``cohort 1 of the primary trial``
                found = [(part, arm) if at is None else (at, arm) for at, arm in found]
            else:
                found.append((part, None))
        else:
            known = found[-1][0] if found and found[-1][1] is None else None
            if known is not None:
                found.pop()
            found.append((known, _ARM_OF[match[2].lower()]))
    return found
