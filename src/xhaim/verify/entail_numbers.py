"""Numbers of a claim where the evidence has them: the same unit behind, the same words around."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xhaim.verify.entail_words import content, normal, stem

_PIECE = re.compile(r"[a-z]+|\d+(?:\.\d+)?|%|[<>]=?|/")
_THOUSANDS = re.compile(r"(\d),(\d{3})(?!\d)")
_SPELT = "zero one two three four five six seven eight nine ten eleven twelve"
_DIGITS = {word: str(value) for value, word in enumerate(_SPELT.split())}
_SAME = {"milligrams": "mg", "milligram": "mg", "kilogram": "kg", "kilograms": "kg", "grams": "g", "percent": "%"}
_SAME |= {"hours": "hour", "days": "day", "weeks": "week", "months": "month", "years": "year"}
_PLACES = frozenset(("cohort", "cohorts", "arm", "group", "intervention", "trial", "phase", "grade", "stage"))
_AROUND_CLAIM, _AROUND_EVIDENCE = 6, 10
"""Words either side that count as around a number."""


def number_columns(claim: str, evidence: str) -> dict[str, float]:
    """Return how many of the claim's numbers the evidence has with their unit, and among their words; -1: no number."""
    ours, theirs = [_DIGITS.get(piece, piece) for piece in _pieces(claim)], _pieces(evidence)
    stems = [stem(piece) for piece in theirs]
    places: dict[str, list[int]] = {}
    for at, piece in enumerate(theirs):
        places.setdefault(piece, []).append(at)
    unit: list[float] = []
    near: list[float] = []
    for at, piece in enumerate(ours):
        if not piece[0].isdigit() or (at and ours[at - 1] in _PLACES):
            continue
        there = places.get(piece, [])
        behind = ours[at + 1] if at + 1 < len(ours) else ""
        unit.append(float(any(theirs[place + 1 : place + 2] == [behind] for place in there)))
        around = frozenset(content(" ".join(ours[max(0, at - _AROUND_CLAIM) : at + _AROUND_CLAIM + 1])))
        near.append(_best(frozenset(word for word in around if word[0].isalpha()), stems, there))
    return {
        "number_unit": sum(unit) / len(unit) if unit else -1.0,
        "number_unit_least": min(unit, default=-1.0),
        "number_near": sum(near) / len(near) if near else -1.0,
        "number_near_least": min(near, default=-1.0),
    }


def _pieces(text: str) -> list[str]:
    return [_SAME.get(piece, piece) for piece in _PIECE.findall(_THOUSANDS.sub(r"\1\2", normal(text)))]


def _best(around: frozenset[str], stems: Sequence[str], there: Sequence[int]) -> float:
    """Return the greatest share of the words around that stand around one of the places; -0.3 without a place."""
    if not there:
        return -0.3
    reach = _AROUND_EVIDENCE
    shared = max(len(around & frozenset(stems[max(0, at - reach) : at + reach + 1])) for at in there[:200])
    return shared / max(1, len(around))
