"""Damaged files through the readers: each is read, or refused with a typed error; none crashes, hangs or eats memory.

    python -m benchmarks.mutants [--format csv gz fhir ndjson dicom] [--n 100000] [--seed 0] [--workers 1]

A mutant depends on the seed, the format and its number alone. A worker reads one after the other, in memory-backed
files, with an alarm at 5 s and a ceiling on its address space; where it dies or no longer answers, its mutant is a
fault and another worker goes on behind it. Faulty mutants are kept in ``--keep``; then the exit status is 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from random import Random
from types import FrameType

from benchmarks.mutant_formats import ASIDE, FORMATS, READ, Format
from xhaim.errors import XhaimError

SECONDS = 5
MEMORY = 512 << 20
"""Bytes by which one mutant may raise the most that its worker ever held."""
ADDRESSES = 4 << 30
"""Bytes of addresses beyond those of a worker that has read a whole file of each kind."""
REFUSED, FAULT = "typed error", "FAULT"
OUTCOMES = (READ, ASIDE, REFUSED, FAULT)
_SILENCE = 4 * SECONDS


class HangError(BaseException):
    """Too slow; no ``except Exception`` of a reader may take it for a fault of the file."""


def mutant(name: str, made: Format, seed: int, number: int) -> bytes:
    """Return the bytes of one mutant."""
    random = Random(f"{seed}/{name}/{number}")
    return made.damage(random, random.choice(made.seeds))


def try_one(made: Format, path: Path, data: bytes) -> tuple[str, str | None]:
    """Return the outcome of one mutant, and what went wrong if it is FAULT."""
    path.write_bytes(data)
    before = _peak()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        outcome, problem = made.read(path), None
    except XhaimError as error:
        lost = isinstance(error.__cause__, MemoryError)
        outcome, problem = (FAULT, "memory, taken for a fault of the file") if lost else (REFUSED, None)
    except (Exception, HangError):
        outcome, problem = FAULT, traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    grown = _peak() - before
    return (FAULT, f"{grown >> 20} MiB of memory") if grown > MEMORY else (outcome, problem)


def _peak() -> int:
    """Return the most bytes that this process ever held; ``getrusage`` says its parent's where that is more (Linux)."""
    status = Path("/proc/self/status").read_bytes()
    at = status.index(b"VmHWM:") + 6
    return int(status[at : status.index(b"kB", at)]) << 10


def watch() -> None:
    """Let the alarm raise HangError in this process."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise HangError

    signal.signal(signal.SIGALRM, late)


def work(name: str, seed: int, numbers: range, keep: Path, tally: SynchronizedArray[float]) -> None:
    """Read the mutants of ``numbers``; ``tally`` has the outcomes, the slowest in seconds, and how many are done."""
    made = FORMATS[name]()
    watch()
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        path = Path(folder) / f"mutant{made.suffix}"
        for whole in made.seeds:
            try_one(made, path, made.damage(Random(0), whole))
        _limit()
        for number in numbers:
            data = mutant(name, made, seed, number)
            start = time.perf_counter()
            outcome, problem = try_one(made, path, data)
            tally[OUTCOMES.index(outcome)] += 1
            tally[4] = max(tally[4], time.perf_counter() - start)
            if problem is not None:
                save(keep, name, made, number, data, problem)
            tally[5] += 1


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESSES, used + ADDRESSES))


def save(keep: Path, name: str, made: Format, number: int, data: bytes, problem: str) -> None:
    """Keep a faulty mutant, and what went wrong beside it."""
    keep.mkdir(parents=True, exist_ok=True)
    (keep / f"{name}-{number}{made.suffix}").write_bytes(data)
    (keep / f"{name}-{number}.txt").write_text(problem, encoding="utf-8")


def shepherd(name: str, seed: int, numbers: range, keep: Path) -> list[float]:
    """Have all mutants of ``numbers`` read, by another worker after each that dies; return the tally."""
    total = [0.0] * 6
    while numbers:
        tally = multiprocessing.get_context("spawn").Array("d", 6)
        worker = multiprocessing.get_context("spawn").Process(target=work, args=(name, seed, numbers, keep, tally))
        worker.start()
        done, since = 0.0, time.monotonic()
        while worker.is_alive():
            worker.join(0.5)
            if tally[5] > done:
                done, since = tally[5], time.monotonic()
            elif time.monotonic() - since > _SILENCE + 60 * (not done):  # starting takes longer
                worker.kill()
                worker.join()
        lost = len(numbers) - int(tally[5])
        total = [max(a, b) if i == 4 else a + b for i, (a, b) in enumerate(zip(total, list(tally), strict=True))]
        numbers = numbers[int(tally[5]) :]
        if lost:
            made = FORMATS[name]()
            problem = f"the worker ended with {worker.exitcode}"
            save(keep, name, made, numbers[0], mutant(name, made, seed, numbers[0]), problem)
            total[OUTCOMES.index(FAULT)] += 1
            numbers = numbers[1:]
    return total


def _shares(n: int, workers: int) -> Iterable[range]:
    edges = [n * i // workers for i in range(workers + 1)]
    return (range(a, b) for a, b in pairwise(edges))


def main() -> None:
    """Try the formats, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", nargs="+", choices=sorted(FORMATS), default=list(FORMATS))
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("mutants"), help="where faulty mutants go")
    given = parser.parse_args()
    faults = 0.0
    for name in given.format:
        start = time.perf_counter()
        with ThreadPoolExecutor(given.workers) as pool:
            parts = list(
                pool.map(
                    lambda part, name=name: shepherd(name, given.seed, part, given.keep),
                    _shares(given.n, given.workers),
                )
            )
        seconds = time.perf_counter() - start
        counts = ", ".join(f"{sum(part[i] for part in parts):.0f} {outcome}" for i, outcome in enumerate(OUTCOMES))
        slowest = max(part[4] for part in parts)
        print(
            f"{name}: {given.n} mutants: {counts}; slowest {slowest:.3f} s; {given.n / seconds:.0f} a second",
            flush=True,
        )
        faults += sum(part[3] for part in parts)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
