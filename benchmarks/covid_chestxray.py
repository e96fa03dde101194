"""What leaks in the one open set of chest films with prose and outcome (covid-chestxray): nothing sound is claimed.

    python -m benchmarks.covid_chestxray FOLDER

FOLDER holds metadata_xray.csv and images_384. A sample is a patient whose outcome is stated: death (survival N against
Y) and intensive care (went_icu Y against N). Three leaks are measured, each by switching it off:

1. The notes were written for a publication, after the end: many say how it ended. Rows with all sentences, without
   those that state the outcome, and a rule that only looks for such sentences. For intensive care the treatments that
   are given there alone (ventilator, intubation) state it too.
2. A source (one paper, one teaching site) chooses its patients: who published says how it ended. Rows by patient put
   patients of one source on both sides; rows by source do not. Patients who share a doi or a url are one source.
   Where one source is much of the data and its outcome is rarer than elsewhere (it is printed), rows by source may fall
   below 0.5: what is learned from the others ranks that source as a whole on the wrong side.
3. How a film was taken (portable, days after the first) tells who was ill: a row of its own.

``other_notes`` (credits) and every column but the named are never read. Words, learners and folds are the product's;
the patterns below were written by reading the notes, so what is left without these sentences is an upper bound of what
the notes know beforehand: no list is complete. Intervals: 1,000 draws of whole sources.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from benchmarks.covid_chestxray_patients import Patients, read
from benchmarks.out_of_fold import Fitted, member, outer, weighed
from benchmarks.resampled import score, table
from xhaim.config import FusionSettings
from xhaim.predict.folds import grouped_folds
from xhaim.predict.vocabulary import Vocabulary

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
View = Matrix | tuple[str, ...]

FOLDS, REPEATS, COMPONENTS = 5, 3, 16
SETTINGS = FusionSettings(grid="small", folds=3)
ENDED_BADLY = (
    r"\b(?:died|dies|death|dead|deceased|passed away|fatal\w*|expired|demise|succumb\w*|mortality|autops\w*)\b"
)
ENDED_WELL = (
    r"\b(?:surviv\w*|discharged?|recover\w*|cured|released|went home|return\w* home|improve\w*|resolved|resolution"
    r"|convalesc\w*|extubated|negative (?:PCR|test|swab))\b"
)
INTENSIVE = r"\b(?:ICU|intensive|critical care|resuscitation|ventilat\w*|intubat\w*|ECMO|extubat\w*|tracheo\w*|ARDS)\b"
OUTCOMES = {
    "death": ("survival", {"N": 1, "Y": 0}, ENDED_BADLY, ENDED_WELL),
    "intensive care": ("went_icu", {"Y": 1, "N": 0}, INTENSIVE, r"\b(?:discharged|isolation ward|general ward)\b"),
}
"""Name -> column, meaning of its values, sentences that state it, and its contrary."""
ALL, LEFT, PIXELS = "notes, all sentences", "notes, outcome not stated", "pixels (16 components)"
HONEST = (LEFT, "age and sex", "how the film was taken", PIXELS)
FUSED = "all but stated outcomes, fused"


def by_folds(people: Patients, views: Mapping[str, View], groups: NDArray[np.int64]) -> dict[str, Floats]:
    """Return each view's log-odds of all patients, [repeats, n], with whole groups in one fold, and those of HONEST.

    A view is a matrix, or texts whose vocabulary the training side decides.
    """
    found = {name: np.zeros((REPEATS, len(people.labels))) for name in (*views, FUSED)}
    for repeat in range(REPEATS):
        fold_of = grouped_folds(people.labels, groups, FOLDS, repeat)
        for fold in range(int(fold_of.max()) + 1):
            train, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            side = outer(people.labels[train], groups[train], SETTINGS)
            fitted: dict[str, Fitted] = {}
            for name, view in views.items():
                learner, seen, new = _columns(view, train, held)
                fitted[name] = member(learner, side, seen, new)
                found[name][repeat, held] = fitted[name].held
            found[FUSED][repeat, held] = weighed([fitted[name] for name in HONEST], side).held
    return found


def _columns(view: View, train: NDArray[np.int64], held: NDArray[np.int64]) -> tuple[str, Matrix, Matrix]:
    if isinstance(view, tuple):
        vocabulary = Vocabulary.of([view[row] for row in train])
        return "words", vocabulary.matrix([view[row] for row in train]), vocabulary.matrix([view[row] for row in held])
    if view.shape[1] != 64 * 64:
        return "linear", view[train], view[held]
    filled = np.nan_to_num(view, nan=0.5)
    shape = PCA(COMPONENTS, random_state=0, svd_solver="full").fit(filled[train])
    return "linear", shape.transform(filled[train]).astype(np.float32), shape.transform(filled[held]).astype(np.float32)


def one_outcome(folder: Path, name: str) -> None:
    """Print the tables of one outcome."""
    column, meaning, states, contrary = OUTCOMES[name]
    people = read(folder, column, meaning)
    yes, no = re.compile(states, re.IGNORECASE), re.compile(contrary, re.IGNORECASE)
    stating = [[bool(yes.search(x)) or bool(no.search(x)) for x in mine] for mine in people.notes]
    every = tuple(" ".join(mine) for mine in people.notes)
    left = tuple(
        " ".join(x for x, states_it in zip(mine, said, strict=True) if not states_it)
        for mine, said in zip(people.notes, stating, strict=True)
    )
    rule = [float(any(yes.search(x) for x in mine)) - 0.5 * any(no.search(x) for x in mine) for mine in people.notes]
    with_note = [bool(mine) for mine in people.notes]
    print(
        f"\n==== {name}: {people.labels.sum()} of {len(people.labels)} patients, "
        f"{len(set(people.sources.tolist()))} sources, {sum(with_note)} with notes; {people.set_aside} set aside "
        f"(two outcomes); {sum(map(any, stating))} have sentences that state the outcome ({sum(map(sum, stating))} of "
        f"{sum(map(len, people.notes))} sentences); {int(np.isnan(people.pixels[:, 0]).sum())} without an image file"
    )
    sources, sizes = np.unique(people.sources, return_counts=True)
    largest = people.labels[people.sources == sources[sizes.argmax()]]
    rest = people.labels.sum() - largest.sum(), len(people.labels) - len(largest)
    print(f"largest source: {largest.sum()} of {len(largest)}; all others: {rest[0]} of {rest[1]}")
    views: dict[str, View] = dict(
        zip((ALL, *HONEST), (every, left, people.person, people.taking, people.pixels), strict=True)
    )
    source = np.equal.outer(people.sources, np.unique(people.sources)).astype(np.float32)
    by_patient = by_folds(people, views | {"who published it": source}, people.ids)
    by_source = by_folds(people, views, people.sources)
    found = {f"{key}; by patient": margins for key, margins in by_patient.items() if key != FUSED}
    found |= {f"{key}; by source": margins for key, margins in by_source.items()}
    found["rule: does a sentence state it"] = np.array(rule)[None]
    rows = {key: score(people.labels, margins, people.sources) for key, margins in found.items()}
    against = {
        "stated outcomes, by patient": (f"{ALL}; by patient", f"{LEFT}; by patient"),
        "stated outcomes, by source": (f"{ALL}; by source", f"{LEFT}; by source"),
        "source, notes": (f"{ALL}; by patient", f"{ALL}; by source"),
        "source, pixels": (f"{PIXELS}; by patient", f"{PIXELS}; by source"),
    }
    table(f"{name}, mean of {REPEATS} x {FOLDS} folds", rows, {f"leak of {key}": pair for key, pair in against.items()})


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    given = parser.parse_args()
    start = time.perf_counter()
    for name in OUTCOMES:
        one_outcome(given.path, name)
    print(f"\nall: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
