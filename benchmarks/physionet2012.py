"""PhysioNet/CinC Challenge 2012: 48 hours of an ICU stay, death in hospital and a stay longer than 7 days.

    python -m benchmarks.physionet2012 --train DATA/Outcomes-a.txt --test DATA/Outcomes-b.txt [--workers 2] [--seeds 2]

A set is named by its outcomes file, or by the folder that holds one set. Every choice was made by folds inside set a
(``benchmarks/logs/physionet2012.md`` has each search); the test set is scored once, at the end. The peer of the same
run is XGBoost on simple statistics. Intervals: 95 %, bootstrap of test stays.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks import physionet2012_members as members
from benchmarks.physionet2012_features import features, lean, simple_features
from benchmarks.physionet2012_members import FOLDS, Matrix, Said
from benchmarks.physionet2012_records import StaySet, read_set
from benchmarks.physionet2012_report import report
from benchmarks.physionet2012_sequence import courses, targets
from xhaim.evaluate.metrics import auc

OUTCOMES = {"death": "death in hospital", "long_stay": "stay longer than 7 days"}
SIZES = (1000, 2000)
"""Of the learning curve, below all: the first of a seeded order."""


def main() -> None:
    """Fit on one set, score the other, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2, help="of the network, averaged")
    given = parser.parse_args()
    began = time.monotonic()
    train, test = read_set(given.train), read_set(given.test)
    describe("train", train)
    describe("test", test)
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        said = everything(pool, train, test, given.seeds)
    for outcome, words in OUTCOMES.items():
        (_, y), (rows, y_test) = known(train, outcome), known(test, outcome)
        print(f"\n## {words}: {len(y):,} train, {y.mean():.3f} positive; {len(y_test):,} test, {y_test.mean():.3f}\n")
        report({name: one for (task, name), one in said.items() if task == outcome}, rows, y, y_test)
        curve = [f"{n:,} stays {auc(y_test, said[outcome, str(n)].test[rows]):.3f}" for n in SIZES if n < len(y)]
        curve.append(f"{len(y):,} stays {auc(y_test, said[outcome, 'graded, lean'].test[rows]):.3f}")
        print("\nlearning curve of graded, lean, AUC on test: " + "; ".join(curve))
    print(f"\n{time.monotonic() - began:.0f} s on {given.workers} processes")


def everything(pool: ProcessPoolExecutor, train: StaySet, test: StaySet, seeds: int) -> dict[tuple[str, str], Said]:
    """Fit all members for both outcomes; (outcome, member) -> what it says of the training and of the test stays."""
    wide, wide_test = features(train), features(test)
    narrow = lean(wide.columns)
    views = {
        "lean": (matrix(wide.select(narrow)), matrix(wide_test.select(narrow))),
        "wide": (matrix(wide), matrix(wide_test)),
    }
    plain, plain_test = matrix(simple_features(train)), matrix(simple_features(test))
    grade = members.grades(train.outcomes)
    jobs: dict[tuple[str, str], Future[Said]] = {}
    for outcome in OUTCOMES:
        rows, y = known(train, outcome)
        X, X_test = views["lean"]
        jobs[outcome, "simple"] = pool.submit(members.simple, plain[rows], y, plain_test)
        jobs[outcome, "fusion"] = pool.submit(members.fusion, X[rows], y, X_test)
        for name, (V, V_test) in views.items():
            jobs[outcome, f"graded, {name}"] = pool.submit(members.graded, V[rows], y, grade[outcome][rows], V_test)
        order = np.random.default_rng(0).permutation(len(rows))
        for size in (n for n in SIZES if n < len(rows)):
            some = np.sort(order[:size])
            part = (X[rows][some], y[some], grade[outcome][rows][some], X_test)
            jobs[outcome, str(size)] = pool.submit(members.graded, *part)
    course, course_test = courses(train, wide, train, wide), courses(test, wide_test, train, wide)
    wanted = targets(train.outcomes)
    nets = {
        (seed, fold): pool.submit(members.network, course, wanted, course_test, seed, fold)
        for seed in range(seeds)
        for fold in range(FOLDS + 1)
    }
    said = {key: job.result() for key, job in jobs.items()}
    out_of_fold, on_test = np.zeros((len(wanted), 2)), np.zeros((len(test.ids), 2))
    for (_, fold), net in nets.items():
        places, found = net.result()
        into = on_test if fold == FOLDS else out_of_fold
        into[places] += found / seeds
    for at, outcome in enumerate(OUTCOMES):
        rows, _ = known(train, outcome)
        said[outcome, "network"] = Said(out_of_fold[rows, at], on_test[:, at])
    return said


def known(stays: StaySet, outcome: str) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Return the rows whose outcome is known, and it."""
    labels = stays.outcomes[outcome]
    rows = np.flatnonzero(labels.is_not_null().to_numpy())
    return rows, labels.drop_nulls().to_numpy().astype(np.int8)


def matrix(table: pl.DataFrame) -> Matrix:
    """Return [n, d], NaN = no value."""
    return table.cast(pl.Float32).fill_null(float("nan")).to_numpy()


def describe(role: str, stays: StaySet) -> None:
    """Print what was read."""
    rows = sum(stays.account.values())
    parts = ", ".join(f"{reason} {n:,}" for reason, n in sorted(stays.account.items()))
    unknown = stays.outcomes["long_stay"].null_count()
    print(f"{role}: set {stays.name}, {len(stays.ids):,} stays, {rows:,} rows: {parts}", flush=True)
    print(f"  {unknown} stays whose length is not known: used for death alone", flush=True)


if __name__ == "__main__":
    main()
