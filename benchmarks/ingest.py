"""Events to features at speed: csv.gz to all statistics, Parquet to all statistics, and the memory of an ingest.

    python -m benchmarks.ingest [--rows 20000000] [--repeats 5] [--memory 20000000,200000000] [--folder FOLDER]

The table is SYNTHETIC (``chart.py``). All engines compute fourteen statistics of HAIM's nine chart signals for one
sample of each stay, from what was known before its prediction time; their results are compared value by value. Each
runs in a process of its own, one after another, ``--repeats`` times; medians and ratios are of this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from benchmarks.chart import ROWS_PER_STAY, synthesise
from benchmarks.engines import ENGINES, HAIM_STAYS
from xhaim.modality.time_series import STATISTICS

SAID = {
    "xhaim": "xHAIM: ingest --only-signals (gzip length and CRC checked), then the statistics from its store",
    "duckdb": "DuckDB SQL, read_csv with the types given (checks no CRC); told to trust no type detection",
    "polars": "Polars, scan_csv of the csv.gz, streaming engine",
    "igzip": "limit: python -m isal.igzip -dc | wc -l",
    "gzip": "gzip -dc | wc -l",
    "store": "xHAIM: the statistics from its store of all items",
    "store_signals": "xHAIM: the statistics from its store of signals only",
    "scan": "bare scan of the same columns of the store of all items (the quicker of DuckDB and pyarrow)",
    "scan_signals": "the same, of the store of signals only",
}


def run(engine: str, root: Path, work: Path) -> dict[str, Any]:
    """Run one engine in a process of its own; return seconds, CPU seconds and peak memory in MB."""
    command = [sys.executable, "-m", "benchmarks.engines", engine, str(root), str(work)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def same(work: Path, one: str, other: str) -> int:
    """Assert that two engines gave the same statistics; return how many numbers were compared."""
    key = ["sample_id", "signal"]
    a, b = (pl.read_parquet(work / f"{name}.result.parquet").sort(key) for name in (one, other))
    assert a.select(key).equals(b.select(key)), f"{one} and {other} have other groups"
    for name in STATISTICS:
        x, y = (frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for frame in (a, b))
        assert np.allclose(x, y, rtol=1e-7, atol=1e-7, equal_nan=True), f"{one} and {other} differ in {name}"
    return a.height * len(STATISTICS)


def compare(root: Path, work: Path, engines: list[str], repeats: int) -> dict[str, float]:
    """Print the median time of each engine, taken in turn, and its ratio to the first."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in engines}
    for _ in range(repeats):
        for name in engines:
            seen[name].append(run(name, root, work))
    medians = {name: median(one["seconds"] for one in runs) for name, runs in seen.items()}
    for name, runs in seen.items():
        ratios = [one["seconds"] / first["seconds"] for one, first in zip(runs, seen[engines[0]], strict=True)]
        cpu, peak = median(one["cpu"] for one in runs), median(one["peak_mb"] for one in runs)
        print(
            f"{medians[name]:9.2f} s  {cpu:8.2f} CPU s  {peak:6.0f} MB  x{median(ratios):7.2f} "
            f"({min(ratios):.2f}-{max(ratios):.2f})  {SAID[name]}"
        )
    return medians


def haim(root: Path, work: Path, stays: int, ours: float) -> None:
    """Print HAIM's loop, extrapolated from a few stays."""
    done = run("haim", root, work)
    whole = done["load"] + done["per_stay"] * stays
    print(
        f"{whole:9.0f} s  EXTRAPOLATED  {done['peak_mb']:6.0f} MB  x{whole / ours:7.1f}  HAIM's loop: "
        f"{done['load']:.1f} s to load, and {stays} stays at {done['per_stay']:.3f} s, as {HAIM_STAYS} of them took"
    )


def memory(sizes: list[int], folder: Path) -> None:
    """Print the peak memory of an ingest beyond that of an interpreter with the same imports, at each size."""
    for rows in sizes:
        root = folder / f"memory-{rows}"
        made = synthesise(root, rows)
        for engine in ("ingest_signals", "ingest"):
            done = run(engine, root, folder)
            print(
                f"{done['peak_mb'] - done['idle_mb']:6.0f} MB beyond the interpreter's {done['idle_mb']:.0f}  "
                f"{done['seconds']:7.1f} s  {engine} of {made.rows:,} rows"
            )
        subprocess.run(["rm", "-rf", str(root)], check=True)


def slope(folder: Path, rows: int) -> None:
    """Print what all of MIMIC-IV would take, by the slope between two sizes."""
    times = []
    for size in (rows // 4, rows):
        root = folder / f"slope-{size}"
        made = synthesise(root, size)
        stored = made.chart.stat().st_size
        seconds = median(run("ingest_signals", root, folder)["seconds"] for _ in range(3))
        times.append((made.rows, stored, seconds))
        if size != rows:
            subprocess.run(["rm", "-rf", str(root)], check=True)
    (n0, _, t0), (n1, bytes1, t1) = times
    per_row = (t1 - t0) / (n1 - n0)
    chart, lab = 433e6, 158e6
    print(
        f"slope {per_row * 1e6:.3f} s for each million rows ({n0:,} rows {t0:.1f} s, {n1:,} rows {t1:.1f} s; "
        f"{bytes1 / n1:.1f} stored bytes a row)\n"
        f"EXTRAPOLATED to MIMIC-IV, signals only: {chart / 1e6:.0f} M chart rows {per_row * chart / 60:.1f} min; "
        f"{lab / 1e6:.0f} M lab rows, 1.4 times as long each, {per_row * 1.4 * lab / 60:.1f} min"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", default="", help="sizes in rows, as 20000000,200000000: measures nothing else")
    parser.add_argument("--folder", type=Path, help="where to write the table; else a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        folder = Path(scratch)
        if given.memory:
            memory([int(size) for size in given.memory.split(",")], folder)
            return
        start = time.perf_counter()
        root = folder / "chart"
        made = synthesise(root, given.rows)
        made.samples.write_parquet(root / "samples.parquet")
        stays = made.samples.height
        print(
            f"SYNTHETIC: {made.rows:,} rows, {stays:,} stays (about {ROWS_PER_STAY} rows each), "
            f"{made.chart.stat().st_size / 1e6:.0f} MB of csv.gz, written in {time.perf_counter() - start:.0f} s; "
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
        )
        print("csv.gz -> all statistics (ratio: time / xHAIM's, median and range of pairs)")
        medians = compare(root, folder, ["xhaim", "duckdb", "polars", "igzip"], given.repeats)
        numbers = [same(folder, "xhaim", other) for other in ("duckdb", "polars")]
        haim(root, folder, stays, medians["xhaim"])
        print(f"the same statistics in xHAIM, DuckDB and Polars: {numbers[0]:,} numbers compared\n")
        print("Parquet -> all statistics (ratio: time / the bare scan's)")
        run("ingest", root, folder)
        compare(root, folder, ["scan", "store"], given.repeats)
        compare(root, folder, ["scan_signals", "store_signals"], given.repeats)
        same(folder, "xhaim", "store")
        print("\nAll of MIMIC-IV")
        slope(folder, given.rows // 2)


if __name__ == "__main__":
    assert set(SAID) <= {*ENGINES}
    main()
