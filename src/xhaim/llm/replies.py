"""What makes a reply worth keeping: whole, not empty, and JSON by the schema where one was asked for."""

from __future__ import annotations

import json
import re
from typing import Any

from jsonschema import Draft202012Validator

from xhaim.errors import BackendError
from xhaim.ports import Reply

MAX_DEPTH = 40
WHY = " gave no usable answer: "
"""What stands before the reason in an UnusableReplyError's message."""
_CUT = {"length": "the answer was cut by its length", "content_filter": "the server withheld the answer"}
"""Reasons to stop after which an answer is not whole."""
_HALF = re.compile("[\ud800-\udfff]")
"""Halves of characters: JSON can spell them, UTF-8 cannot hold them."""


class UnusableReplyError(BackendError):
    """The model answered, but nothing that can be used; asking in other words may help."""

    def __init__(self, model: str, why: str, reply: Reply | None = None, *, do: str | None = None) -> None:
        super().__init__(f"the language model '{model}'{WHY}{why}", do=do)
        self.why, self.reply = why, reply


def fault_of(reply: Reply, schema: dict[str, Any] | None) -> str | None:
    """Return why a reply is no success, without a word of it; ``None`` for a good one."""
    fault = _CUT.get(reply.finish_reason)
    if not reply.text.strip():
        fault = fault or "the answer is empty"
    elif _HALF.search(reply.text):
        fault = fault or "the answer is no valid text"
    return fault if fault or schema is None else _misfit(reply.text, schema)


def _misfit(text: str, schema: dict[str, Any]) -> str | None:
    try:
        answer = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return "the answer is not JSON"
    if _depth(answer) > MAX_DEPTH:
        return f"the answer is nested deeper than {MAX_DEPTH}"
    faults = sum(1 for _ in Draft202012Validator(schema).iter_errors(answer))
    return f"the answer does not fit the schema ({faults} faults)" if faults else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says a key twice: which one counts would be up to the reader."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _depth(value: Any) -> int:  # noqa: ANN401  (whatever JSON can hold)
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth
