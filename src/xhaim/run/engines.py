"""Who does the jobs of a stage: this process, or processes of this machine. ``on_ray.py`` is a third."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from xhaim.errors import BackendError
from xhaim.run.context import Run
from xhaim.run.faults import Ended, travelling

T = TypeVar("T")
Outcomes = Generator[tuple[int, Ended], None, None]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TRIES = 3
"""Times that a job is begun again whose process was killed, before the killing is taken for its own fault."""


class Engine(Protocol):
    """Who does the jobs of a stage."""

    def outcomes(self, run: Run, task: Callable[[T], Ended], jobs: Sequence[T]) -> Outcomes:
        """Yield the place of each job of a run and how it ended, as they end. Closed early, it begins no more."""

    def close(self) -> None:
        """End its processes."""


def one_thread() -> None:
    """Let numeric libraries use one thread: another number of threads adds in another order, and rounds otherwise."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"  # for those that are not imported yet
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


class Here:
    """This process, one job after the other."""

    def outcomes(self, run: Run, task: Callable[[T], Ended], jobs: Sequence[T]) -> Outcomes:
        """Do them in order."""
        for place, job in enumerate(jobs):
            yield place, task(job)

    def close(self) -> None:
        """Nothing to end."""


@dataclass(slots=True)
class Processes:
    """Processes of this machine; one that is killed costs the jobs under way, which are begun again."""

    workers: int
    _pool: ProcessPoolExecutor | None = None

    def outcomes(self, run: Run, task: Callable[[T], Ended], jobs: Sequence[T]) -> Outcomes:
        """Do them in any order. Raises BackendError, after all others, where one is killed even when it runs alone."""
        left, sent, deadly = dict(enumerate(jobs)), partial(elsewhere, task), 0
        while left:
            with closing(self._round(sent, left)) as ended:
                for place, one in ended:
                    del left[place]
                    yield place, one
            for place in list(left)[: 2 * self.workers + 1]:  # under way or next when a process was killed
                alone = self._alone(sent, left.pop(place))
                if alone is None:
                    deadly += 1
                else:
                    yield place, alone
        if deadly:
            raise killed()

    def _alone(self, task: Callable[[T], Ended], job: T) -> Ended | None:
        """Do one job while no other runs; ``None`` where its process is killed at every try."""
        for _ in range(TRIES + 1):
            with closing(self._round(task, {0: job})) as ended:
                for _, one in ended:
                    return one
        return None

    def _round(self, task: Callable[[T], Ended], jobs: dict[int, T]) -> Outcomes:
        """Do all jobs with one pool; where one of its processes is killed, the pool is lost, and some jobs missing."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # fork would copy the locks of threads that it does not copy
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=one_thread)
        futures = {}
        try:
            for place, job in list(jobs.items()):
                futures[self._pool.submit(task, job)] = place
            for future in as_completed(futures):
                if not isinstance(future.exception(), BrokenProcessPool):
                    yield futures[future], future.result()
            if any(future.exception() for future in futures):
                self.close()
        except BrokenProcessPool:  # it broke while it was being fed
            self.close()
        finally:
            wait([future for future in futures if not future.cancel()])

    def close(self) -> None:
        """End them."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def killed() -> BackendError:
    """Return what is said where a job's process is killed again and again."""
    return BackendError(
        f"a worker process was killed, {TRIES + 1} times at the same work, most likely for want of memory",
        do="run the same command again: it goes on where it stopped; fewer processes with --workers 1",
    )


def elsewhere(task: Callable[[T], Ended], job: T) -> Ended:
    """Do a job in another process than the one that asks."""
    return travelling(task(job))
