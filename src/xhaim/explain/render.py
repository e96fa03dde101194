"""An explanation as plain text for the terminal, and as JSON, out and in."""

from __future__ import annotations

import json
import math
import textwrap
from typing import Any

from pydantic import TypeAdapter, ValidationError

from xhaim.errors import DataError
from xhaim.explain.words import points, shown
from xhaim.records import Citation, Explanation, KnowledgeCitation, Statement
from xhaim.text.values import printable

_HEADINGS = {
    "risk": None,
    "for": "Evidence for",
    "against": "Evidence against",
    "observed": "What the record holds",
    "knowledge": "What medicine says",
    "checklist": "Criteria",
    "missing": "Missing or stale",
    "change": "What would change it",
    "model": "The model",
    "limits": "Limits",
}
_MAX_BYTES = 8_000_000
_ADAPTER = TypeAdapter(Explanation)


def to_text(explanation: Explanation, width: int = 100) -> str:
    """Return the explanation for a terminal: sentences with [n] by role, then the numbered sources."""
    parts = [_wrap(printable(explanation.question), width, "")]
    if explanation.simulated:
        parts.append(_wrap("SIMULATED data: these are not real patients.", width, ""))
    leaky = "LEAKY: " if explanation.report_policy == "index_included" else ""
    parts.append(_wrap(f"{leaky}Radiology text: {explanation.report_policy}.", width, ""))
    for role, heading in _HEADINGS.items():
        lines = [_sentence(one) for one in _told(explanation, role)]
        if lines:
            parts.append("\n".join([*([f"\n{heading}"] if heading else [""]), *(_wrap(x, width, "- ") for x in lines)]))
    if explanation.citations:
        parts.append("\n".join(["\nSources", *(_wrap(_source(one), width, "") for one in explanation.citations)]))
    if explanation.knowledge:
        parts.append("\n".join(["\nKnowledge", *(_wrap(_known(one), width, "") for one in explanation.knowledge)]))
    if explanation.additive:
        parts.append("\n".join(["\nShares that sum to the risk less the base rate", *_shares(explanation)]))
    if explanation.dropped:
        count = len(explanation.dropped)
        parts.append(f"\nNot shown, since it failed a check: {count} {'item' if count == 1 else 'items'}.")
    return "\n".join(parts) + "\n"


def _told(explanation: Explanation, role: str) -> list[Statement]:
    """Return the statements of a role; of criteria those that are met, and one line each for all others."""
    mine = [one for one in explanation.statements if one.role == role]
    if role != "checklist":
        return mine
    told = [one for one in mine if one.status == "met"]
    for status in ("not met", "unknown"):
        some = [one for one in mine if one.status == status]
        if some:
            names = "; ".join(one.text.split(": ", 1)[0] for one in some)
            marks = tuple(dict.fromkeys(marker for one in some for marker in one.markers))
            told.append(Statement(f"{status.capitalize()}: {names}.", "checklist", marks))
    return told


def _known(citation: KnowledgeCitation) -> str:
    line = citation.line
    place = "" if line.url is None else f", {shown(line.url)}"
    return f"[K {citation.marker}] {shown(line.source)}{place} ({shown(line.licence)}): {shown(line.text)}"


def _shares(explanation: Explanation) -> list[str]:
    return [f"- {name}: {points(share)}" for name, share in explanation.additive.items()]


def _sentence(statement: Statement) -> str:
    marks = "".join([f"[{one}]" for one in statement.markers] + [f"[K {one}]" for one in statement.knowledge])
    text = printable(statement.text)
    return f"{text.removesuffix('.')} {marks}." if marks else text


def _source(citation: Citation) -> str:
    quote = f'"{shown(citation.quote)}"' if citation.kind == "span" else shown(citation.quote)
    place = "" if citation.start is None else f", characters {citation.start} to {citation.end}"
    known = "" if citation.known_at == citation.time else f", known {citation.known_at:%Y-%m-%d %H:%M}"
    label, source_id = shown(citation.label), shown(citation.source_id)
    return f"[{citation.marker}] {label}, {citation.time:%Y-%m-%d %H:%M}{known} ({source_id}{place}): {quote}"


def _wrap(text: str, width: int, bullet: str) -> str:
    indent = "  " if bullet else ""
    return textwrap.fill(text, max(20, width), initial_indent=bullet, subsequent_indent=indent, break_on_hyphens=False)


def to_json(explanation: Explanation) -> str:
    """Return the explanation as JSON; ``from_json`` gives back an equal one."""
    return _ADAPTER.dump_json(explanation, indent=1).decode()


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of what ``to_json`` writes."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ADAPTER.json_schema(mode="serialization")}


def from_json(text: str) -> Explanation:
    """Return the explanation that ``to_json`` wrote.

    The text may come from anywhere: raises DataError unless it is exactly what ``to_json`` would write of it (no
    unknown key, no other type, no number that is not finite) and its risks lie in [0, 1]. Whether it holds for a
    record is for ``verify`` to say.
    """
    if len(text.encode("utf-8", "replace")) > _MAX_BYTES:
        raise _refused(f"more than {_MAX_BYTES:,} bytes")
    try:
        explanation = _ADAPTER.validate_json(text)
        same = _canonical(to_json(explanation)) == _canonical(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _refused(f"at {'.'.join(str(part) for part in first['loc']) or 'the top'}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise _refused("text that is not well-formed") from None
    if not same:
        raise _refused("keys, types or numbers that no explanation has")
    _check_ranges(explanation)
    return explanation


def _canonical(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True)


def _check_ranges(explanation: Explanation) -> None:
    risks = [explanation.risk, explanation.low, explanation.high, explanation.base_rate, explanation.threshold]
    if not all(math.isfinite(risk) and 0 <= risk <= 1 for risk in risks if risk is not None):
        raise _refused("a risk outside 0 to 1")
    times = [time for citation in explanation.citations for time in (citation.time, citation.known_at)]
    if any(time.tzinfo is not None for time in times):
        raise _refused("a time with a zone")


def _refused(got: str) -> DataError:
    return DataError(
        "this is not an explanation",
        got=got,
        expected="JSON as xhaim writes it",
        do="write it again with xhaim explain",
    )
