"""Hospital death and a long unit stay, at hour 24 of real unit stays (the eICU demo): numbers, words, and both.

    python -m benchmarks.eicu FOLDER [--tasks "hospital death" ...] [--repeats 5] [--draws 1000]

FOLDER holds eICU's csv.gz files. It is ingested by the product (``source/eicu``), sampled at hour 24, and every input
passes the guard: known before hour 24. Five repeats of five folds, whole persons (``uniquepid``) in one fold; persons
are drawn by the bootstrap. Members, learners, words and weights are the product's; all that is chosen (C, trees, the
members' weights) is chosen by grouped folds inside the training side, so no row is tuned on what it is scored on.

Traps. No vital signs by the minute, no nurses' charting, laboratory for 169 stays: numbers are thin, and most of them
come from the APACHE inputs of the first day, which are no part of a store (``eicu_cohort`` says which and why). The
"notes" are pick lists: a line is a sentence that a menu wrote, and is taken as one term (``lines``), beside the
product's own words. Lines about how far treatment may go are partly self-fulfilling: rows without them are reported.
APACHE's own prediction is a row, never an input; ``actual*`` columns and discharge facts are never read. Text of
another patient (permuted) is the null: what text adds must vanish with it. Above 0.86 / 0.78 look for a leak.

The search, for the record: on death, 2 x 5 folds of other seeds (100, 101), AUC: trees .797-.802, LightGBM .800, plain
logistic .780, logistic over 5 bins .796, 8 bins .805; words .733, whole lines .742, lines and names of drugs .771
(.745 without code status); mean of trees, bins, lines and drugs .8225; codes of charts and admission added nothing;
trees over values and lines .816. LOS: trees .699-.709, bins .702, lines and drugs .694, mean .714, trees over values
and lines .712. What came of it is in the product (learners ``steps`` and ``words``).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.eicu_cohort import read_cohort
from benchmarks.eicu_inputs import NO_CODE_TEXT, PERMUTED, TEXT, Inputs, words
from benchmarks.out_of_fold import Fitted, member, outer, weighed
from benchmarks.resampled import Scored, score, table
from xhaim.config import FusionSettings
from xhaim.predict.folds import grouped_folds

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

FOLDS = 5
SETTINGS = FusionSettings(grid="small", folds=3)
STORE_BLOCKS = ("tabular", "time series")
APACHE = "APACHE IVa's own prediction"
NUMBERS, STORE_NUMBERS, BOTH = "numbers", "numbers of the store alone", "numbers + text"
WITH_WORDS = "numbers + text + words with polarity"
NO_CODE = "numbers + text, no code status"
NULL = "numbers + text of another patient"
DIFFERENCES = {
    "both - numbers": (BOTH, NUMBERS),
    "both - text": (BOTH, TEXT),
    "words with polarity beside lines": (WITH_WORDS, BOTH),
    "null - numbers": (NULL, NUMBERS),
    "both, no code status - numbers": (NO_CODE, NUMBERS),
}


def one_fold(inputs: Inputs, train: Rows, held: Rows) -> dict[str, Floats]:
    """Return each row's log-odds of the held stays."""
    side = outer(inputs.labels[train], inputs.persons[train], SETTINGS)

    def over_numbers(names: Sequence[str]) -> list[Fitted]:
        X, blocks = inputs.numbers(names)
        return [
            member("xgboost", side, X[train], X[held], blocks=blocks),
            member("steps", side, X[train], X[held]),
        ]

    def over_lines(name: str) -> Fitted:
        return member("words", side, *inputs.lines[name](train, held))

    numbers, of_store = over_numbers(list(inputs.blocks)), over_numbers(STORE_BLOCKS)
    lines, clean, null = (over_lines(name) for name in (TEXT, NO_CODE_TEXT, PERMUTED))
    said = member("words", side, *words(inputs.texts[TEXT], train, held))
    rows = {
        "trees": numbers[:1],
        "line over bins": numbers[1:],
        STORE_NUMBERS: of_store,
        NUMBERS: numbers,
        "words with polarity": [said],
        TEXT: [lines],
        NO_CODE_TEXT: [clean],
        BOTH: [*numbers, lines],
        WITH_WORDS: [*numbers, lines, said],
        NO_CODE: [*numbers, clean],
        NULL: [*numbers, null],
    }
    return {name: weighed(members, side).held for name, members in rows.items()}


def one_repeat(inputs: Inputs, repeat: int) -> dict[str, Floats]:
    """Return each row's log-odds of all stays, [n], none by a model that met the person."""
    found: dict[str, Floats] = {}
    fold_of = grouped_folds(inputs.labels, inputs.persons, FOLDS, repeat)
    for fold in range(FOLDS):
        here = fold_of == fold
        for name, margins in one_fold(inputs, np.flatnonzero(~here), np.flatnonzero(here)).items():
            found.setdefault(name, np.zeros(len(here)))[here] = margins
    print(f"  repeat {repeat}", flush=True)
    return found


def by_folds(inputs: Inputs, repeats: int, workers: int) -> dict[str, Floats]:
    """Return each row's log-odds of all stays, [repeats, n]; the number of processes changes nothing."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        each = list(pool.map(partial(one_repeat, inputs), range(repeats)))
    return {name: np.stack([one[name] for one in each]) for name in each[0]}


def report(task: str, inputs: Inputs, found: Mapping[str, Floats], draws: int) -> None:
    """Print a task's tables: all stays, and those that APACHE has a prediction for."""

    def scored(rows: NDArray[np.bool_], scores: Mapping[str, Floats]) -> dict[str, Scored]:
        return {
            name: score(inputs.labels[rows], each[:, rows], inputs.persons[rows], draws)
            for name, each in scores.items()
        }

    all_stays, known = np.ones(len(inputs.labels), bool), np.isfinite(inputs.apache)
    table(f"{task}: {inputs.labels.sum()} of {len(inputs.labels)}", scored(all_stays, found), DIFFERENCES)
    some = {APACHE: inputs.apache[None], NUMBERS: found[NUMBERS], BOTH: found[BOTH]}
    title = f"{task}, where APACHE has a prediction: {inputs.labels[known].sum()} of {known.sum()}"
    table(title, scored(known, some), {"both - APACHE": (BOTH, APACHE)})


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--tasks", nargs="*", default=["hospital death", "unit stay > 3 d"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        cohort = read_cohort(given.path, Path(scratch) / "store")
    changed = sum(a != b for a, b in zip(cohort.words, cohort.without_code_status(), strict=True))
    sizes = ", ".join(f"{name} {values.shape[1]}" for name, (_, values) in cohort.blocks.items())
    print(f"{len(cohort.stay_ids)} unit stays of at least 24 hours, {len(set(cohort.persons.tolist()))} persons")
    print(f"columns: {sizes}; {changed} stays have lines about code status")
    for task in given.tasks:
        began = time.perf_counter()
        inputs = Inputs(cohort, task, seed=0)
        report(task, inputs, by_folds(inputs, given.repeats, given.workers), given.draws)
        print(f"  ({time.perf_counter() - began:.0f} s)", flush=True)
    print(f"\nall: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
