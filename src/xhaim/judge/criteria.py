"""Sentences against themselves: a value, the range or threshold beside it, the moment, and what is said to follow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from xhaim.records import Citation, Explanation, Issue, Statement
from xhaim.text.sentences import sentences
from xhaim.text.values import before

_NEEDED = re.compile(r"(above|below|at least|at most) (-?\d+(?:\.\d+)?)")
_LIMIT = r"(?:above|below|at least|at most) -?\d+(?:\.\d+)?(?: (?!or )\S+)?"
_FORM = re.compile(rf" \d+ (?:min|h|days) before, needed: ({_LIMIT}(?: or {_LIMIT})*)$")
_VALUE = re.compile(r"-?\d+(?:\.\d+)?")
_MOMENT = re.compile(r"\d+ (?:min|h|days) before")
_OF_DOCUMENT = re.compile(r"[^:]+: (?:affirmed|denied) by a document (\d+ (?:min|h|days) before)")
_EFFECT = re.compile(r"; (?=yet without|without|taking|the effect of)(.*)$", re.DOTALL)
_UNIT = re.compile(r"(?:above|below|at least|at most) -?\d+(?:\.\d+)?( (?!or )[^,;]*?)?(?= or |$)")
_OF_OTHERS = re.compile(r"\d+ of \d+")
_TREND = re.compile(r"was (-?\d+(?:\.\d+)?)[^;()]{0,80}(?:\([^()]{0,80}\))?, (up|down) from (-?\d+(?:\.\d+)?)")
NEEDLESS = "a citation that is needless, or bears nothing out"
_RANGE = re.compile(
    r"was (-?\d+(?:\.\d+)?)[^;()]{0,80}\([^;()]{0,40}; (above|below|within) the usual range of "
    r"(-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)\)"
)


def misread(statement: Statement, citations: Sequence[Citation], place: int, now: datetime | None) -> Iterator[Issue]:
    """Yield what is wrong with a sentence by its own figures and those of what it cites. ``now``: of the prediction.

    ``Lactate was 4.2 mmol/L at ... (2 h before; above the usual range of 0.5 to 2)``: the value must lie where it is
    said to. ``Lactate above 2 mmol/L: not met; Lactate 1.3 mmol/L 13 h before, needed: above 2 mmol/L``: the value, its
    moment and the status must be those of what is cited. Other forms (a rise, a count of others) are not looked at.
    """
    for value, side, low, high in _RANGE.findall(statement.text):
        lies = "below" if float(value) < float(low) else "above" if float(value) > float(high) else "within"
        if lies != side:
            yield Issue("factuality", "considerable", "a value lies elsewhere in its range", statement.text, place)
    for value, way, earlier in _TREND.findall(statement.text):
        if (float(value) > float(earlier)) != (way == "up") or float(value) == float(earlier):
            yield Issue("factuality", "considerable", "a value has gone the other way", statement.text, place)
    if statement.role in ("for", "against") and _beyond(statement.text):
        yield Issue("factuality", "considerable", "a sentence says more, which rests on nothing", statement.text, place)
    if statement.role == "checklist" and statement.status in ("met", "not met"):
        yield from _criterion(statement, citations, place, now)


def _beyond(text: str) -> bool:
    """Say whether another sentence follows the clause on what the model does, where no check of claims looks."""
    effect = _EFFECT.search(text)
    return effect is not None and len(sentences(effect[1])) > 1


def _criterion(
    statement: Statement, citations: Sequence[Citation], place: int, now: datetime | None
) -> Iterator[Issue]:
    head, *clauses = statement.text.removesuffix(".").split("; ")
    cited = [one for one in citations if one.marker in statement.markers]
    if not head.endswith(f": {statement.status}"):
        yield Issue("factuality", "major", "a criterion says another status than it has", head, place)
    of_document = any(map(_OF_DOCUMENT.match, clauses))
    for one in cited if not _OF_OTHERS.search(statement.text) else ():
        if not (one.quote in statement.text if one.kind == "measurement" else of_document):
            yield Issue("citation", "minor", NEEDLESS, statement.text, place, one.marker)
    if len(clauses) == 1 and _other_limits(head, clauses[0], cited):
        yield Issue("factuality", "major", "a criterion needs another threshold or unit than it names", head, place)
    held: list[bool | None] = []
    for clause in clauses:
        said, issues = _clause(clause, cited, place, now)
        yield from issues
        held.append(_holds(said.quote, clause) if said else None)
    if held and None not in held and any(held) != (statement.status == "met"):
        yield Issue(
            "factuality", "major", "a criterion's status does not follow from its values", statement.text, place
        )


def _other_limits(head: str, clause: str, cited: Sequence[Citation]) -> bool:
    """Say whether the thresholds in a criterion's name are not those it is held to, or not in its value's unit."""
    form = _FORM.search(clause)
    if form is None or not _NEEDED.search(head):
        return False
    units = {one.quote.partition(" ")[2] for one in cited if one.kind == "measurement"} | {"", "per minute"}
    named = {unit.strip() for text in (head.rpartition(":")[0], form[1]) for unit in _UNIT.findall(text)}
    told, asked = set(_NEEDED.findall(head)), set(_NEEDED.findall(form[1]))
    fits = asked <= told if head.endswith(": met") else asked == told  # what is met names the limit that is
    return not fits or not named <= units


def _clause(
    clause: str, cited: Sequence[Citation], place: int, now: datetime | None
) -> tuple[Citation | None, list[Issue]]:
    """Return the value that a clause names, if it is cited, and what is wrong with the clause."""
    issues = []
    named = [one for one in cited if one.kind == "measurement" and clause.startswith(f"{one.label} ")]
    said = [one for one in named if clause.startswith(f"{one.label} {one.quote} ")]
    if named and not said:
        issues.append(Issue("factuality", "major", "a criterion names another value than it cites", clause, place))
    spoken = _OF_DOCUMENT.match(clause)
    if "," in clause.partition(", needed: ")[2] or (spoken and spoken.end() < len(clause)):
        told = "a criterion says more than it can rest on"
        issues.append(Issue("factuality", "considerable", told, clause, place))
    sources = said or ([one for one in cited if one.kind == "span"] if spoken else [])
    moment = _MOMENT.search(clause)
    if now and moment and sources and moment.group() not in {before(one.time, now) for one in sources}:
        told = "a criterion names another moment than it cites"
        issues.append(Issue("factuality", "considerable", told, clause, place))
    return (said[0] if said else None), issues


def risk_misread(statement: Statement, explanation: Explanation, place: int) -> Iterator[Issue]:
    """Yield an issue where the sentence of the risk puts it on the wrong side of the operating point."""
    risk, threshold = explanation.risk, explanation.threshold
    said = re.search(r"(at or above|below) the operating point", statement.text)
    if statement.role != "risk" or said is None or risk is None or threshold is None:
        return
    if (risk >= threshold) != (said[1] == "at or above"):
        yield Issue("factuality", "major", "the risk lies on the other side of the operating point", said[0], place)


def _holds(quote: str, clause: str) -> bool | None:
    """Say whether a value meets what its clause needs; ``None`` where that is in other words."""
    value, form = _VALUE.search(quote), _FORM.search(clause)
    if value is None or form is None:
        return None
    number = float(value.group())
    met = {"above": float.__gt__, "below": float.__lt__, "at least": float.__ge__, "at most": float.__le__}
    return any(met[word](number, float(limit)) for word, limit in _NEEDED.findall(form[1]))
