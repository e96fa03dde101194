"""Ways to make one sentence of an explanation worse; each is a function of its arguments alone.

A number counts as changed only where neither the explanation nor what it cites says the new one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from xhaim.records import Explanation, Statement

Kind: TypeAlias = Literal[
    "number nudged", "degree", "source misnamed", "citation dropped", "citation needless", "number tenfold", "side",
    "denial", "another drug", "wrong citation", "another's sentence", "unit", "time", "invented finding",
]  # fmt: skip
Edit: TypeAlias = Callable[[Explanation, int, str, "Explanation | None"], Statement | None]
"""The explanation, the place of a sentence, what to draw by, another patient's explanation -> the sentence made worse;
None where it has no place for it."""


def draw(key: str, n: int) -> int:
    """Return a number below ``n`` that the key decides."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % n


_NUMBER = re.compile(
    r"(?<![\w.:/-])\d+(?:\.\d+)?(?![\w:/]|\.\d)(?! (?:h|min|days?) before)"
    r"(?! (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))"
)
_OF_MODEL = re.compile(r"; (?:yet without|without|taking|the effect of) |, needed: |\(90 % interval")
_DEGREES = {
    "small": "large", "large": "small", "mild": "severe", "severe": "mild", "moderate": "minimal", "trace": "large",
    "minimal": "marked", "above the usual range": "below the usual range",
    "below the usual range": "above the usual range", "within the usual range": "above the usual range",
    "up from": "down from", "down from": "up from", "increased": "decreased", "worsening": "improving",
    "improved": "worsened", "at or above the operating point": "below the operating point",
}  # fmt: skip
_SIDES = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "bilateral": "left", "Bilateral": "Left"}
_KINDS = {
    "radiology report": "discharge summary", "discharge summary": "ECG report", "chest X-ray report": "ECG report",
    "chest X-ray": "echocardiogram", "ECG report": "radiology report",
}  # fmt: skip
_DENIALS = (
    (r"\bNo (?=[a-z])", ""), (r"\bno (?=[a-z])", ""), (r"\bdenied\b", "affirmed"), (r"\baffirmed\b", "denied"),
    (r": not met;", ": met;"), (r": met;", ": not met;"), (r' says "', ' says "No '),
    (r"\bwithout (?=[a-z]+ [a-z]+)", "with "),
    (r"\bwas (?=\d)", "was not "), (r"\bread the\b", "did not read the"),
)  # fmt: skip
_DRUGS = ("amiodarone", "vancomycin", "digoxin", "methotrexate", "warfarin", "lithium")
_FINDINGS = ("a pneumothorax", "ascites", "a hip fracture", "a subdural hematoma", "endocarditis")
_UNITS = {
    "mg/dL": "g/dL", "g/dL": "mg/dL", "mmol/L": "mg/dL", "mEq/L": "mg/dL", "mmHg": "cmH2O", "bpm": "mmHg",
    "insp/min": "bpm", "K/uL": "mg/dL", "°C": "°F", "%": "mmHg",
}  # fmt: skip


def _number(change: Callable[[str, str], str]) -> Edit:
    def edit(explanation: Explanation, place: int, key: str, _: Explanation | None) -> Statement | None:
        text = explanation.statements[place].text
        until = _OF_MODEL.search(text)
        found = list(_NUMBER.finditer(text, 0, until.start() if until else len(text)))
        if not found:
            return None
        known = set(_NUMBER.findall(" ".join([one.text for one in explanation.statements])))
        known |= set(_NUMBER.findall(" ".join(one.quote for one in explanation.citations)))
        one = found[draw(key, len(found))]
        new = change(one.group(), key)
        return None if new in known else _with(explanation, place, text[: one.start()] + new + text[one.end() :])

    return edit


def _nudged(old: str, key: str) -> str:
    digits = len(old.partition(".")[2])
    step = (1 + draw(key, 2)) * 10**-digits
    return f"{float(old) + step:.{digits}f}"


def _swapped(table: Mapping[str, str], *, also_risk: bool = True) -> Edit:
    pattern = re.compile("|".join(rf"\b{re.escape(word)}(?!\w)" for word in sorted(table, key=len, reverse=True)))

    def edit(explanation: Explanation, place: int, key: str, _: Explanation | None) -> Statement | None:
        text = explanation.statements[place].text
        found = list(pattern.finditer(text)) if also_risk or explanation.statements[place].role != "risk" else []
        if not found:
            return None
        one = found[draw(key, len(found))]
        return _with(explanation, place, text[: one.start()] + table[one.group()] + text[one.end() :])

    return edit


def _denial(explanation: Explanation, place: int, _: str, __: Explanation | None) -> Statement | None:
    text = explanation.statements[place].text
    for old, new in _DENIALS:
        changed = re.sub(old, new, text, count=1)
        if changed != text:
            return _with(explanation, place, changed)
    return None


def _added(words: str, options: Sequence[str]) -> Edit:
    def edit(explanation: Explanation, place: int, key: str, _: Explanation | None) -> Statement | None:
        if explanation.statements[place].role == "risk":
            return None
        text = explanation.statements[place].text
        head, mark, tail = (
            text.partition("; ") if explanation.statements[place].role != "checklist" else (text.rstrip("."), "", "")
        )
        said = words.format(options[draw(key, len(options))])
        return _with(explanation, place, f"{head.rstrip('.')}, {said}{mark}{tail}".rstrip(".") + ".")

    return edit


def _time(explanation: Explanation, place: int, key: str, _: Explanation | None) -> Statement | None:
    text = explanation.statements[place].text
    found = list(re.finditer(r"\b(\d+)(?= (?:h|min|days) before)", text))
    if not found:
        return None
    one = found[0]
    return _with(
        explanation, place, f"{text[: one.start()]}{int(one.group()) + (3, 5, 9)[draw(key, 3)]}{text[one.end() :]}"
    )


def _dropped(explanation: Explanation, place: int, key: str, _: Explanation | None) -> Statement | None:
    one = explanation.statements[place]
    if not one.markers:
        return None
    gone = one.markers[draw(key, len(one.markers))]
    return replace(one, markers=tuple(marker for marker in one.markers if marker != gone))


def _needless(explanation: Explanation, place: int, key: str, _: Explanation | None) -> Statement | None:
    one, more = explanation.statements[place], _other_markers(explanation, place)
    return replace(one, markers=(*one.markers, more[draw(key, len(more))])) if more and one.role != "risk" else None


def _wrong(explanation: Explanation, place: int, key: str, _: Explanation | None) -> Statement | None:
    one, more = explanation.statements[place], _other_markers(explanation, place)
    return replace(one, markers=(more[draw(key, len(more))],)) if more and one.markers else None


def _other_markers(explanation: Explanation, place: int) -> list[int]:
    """Return the markers of what says something else than what the sentence cites."""
    mine = [one for one in explanation.citations if one.marker in explanation.statements[place].markers]
    said = {(one.label, one.quote) for one in mine}
    return [one.marker for one in explanation.citations if one not in mine and (one.label, one.quote) not in said]


def _anothers(explanation: Explanation, place: int, key: str, other: Explanation | None) -> Statement | None:
    one = explanation.statements[place]
    if other is None or not one.markers:
        return None
    own = {statement.text for statement in explanation.statements}
    theirs = [x for x in other.statements if x.role == one.role and x.markers and x.text not in own]
    return replace(one, text=theirs[draw(key, len(theirs))].text) if theirs else None


def _with(explanation: Explanation, place: int, text: str) -> Statement:
    return replace(explanation.statements[place], text=text)


EDITS: Mapping[Kind, Edit] = {
    "number nudged": _number(_nudged),
    "number tenfold": _number(lambda old, _: f"{float(old) * 10:g}"),
    "degree": _swapped(_DEGREES),
    "side": _swapped(_SIDES),
    "source misnamed": _swapped(_KINDS, also_risk=False),
    "unit": _swapped(_UNITS),
    "denial": _denial,
    "another drug": _added("and {} was given", _DRUGS),
    "invented finding": _added("with {}", _FINDINGS),
    "time": _time,
    "citation dropped": _dropped,
    "citation needless": _needless,
    "wrong citation": _wrong,
    "another's sentence": _anothers,
}
