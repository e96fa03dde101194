"""The same run by the local engine and by Ray, on SIMULATED patients: the same bytes, and what Ray costs.

    python -m benchmarks.engine [--stays 90] [--workers 2] [--rounds 5]

Each run is a process of its own, the engines in turn; medians. Ray's cluster is of this machine alone, so what is seen
is what Ray costs, not what it gives.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEED = 23
"""Neither the demonstration's nor the one on which anything was chosen."""
ENGINES = ("local", "ray")


def settings(stays: int) -> str:
    """Return the demonstration's settings for one task, in shards enough for every worker."""
    from xhaim.run.demo import demo_settings

    return demo_settings(("pleural_effusion",)).model_copy(update={"shard_size": max(8, stays // 8)}).model_dump_json()


def one(store: Path, out: Path, engine: str, workers: int, given: str) -> None:
    """Do one run and print its seconds; in a process of its own."""
    from xhaim.config import RunSettings
    from xhaim.run.pipeline import begin, execute
    from xhaim.run.watch import Quiet

    start = time.perf_counter()
    execute(begin(store, RunSettings.model_validate_json(given), out, Quiet(), workers, engine))  # type: ignore[arg-type]
    print(json.dumps(time.perf_counter() - start))


def hashes(root: Path) -> dict[str, str]:
    """Return path -> SHA-256 of everything in a run directory."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def main() -> None:
    """Run both engines in turn, compare every file, print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=90)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=3, metavar=("STORE", "OUT", "ENGINE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(Path(asked.one[0]), Path(asked.one[1]), asked.one[2], asked.workers, settings(asked.stays))
        return
    from xhaim.source.mimic_iv import MimicIV
    from xhaim.source.simulate import simulate

    took: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        simulate(root / "files", stays=asked.stays, seed=SEED)
        MimicIV().ingest(root / "files", root / "store")
        for number in range(asked.rounds):
            for engine in ENGINES if number % 2 == 0 else ENGINES[::-1]:
                out = root / f"{engine}-{number}"
                arguments = ["--one", str(root / "store"), str(out), engine]
                sizes = ["--workers", str(asked.workers), "--stays", str(asked.stays)]
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.engine", *arguments, *sizes], check=True, capture_output=True
                )
                took[engine].append(float(json.loads(done.stdout)))
            files, theirs = (hashes(root / f"{engine}-{number}") for engine in ENGINES)
            if files != theirs:
                different = sorted(name for name in files.keys() | theirs.keys() if files.get(name) != theirs.get(name))
                sys.exit(f"different bytes: {different[:20]}")
    local, on_ray = (statistics.median(took[engine]) for engine in ENGINES)
    print(f"SIMULATED, seed {SEED}, {asked.stays} stays, {asked.workers} workers, median of {asked.rounds}")
    print(f"Ray {importlib.metadata.version('ray')}: the same bytes in all {len(files)} files, every round")
    print(f"local {local:.1f} s, ray {on_ray:.1f} s: {on_ray - local:+.1f} s, {on_ray / local:.2f} times")


if __name__ == "__main__":
    main()
