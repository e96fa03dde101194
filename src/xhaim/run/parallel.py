"""The one door to more than one processor: jobs done here, in processes, or on a Ray cluster, with the same bytes.

Each process uses one thread, so that their number never changes a result. More threads in one process gain little on
the small matrices of a summary, and on a busy machine lose much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TypeVar

import polars as pl

from xhaim.errors import DataError, PrerequisiteError
from xhaim.ports import Progress
from xhaim.run.context import EngineName, Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.engines import Engine, Here, Processes, one_thread
from xhaim.run.faults import Ended, Work, attempt
from xhaim.run.watch import Quiet

__all__ = ["ShardWork", "close_engines", "each_shard", "one_thread", "share"]

T = TypeVar("T")

_OPEN: dict[tuple[EngineName, int], Engine] = {}


def share(run: Run, work: Work[T], jobs: Sequence[T], progress: Progress) -> None:
    """Do ``work(run, job)`` for every job: here, or in ``run.workers`` processes of the run's engine.

    The notes that it returns are said in the order of the jobs. A fault that the user can mend is raised after the jobs
    under way have ended. Any other costs its own job alone: a DataError counts them when all others are done. What was
    written stays; the same command does only the rest.
    """
    task = partial(attempt, work, replace(run, watch=Quiet(), workers=1))
    ended: dict[int, Ended] = {}
    progress(0, len(jobs))
    with closing(_engine(run, len(jobs)).outcomes(run, task, jobs)) as outcomes:
        for place, one in outcomes:
            if one.error is not None:
                raise one.error
            ended[place] = one
            progress(len(ended), len(jobs))
    for place in sorted(ended):
        for note in ended[place].notes:
            run.watch.note(note)
    _raise_faults([ended[place] for place in sorted(ended) if ended[place].fault])


def _raise_faults(faulty: Sequence[Ended]) -> None:
    if faulty:
        counted = Counter(one.fault for one in faulty)
        raise DataError(
            f"{len(faulty)} parts of this stage failed; all others are done and kept",
            got=", ".join(f"{fault} ({n})" for fault, n in sorted(counted.items(), key=str)),
            do="the same command does only these again; if they fail again, tell the developers these places",
        ) from RuntimeError(faulty[0].trace)


ShardWork = Callable[[Run, int, pl.DataFrame], pl.DataFrame]
"""From the number of a shard and its samples to its rows; a function of a module, or a partial of one."""


def each_shard(
    run: Run, stage: Stage, shards: Iterable[tuple[int, pl.DataFrame]], work: ShardWork, progress: Progress
) -> Stage:
    """Write the rows of every shard whose file is not there yet, and return the stage.

    Raises PrerequisiteError where a file was written and is not seen here: a node that has storage of its own.
    """
    every = list(shards)
    todo = [(index, samples) for index, samples in every if not stage.shard(index).exists()]
    share(run, partial(_one_shard, stage, work), todo, progress)
    unseen = [index for index, _ in todo if not stage.shard(index).exists()]
    if unseen:
        raise PrerequisiteError(
            f"{len(unseen)} files of {stage.folder} were written and are not seen here",
            expected="a run directory on storage that all nodes share",
            do="put --out there; on NFS mount it with lookupcache=positive",
        )
    progress(len(every), len(every))
    return stage


def _one_shard(stage: Stage, work: ShardWork, run: Run, job: tuple[int, pl.DataFrame]) -> Sequence[str]:
    index, samples = job
    write_frame(stage.shard(index), work(run, index, samples))
    return tuple(run.watch.notes)


def _engine(run: Run, jobs: int) -> Engine:
    """Return who does so many jobs of a run: this process, or an engine that stays open for the next stage."""
    if run.workers == 1 or jobs < 2:
        return Here()
    which = (run.engine, run.workers)
    if which not in _OPEN:
        if run.engine == "ray":
            from xhaim.run.on_ray import Cluster

            _OPEN[which] = Cluster(run.workers)
        else:
            _OPEN[which] = Processes(run.workers)
    return _OPEN[which]


def close_engines() -> None:
    """End the processes of all engines."""
    while _OPEN:
        _OPEN.popitem()[1].close()
