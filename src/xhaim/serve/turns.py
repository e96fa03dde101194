"""How often each user may ask the model: a page that does costs seconds of the one model that all wait for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock

from fastapi import HTTPException, Request

from xhaim.serve.accounts import User
from xhaim.serve.security import Rates

PER_MINUTE = 30
"""Pages that ask the model, of one user."""
AT_ONCE = 3
"""Of them under way at the same time."""


class Turns:
    """Who asks the model: each user so many times a minute, and few at once."""

    def __init__(self, per_minute: int = PER_MINUTE, at_once: int = AT_ONCE) -> None:
        self.at_once, self.busy = at_once, Counter[str]()
        self._rates, self._lock = Rates(per_minute), Lock()

    @contextmanager
    def of(self, login: str) -> Iterator[None]:
        """Let a user ask. Raises 429 where they ask too often, or too much at once."""
        with self._lock:
            if self.busy[login] >= self.at_once:
                raise HTTPException(429, "The model still works on what you asked before: try again in a moment.")
            if not self._rates.take(login):
                raise HTTPException(429, "The model was asked very often from this account: try again in a minute.")
            self.busy[login] += 1
        try:
            yield
        finally:
            with self._lock:
                self.busy[login] -= 1
                self.busy += Counter()  # drops those who ask nothing


def turn(request: Request, user: User) -> AbstractContextManager[None]:
    """Return what a page asks the model in. Raises 429 where its user may not just now."""
    turns: Turns = request.app.state.turns
    return turns.of(user.login)
