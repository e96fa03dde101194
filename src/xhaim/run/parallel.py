"""Shards and splits shared among processes, each of one thread, so that their number never changes a result.

More threads in one process gain little on the small matrices of a summary, and on a busy machine lose much.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from typing import TypeVar

from xhaim.errors import BackendError
from xhaim.ports import Progress
from xhaim.run.context import Run
from xhaim.run.watch import Quiet

T = TypeVar("T")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def one_thread() -> None:
    """Let numeric libraries use one thread: another number of threads adds in another order, and rounds otherwise."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"  # for those that are not imported yet
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def share(run: Run, work: Callable[[Run, T], Sequence[str]], jobs: Sequence[T], progress: Progress) -> None:
    """Do ``work(run, job)`` for every job: here, or in ``run.workers`` processes.

    ``work`` is a function of a module, writes its own result, and returns notes for the user, which are said in the
    order of the jobs. An error of one job is raised after those under way have ended; what they wrote stays.
    """
    quiet = replace(run, watch=Quiet(), workers=1)
    notes: dict[int, Sequence[str]] = {}
    progress(0, len(jobs))
    if run.workers == 1 or len(jobs) < 2:
        for done, job in enumerate(jobs):
            notes[done] = work(quiet, job)
            progress(done + 1, len(jobs))
    else:
        context = multiprocessing.get_context("spawn")  # fork would copy the locks of threads that it does not copy
        size = min(run.workers, len(jobs))
        with ProcessPoolExecutor(size, mp_context=context, initializer=one_thread) as pool:
            places = {pool.submit(partial(work, quiet), job): place for place, job in enumerate(jobs)}
            try:
                for done, future in enumerate(as_completed(places)):
                    notes[places[future]] = future.result()
                    progress(done + 1, len(jobs))
            except BrokenProcessPool:
                raise BackendError(
                    "a worker process was killed, most likely for want of memory",
                    do="run the same command again: it goes on where it stopped; fewer processes with --workers 1",
                ) from None
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    for place in sorted(notes):
        for note in notes[place]:
            run.watch.note(note)
