"""What makes a reply worth keeping: whole, not empty, and JSON by the schema where one was asked for."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from xhaim.errors import BackendError
from xhaim.ports import Reply

MAX_DEPTH = 40


class UnusableReplyError(BackendError):
    """The model answered, but nothing that can be used; asking in other words may help."""

    def __init__(self, model: str, why: str, reply: Reply | None = None, *, do: str | None = None) -> None:
        super().__init__(f"the language model '{model}' gave no usable answer: {why}", do=do)
        self.why, self.reply = why, reply


def fault_of(reply: Reply, schema: dict[str, Any] | None) -> str | None:
    """Return why a reply is no success, without a word of it; ``None`` for a good one."""
    if reply.finish_reason == "length":
        return "the answer was cut by its length"
    if not reply.text.strip():
        return "the answer is empty"
    if schema is None:
        return None
    try:
        answer = json.loads(reply.text)
    except (ValueError, RecursionError):
        return "the answer is not JSON"
    if _depth(answer) > MAX_DEPTH:
        return f"the answer is nested deeper than {MAX_DEPTH}"
    faults = sum(1 for _ in Draft202012Validator(schema).iter_errors(answer))
    return f"the answer does not fit the schema ({faults} faults)" if faults else None


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
