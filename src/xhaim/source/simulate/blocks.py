"""Blocks of stays, drawn here or in several processes and appended to the files in their order.

A block is a function of the seed and its number alone, so that the files are the same bytes whatever the number of
processes. A patient never crosses the edge of a block. At most two blocks for each process are in memory.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xhaim.errors import BackendError
from xhaim.ports import Progress
from xhaim.source.simulate.layout import TABLES, headers

STAYS_PER_BLOCK = 50


@dataclass(frozen=True, slots=True)
class Block:
    """What a block of stays has written but for its images."""

    packed: dict[str, bytes]
    """Table -> what is appended to its file."""
    rows: dict[str, int]
    counts: dict[str, int]


def write_blocks(
    root: Path, draw: Callable[[int], Block], stays: int, workers: int, progress: Progress
) -> dict[str, Any]:
    """Write every block's rows below ``root``; return the sums of their counts, and of ``rows`` by table.

    ``draw`` is a function of a module (it goes to other processes) and returns the block of a number, from 0.
    """
    counts: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    with ExitStack() as stack:
        files = {}
        for name, path in TABLES.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            files[name] = stack.enter_context((root / path).open("wb"))
            files[name].write(headers()[name])
        for block in _drawn(draw, -(-stays // STAYS_PER_BLOCK), workers):
            for name, packed in block.packed.items():
                files[name].write(packed)
            counts.update(block.counts)
            rows.update(block.rows)
            progress(counts["stays"], stays)
    return {**counts, "rows": dict(rows)}


def _drawn(draw: Callable[[int], Block], blocks: int, workers: int) -> Iterator[Block]:
    """Yield the blocks in their order."""
    if workers == 1 or blocks == 1:
        yield from map(draw, range(blocks))
        return
    context = multiprocessing.get_context("spawn")  # fork would copy the locks of threads that it does not copy
    with ProcessPoolExecutor(min(workers, blocks), mp_context=context) as pool:
        try:
            waiting: deque[Future[Block]] = deque()
            for number in range(blocks):
                waiting.append(pool.submit(draw, number))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise BackendError(
                "a process that simulates was killed, most likely for want of memory", do="fewer processes"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
