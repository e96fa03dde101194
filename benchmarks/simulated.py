"""All five tasks on SIMULATED patients that nothing was chosen on: how much of the way from HAIM to the best possible.

    python -m benchmarks.simulated [--stays 3000] [--seed 61] [--splits 1] [--keep FOLDER] [--task ID ...]

The best possible is the AUC of the latent probability that the labels were drawn from, on the same test rows. HAIM is
the de-leaked one, with its own booster; both have the demonstration's small grid and three encoder folds, which is what
two cores do in an hour or two. Prints each system's AUC, the paired difference with its interval (bootstrap of
subjects), and the share of the gap that xHAIM closes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import polars as pl

from xhaim.evaluate.compare import (
    Estimate,
    best_possible,
    by_split,
    over_splits,
    paired_difference,
    rows_of_test,
)
from xhaim.evaluate.metrics import Unscored, auc
from xhaim.run.demo import demo_settings
from xhaim.run.models import all_predictions
from xhaim.run.pipeline import Results, begin, execute
from xhaim.run.truth import best_possible as latent
from xhaim.run.watch import Bars
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate
from xhaim.task import Task, shipped_tasks

SYSTEMS = ("xhaim", "xhaim_paper_fusion", "haim", "haim_our_fusion")


def mean(found: Estimate | Unscored) -> float | None:
    """Return the mean over the splits; None where there is none."""
    return None if isinstance(found, Unscored) else found.mean


def told(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def of_task(predictions: pl.DataFrame, truth: pl.DataFrame | None, task: Task) -> None:
    """Print one task's line of figures."""
    found = {name: mean(over_splits(by_split(rows_of_test(predictions, task.id, name), auc))) for name in SYSTEMS}
    best = None if truth is None else mean(best_possible(predictions, truth, task.id))
    rows = rows_of_test(predictions, task.id, "xhaim")
    print(f"{task.title}: {rows.height} test rows, {rows['label'].sum()} positive", flush=True)
    print(
        "  AUC " + ", ".join(f"{name} {told(value)}" for name, value in found.items()) + f", best possible {told(best)}"
    )
    for other in SYSTEMS[1:]:
        paired = paired_difference(predictions, task.id, "xhaim", other)
        if not isinstance(paired, Unscored):
            interval = paired.interval
            said = interval if isinstance(interval, Unscored) else f"{interval[0]:+.3f} to {interval[1]:+.3f}"
            print(f"  xhaim minus {other}: {paired.mean:+.3f} ({said})")
    ours, theirs = found["xhaim"], found["haim"]
    if ours is not None and theirs is not None and best is not None and best > theirs:
        print(f"  {(ours - theirs) / (best - theirs):.0%} of the way from HAIM to the best possible")


def run(out: Path, given: argparse.Namespace) -> Results:
    """Simulate, ingest and run; what is there is used."""
    if not (out / "store").exists():
        simulate(out / "cohort", stays=given.stays, seed=given.seed)
        MimicIV().ingest(out / "cohort", out / "store")
    settings = demo_settings(tuple(given.task or shipped_tasks()))
    update = {
        "systems": SYSTEMS,
        "split": settings.split.model_copy(update={"repeats": given.splits}),
        "explain": settings.explain.model_copy(update={"samples": 0}),
    }
    return execute(begin(out / "store", settings.model_copy(update=update), out / "run", Bars()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=61)
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--task", action="append")
    given = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        results = run(given.keep or Path(scratch), given)
        predictions = all_predictions(list(results.predictions.values()))
        truth = latent(results.run.store, results.people, results.run.tasks)
        print(f"\nSIMULATED, {given.stays} stays, seed {given.seed}, {given.splits} splits")
        for task in results.run.tasks:
            of_task(predictions, truth, task)
    print(f"{(time.perf_counter() - start) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
