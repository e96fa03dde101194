"""The demonstration's figures: time and memory, a second run, AUC against HAIM on every pathology, citations.

    python -m benchmarks.demo_run [--stays 400] [--splits 3] [--keep FOLDER]

Everything is SIMULATED. Times are of this machine; the figures to compare are the ratios and the differences.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

PATHOLOGIES = ("pleural_effusion", "cardiomegaly", "pneumonia")


def timed_demo(out: Path, stays: int) -> float:
    """Run the demonstration in its own process; return seconds of wall clock."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "xhaim", "demo", "--out", str(out), "--stays", str(stays), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def pathologies(out: Path, stays: int, splits: int) -> None:
    """Run every pathology task on the demonstration's cohort with more splits, and print the tables."""
    from xhaim.run.demo import demo_settings
    from xhaim.run.pipeline import begin, execute
    from xhaim.run.reporting import write_report
    from xhaim.run.watch import Bars

    settings = demo_settings(PATHOLOGIES)
    update = {
        "split": settings.split.model_copy(update={"repeats": splits}),
        "explain": settings.explain.model_copy(update={"samples": 0}),
    }
    settings = settings.model_copy(update=update)
    report = write_report(execute(begin(out / "store", settings, out / "pathologies", Bars())))
    print(f"\nSIMULATED, {stays} stays, {splits} splits")
    report.show(Console(width=100))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=400)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = given.keep or Path(scratch) / "demo"
        first, second = timed_demo(out, given.stays), timed_demo(out, given.stays)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"{os.cpu_count()} cores; first run {first:.0f} s, second run {second:.1f} s ({second / first:.3f} of it)"
        )
        print(f"largest process {peak:.0f} MiB")
        pathologies(out, given.stays, given.splits)


if __name__ == "__main__":
    main()
