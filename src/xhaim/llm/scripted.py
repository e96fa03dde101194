"""A language model that answers from a script: for demonstrations and for the tests of whoever builds on xHAIM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xhaim.errors import BackendError
from xhaim.ports import Reply


@dataclass(slots=True)
class ScriptedModel:
    """Gives the replies in order; an exception among them is raised. Keeps what it was asked."""

    replies: Sequence[str | Exception]
    name: str = "scripted"
    asked: list[tuple[str, str, dict[str, Any] | None]] = field(default_factory=list)
    """(system, user, schema) of every question so far."""

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None) -> Reply:
        """Return the next reply of the script. Raises BackendError when it is used up."""
        self.asked.append((system, user, schema))
        if len(self.asked) > len(self.replies):
            raise BackendError("the script has no more replies", got=f"question {len(self.asked)}")
        reply = self.replies[len(self.asked) - 1]
        if isinstance(reply, Exception):
            raise reply
        return Reply(reply, self.name, "stop", None, None, 0.0)
