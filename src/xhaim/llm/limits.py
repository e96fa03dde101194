"""How much may be asked, how much at a time, and when to stop: budgets, a circuit breaker, many questions at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from xhaim.errors import BackendError, XhaimError
from xhaim.ports import LanguageModel, Pixels, Progress, Reply, silent

T = TypeVar("T")
R = TypeVar("R")


class UnreachableError(BackendError):
    """The server, not the answer, was at fault: no connection, too slow, overloaded, or an error of its own."""


class StoppedError(XhaimError):
    """No more can be asked in this run: a budget is spent, or the server is gone. What was answered is kept."""


@dataclass(slots=True)
class Limited:
    """A language model with a budget and a circuit breaker; itself a LanguageModel, for several threads.

    After ``failures`` faults of the server in a row, nobody asks for ``pause_s`` seconds (and a random part of that
    more); then one question tries. After ``trials`` such trials without an answer the run is stopped, so that an
    outage never turns into thousands of second-best results.
    """

    model: LanguageModel
    max_calls: int | None = None
    max_total_tokens: int | None = None
    failures: int = 5
    pause_s: float = 15.0
    trials: int = 3
    calls: int = 0
    tokens: int = 0
    _in_a_row: int = 0
    _tried: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _trying: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def fingerprint(self) -> str:
        """What else decides an answer: the model's own."""
        return str(getattr(self.model, "fingerprint", ""))

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None, images: Sequence[Pixels] = ()) -> Reply:
        """Ask within the limits. Raises StoppedError beyond them, BackendError as the model does."""
        ask = asking(self.model, system, user, schema, images)
        if self._in_a_row >= self.failures:
            with self._trying:
                return self._try(ask)
        return self._ask(ask)

    def _try(self, ask: Callable[[], Reply]) -> Reply:
        """One thread at a time: wait, then ask, unless another has found the server well meanwhile."""
        if self._in_a_row >= self.failures:
            if self._tried >= self.trials:
                raise StoppedError(
                    f"the server of '{self.name}' does not answer",
                    got=f"{self._in_a_row} faults in a row",
                    do="start it and run the same command again: what was answered is kept",
                )
            time.sleep(self.pause_s * (1 + random.random() / 2))  # noqa: S311  (jitter, no secret)
            self._tried += 1
        return self._ask(ask)

    def _ask(self, ask: Callable[[], Reply]) -> Reply:
        self._spend()
        try:
            reply = ask()
        except UnreachableError:
            with self._lock:
                self._in_a_row += 1
            raise
        except BackendError:
            self._well(0)
            raise
        self._well((reply.tokens_in or 0) + (reply.tokens_out or 0))
        return reply

    def _well(self, tokens: int) -> None:
        with self._lock:
            self._in_a_row = self._tried = 0
            self.tokens += tokens

    def _spend(self) -> None:
        with self._lock:
            over = [
                f"{name}={limit}"
                for name, limit, used in (
                    ("llm.max_calls", self.max_calls, self.calls),
                    ("llm.max_total_tokens", self.max_total_tokens, self.tokens),
                )
                if limit is not None and used >= limit
            ]
            if over:
                raise StoppedError(
                    "the budget for the language model is spent",
                    got=f"{self.calls} calls, {self.tokens} tokens",
                    expected=", ".join(over),
                    do="raise it and run the same command again: what was answered is kept and costs nothing",
                )
            self.calls += 1


def asking(
    model: LanguageModel, system: str, user: str, schema: dict[str, Any] | None, images: Sequence[Pixels]
) -> Callable[[], Reply]:
    """Return the question to be asked; a model without eyes is given no images, and need not know of them."""
    if len(images):
        return lambda: model.ask(system, user, schema, images)
    return lambda: model.ask(system, user, schema)


def each(work: Callable[[T], R], items: Iterable[T], workers: int, progress: Progress = silent) -> list[R]:
    """Do ``work`` for every item, ``workers`` at a time; return the results in the order of the items.

    The first error is raised after those under way have ended; nothing new is begun after it.
    """
    todo: Sequence[T] = list(items)
    if workers < 2 or len(todo) < 2:
        done = []
        for item in todo:
            done.append(work(item))
            progress(len(done), len(todo))
        return done
    with ThreadPoolExecutor(min(workers, len(todo))) as pool:
        futures = [pool.submit(work, item) for item in todo]
        left = set(futures)
        while left:
            ended, left = wait(left, timeout=1.0, return_when=FIRST_EXCEPTION)
            progress(len(todo) - len(left), len(todo))
            if any(one.exception() is not None for one in ended):
                pool.shutdown(wait=True, cancel_futures=True)
                break
        faults = [one.exception() for one in futures if one.done() and not one.cancelled() and one.exception()]
        if faults and faults[0] is not None:
            raise faults[0]
        return [one.result() for one in futures]
