"""Verdicts as JSON, out and in: one file each, in a folder for each rater and task."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from xhaim.errors import DataError
from xhaim.records import DIMENSIONS, Verdict

_ADAPTER = TypeAdapter(Verdict)
_MAX_BYTES = 1_000_000
_UNSAFE = re.compile(r"[^a-z0-9]+")
LOWEST, HIGHEST = 1, 5
"""Of the three dimensions; further axes of a rubric may begin at 0."""


def digest(explanation: bytes) -> str:
    """Return what a verdict calls an explanation by: SHA-256 of its JSON, in 64 hex digits."""
    return hashlib.sha256(explanation).hexdigest()


def slug(rater: str) -> str:
    """Return the folder name of a rater: small letters, digits and dashes; other raters get other names."""
    plain = _UNSAFE.sub("-", rater.lower()).strip("-")[:60]
    same = bool(plain) and plain.replace("-", " ") == rater
    return plain if same else f"{plain}-{hashlib.sha256(rater.encode('utf-8', 'replace')).hexdigest()[:8]}".lstrip("-")


def verdict_json(verdict: Verdict) -> str:
    """Return a verdict as JSON; ``verdict_from_json`` gives back an equal one."""
    return _ADAPTER.dump_json(verdict, indent=1).decode() + "\n"


def verdict_from_json(text: str | bytes, what: str = "the text") -> Verdict:
    """Return the verdict that a text holds; ``what`` it is called in errors.

    The text may come from anywhere. Raises DataError unless it is a verdict by ``records.Verdict``, whose scores are
    whole numbers (of the three dimensions from 1 to 5) or null, and which says of every null why.
    """
    if len(text) > _MAX_BYTES:
        raise _refused(what, f"more than {_MAX_BYTES:,} bytes")
    try:
        verdict = _ADAPTER.validate_json(text, strict=True)
        unknown = set(json.loads(text)) - set(Verdict.__dataclass_fields__)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _refused(what, f"at {'.'.join(map(str, first['loc'])) or 'the top'}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise _refused(what, "text that is not well-formed") from None
    if unknown:
        raise _refused(what, f"{len(unknown)} unknown keys")
    for fault in faults_of(verdict.scores, verdict.reasons):
        raise _refused(what, fault)
    return verdict


def faults_of(scores: Any, reasons: Any) -> list[str]:  # noqa: ANN401  (whatever came)
    """Return what is wrong with scores: a dimension that is not there, a score out of range, none without a reason."""
    found = [f"no {name}, not even null" for name in DIMENSIONS if name not in scores]
    for name, score in sorted(scores.items()):
        least = LOWEST if name in DIMENSIONS else 0
        if score is None:
            if not str(reasons.get(name) or "").strip():
                found.append(f"{name[:40]}: null without a reason")
        elif type(score) is not int or not least <= score <= HIGHEST:
            found.append(f"{name[:40]}: a score outside {least} to {HIGHEST}")
    return found


def _refused(what: str, got: str) -> DataError:
    return DataError(
        f"{what} is not a verdict",
        got=got,
        expected="sample_id, task_id, explanation, rater, scores, reasons; scores from 1 to 5, or null with a reason",
    )
