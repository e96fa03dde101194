"""From files to samples at scale, on SIMULATED stays: minutes and peak memory of each step.

    python -m benchmarks.scale [--stays 10000] [--workers 2] [--folder DIR]

Each step runs in a process of its own; its peak is that of the process and its children, as the kernel counts them.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from xhaim.config import RunSettings, SampleSettings
from xhaim.run.known import store_known
from xhaim.run.parallel import one_thread
from xhaim.run.people import gather
from xhaim.run.pipeline import begin
from xhaim.run.watch import Quiet
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate

STEPS = ("simulate", "ingest", "samples, labels, splits", "what was known")


def do(step: str, folder: Path, stays: int, workers: int) -> str:
    """Do one step, with what the steps before it left in ``folder``; return what it made, in words."""
    files, store, out = folder / "files", folder / "store", folder / "run"
    if step == "simulate":
        made = simulate(files, stays=stays, seed=7, images=False, workers=workers)
        return f"{made['documents']:,} documents"
    if step == "ingest":
        return f"{MimicIV().ingest(files, store)['counts']['events']:,} events"
    one_thread()
    settings = RunSettings(tasks=("pleural_effusion", "mortality_48h"), sample=SampleSettings(seed=0))
    run = begin(store, settings, out, Quiet(), workers)
    people = gather(run)
    if step == STEPS[2]:
        return f"{people.samples.height:,} samples, {len(people.labels['pleural_effusion']):,} labelled for effusion"
    known = store_known(run, people)
    return f"{sum(len(stage.frame()) for stage in known.values()):,} admissible rows of {len(known)} policies"


def main() -> None:
    """Run every step in its own process, and print its minutes and its peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        said = do(given.step, given.folder, given.stays, given.workers)
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        print(
            f"{max(one.ru_maxrss for one in usage) / 1024:.0f}|{sum(o.ru_utime + o.ru_stime for o in usage):.0f}|{said}"
        )
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="scale-"))
    print(f"SIMULATED, {given.stays:,} stays, {given.workers} processes where a step uses them")
    for step in STEPS:
        begun = time.monotonic()
        arguments = [
            "--stays",
            str(given.stays),
            "--workers",
            str(given.workers),
            "--folder",
            str(folder),
            "--step",
            step,
        ]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale", *arguments], check=True, capture_output=True, text=True
        )
        peak, cpu, said = done.stdout.strip().split("|")
        print(
            f"{step:26} {(time.monotonic() - begun) / 60:6.1f} min, {int(cpu) / 60:6.1f} of CPU, {peak:>5} MiB: {said}"
        )
    if given.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
