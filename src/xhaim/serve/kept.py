"""A small memory of what was made last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")
_KEPT = 256


class Kept:
    """The last few things that were asked for; safe under threads."""

    def __init__(self, most: int = _KEPT) -> None:
        self._most, self._turn, self._held = most, threading.Lock(), OrderedDict[Hashable, Any]()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what is kept under a key, or make it; two threads may make one thing twice, to the same end."""
        with self._turn:
            if key in self._held:
                self._held.move_to_end(key)
                return cast("T", self._held[key])
        made = make()
        self.put(key, made)
        return made

    def peek(self, key: Hashable) -> Any:  # noqa: ANN401  (whatever was put)
        """Return what is kept under a key; ``None``: nothing is."""
        with self._turn:
            return self._held.get(key)

    def put(self, key: Hashable, made: object) -> None:
        """Keep something under a key; what was asked for longest ago goes."""
        with self._turn:
            self._held[key] = made
            self._held.move_to_end(key)
            while len(self._held) > self._most:
                self._held.popitem(last=False)

    def drop(self, key: Hashable) -> None:
        """Forget what is kept under a key."""
        with self._turn:
            self._held.pop(key, None)
