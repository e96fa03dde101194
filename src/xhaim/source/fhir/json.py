"""JSON that nobody vouches for: parsed within limits, and what parsers let pass found again as a fault."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np

MAX_DEPTH = 100
"""Levels of objects and lists; FHIR's own resources stay below twenty."""
TWICE = "\0twice"
"""A key that an object gets in which another stood more than once."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)  # possessive: linear on hostile text
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


class UnreadableError(Exception):
    """Text that is no JSON within the limits."""


def parse(data: bytes) -> Any:  # noqa: ANN401
    """Return what a JSON text holds. Raises UnreadableError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("not UTF-8") from None
    if _depth(text) > MAX_DEPTH:  # before parsing: how deep a parser can go depends on the machine
        raise UnreadableError(f"nested more than {MAX_DEPTH} levels deep")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_number, strict=False)
    except ValueError:
        raise UnreadableError("not JSON") from None


def _depth(text: str) -> int:
    """Return how deep brackets outside strings are nested, or as many as there are where these are few."""
    opened = text.count("{") + text.count("[")
    if opened <= MAX_DEPTH:
        return opened
    brackets = np.frombuffer(_NO_BRACKETS.sub("", _STRING.sub("", text)).encode(), np.uint8)
    steps = np.where((brackets == ord("[")) | (brackets == ord("{")), 1, -1)
    return int(steps.cumsum().max(initial=0))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        made[TWICE] = True
    return made


def _number(digits: str) -> float:
    return int(digits) if len(digits) <= 18 else float(digits)


def fault_of(resource: dict[str, Any]) -> str | None:
    """Say what is wrong with a resource that parsers let pass."""
    left: list[Any] = [resource]
    faults = set()
    while left:
        item = left.pop()
        if isinstance(item, dict):
            if TWICE in item:
                faults.add("a key more than once in one object")
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
        elif isinstance(item, float) and not math.isfinite(item):
            faults.add("a number that is not finite")
        elif isinstance(item, str) and _NOT_TEXT.search(item):
            faults.add("text with NUL or half a surrogate pair")
    return min(faults, default=None)
