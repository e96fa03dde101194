"""The deterministic critic against people: 400 machine summaries of MTS-Dialog, Spearman by folds of dialogues.

    python -m benchmarks.judge_people [--data FOLDER] [--test SUMMARIES.csv SCORES.csv]
                                      [--llm-url URL --llm-model NAME]

The critic (``xhaim.judge.summary_critic``) counts; a map of ridge and trees weighs its counts, fitted by ten folds of
dialogues, three times over; which counts it reads and the ridge's penalty are chosen inside each fold. Salience is
counted on the training conversations, which hold none of the hundred. Every figure has rows of lengths alone beside it,
and a row with nothing fitted to scores. ``--test`` scores other files of the same layout by maps fitted to all 400.
With ``--llm-url`` the two-stage judge of ``xhaim.judge`` is a row of its own. Intervals: 1,000 draws of dialogues.
Every search: ``logs/judge_people.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge_people_data import SCORES, SUMMARIES, Summaries, aligned, other_conversations, read
from benchmarks.judge_people_map import Map, columns, correlation, out_of_fold
from xhaim.judge.calibration import calibrate
from xhaim.judge.summary_critic import features
from xhaim.judge.summary_salience import Salience, learn

Floats = NDArray[np.float64]
Rows = Sequence[dict[str, float]]

SIZES = ("source words", "summary words", "words, log ratio", "summary sentences", "breaks off", "repeats", "hedges")
LENGTHS = ("source words", "summary words", "words, log ratio")
OF_REFERENCE = ("reference words in all", "reference words, log ratio")


@dataclass(frozen=True)
class Target:
    """One column of people's scores, from what it is to be told, and how well at least."""

    column: str
    reference: bool
    """Whether the reference may be read."""
    families: tuple[tuple[str, ...], ...]
    """What the map may choose to read: how the names of those features begin."""
    plain: str
    """The feature that stands for it with nothing fitted; ``-`` before one that speaks against."""
    length: str
    wanted: float

    @property
    def title(self) -> str:
        """What it is called."""
        return f"{self.column}, {'with' if self.reference else 'without'} the reference"


LACKS, ADDS, REFERENCE = ("lacks", "holds"), ("adds", "sure", "disagreements", "support", "pairs"), ("reference",)
RECALL = (LACKS, (*LACKS, *SIZES), (*LACKS, *SIZES, *ADDS))
SUPPORT = (ADDS, (*ADDS, *SIZES), (*ADDS, *SIZES, *LACKS))
WITH_REFERENCE = (REFERENCE, (*REFERENCE, *SIZES), (*REFERENCE, *SIZES, *LACKS))
TARGETS = (
    Target("FactualRecall", False, RECALL, "-lacks salient terms", "-source words", 0.65),
    Target("FactualPrecision", False, SUPPORT, "-sure disagreements, each sentence", "-summary words", 0.30),
    Target("HallucinationRate", False, SUPPORT, "sure disagreements, each sentence", "summary words", 0.30),
    Target("OmissionRate", False, RECALL, "lacks salient terms", "source words", float("nan")),
    Target("FactualRecall", True, WITH_REFERENCE, "reference facts held, log share",
           "reference words, log ratio", 0.77),
    Target("OmissionRate", True, WITH_REFERENCE, "-reference facts held, log share",
           "-reference words, log ratio", 0.74),
)  # fmt: skip


def counted(given: Summaries, salience: Salience) -> list[dict[str, float]]:
    """Return what the critic counts of each summary."""
    texts = zip(given.dialogues, given.summaries, given.references, strict=True)
    return [features(source, ours, reference, salience=salience) for source, ours, reference in texts]


def matrix(rows: Rows, target: Target) -> tuple[Floats, list[list[int]]]:
    """Return all features that a target's map may read, [n, d], and which columns each family is."""
    names = [name for name in rows[0] if target.reference or not name.startswith(REFERENCE)]
    families = [[i for i, name in enumerate(names) if name.startswith(begins)] for begins in target.families]
    return columns(rows, names), families


def plain(rows: Rows, name: str) -> Floats:
    """Return one feature, [1, n], its sign turned where ``-`` stands before it."""
    return (-1.0 if name.startswith("-") else 1.0) * columns(rows, [name.removeprefix("-")]).T


def development(given: Summaries, rows: Rows) -> None:
    """Print every target's rows, the figure last."""
    for target in TARGETS:
        y = given.people[target.column]
        lengths = LENGTHS + (OF_REFERENCE if target.reference else ())
        wanted = "" if np.isnan(target.wanted) else f"at least {target.wanted:.2f}"
        print(f"\n{target.title}  {wanted}")
        X, families = matrix(rows, target)
        found = {
            f"{target.length} alone": plain(rows, target.length),
            "lengths, learned": out_of_fold(columns(rows, lengths), y, given.groups),
            f"{target.plain}: nothing fitted": plain(rows, target.plain),
            "the critic (the figure)": out_of_fold(X, y, given.groups, families),
        }
        scored = {name: correlation(predicted, y, given.groups) for name, predicted in found.items()}
        alone, *_, critic = scored.values()
        for name, one in {**scored, "  less the length alone": critic.less(alone)}.items():
            print(f"  {name:<58} {one.words()}", flush=True)


def calibration(given: Summaries, rows: Rows) -> None:
    """Print what a monotone map from the critic's plain shares to people's changes on the half it did not see."""
    print("\nfrom the critic's share to people's score, fitted on half of the dialogues, on the other half:")
    for column, name in (
        ("FactualRecall", "lacks share of facts"),
        ("FactualPrecision", "adds share of facts"),
        ("FactualRecall", "reference share of facts"),
    ):
        share = 1 - columns(rows, [name])[:, 0]
        found = calibrate(share, given.people[column], given.groups.tolist())
        for when, values in (("as given", found.before), ("calibrated", found.after)):
            cells = ", ".join(
                f"{key} {one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]" for key, one in values.items()
            )
            print(f"  {column:<17} 1 - {name:<26} {when:<11} n {found.report_items}: {cells}")


def tested(given: Summaries, rows: Rows, test: Summaries, salience: Salience) -> None:
    """Print how maps fitted to all of ``given`` do on other files."""
    others = counted(test, salience)
    print(f"\nother files: {len(others)} summaries of {len(set(test.dialogues))} dialogues")
    for target in TARGETS:
        X, families = matrix(rows, target)
        fitted = Map(X, given.people[target.column], given.groups, families)
        predicted = fitted.predict(matrix(others, target)[0])[None]
        print(f"  {target.title:<58} {correlation(predicted, test.people[target.column], test.groups).words()}")


def main() -> None:
    """Print the figures."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    asked.add_argument("--data", type=Path, default=shared / "mts_dialog")
    asked.add_argument("--test", type=Path, nargs=2, metavar=("SUMMARIES", "SCORES"))
    asked.add_argument("--llm-url", help="of an OpenAI-compatible server")
    asked.add_argument("--llm-model")
    wanted = asked.parse_args()
    if bool(wanted.llm_url) != bool(wanted.llm_model):
        asked.error("--llm-url and --llm-model go together")
    given = read(wanted.data / SUMMARIES, wanted.data / SCORES)
    best, others = aligned(given)
    print(f"{len(given.summaries)} summaries of {len(set(given.dialogues))} dialogues; length ratio against recall "
          f"{best:.3f} with the rows in order, {np.mean(others):.3f} with each dialogue's scores shuffled, "
          f"{max(others):.3f} at most of {len(others)}")  # fmt: skip
    pairs = other_conversations(wanted.data, given)
    print(f"salience counted on {len(pairs)} other conversations and their notes")
    salience = learn(pairs)
    rows = counted(given, salience)
    development(given, rows)
    calibration(given, rows)
    if wanted.test:
        tested(given, rows, read(*wanted.test), salience)
    if wanted.llm_url:
        from benchmarks.judge_people_model import two_stage_scores

        scores = two_stage_scores(given, wanted.llm_url, wanted.llm_model)
        print(f"\nthe two-stage judge, {wanted.llm_model}")
        for column, sign in (("FactualPrecision", 1), ("HallucinationRate", -1), ("FactualRecall", 1)):
            for dimension, values in scores.items():
                kept = np.isfinite(values)
                found = correlation(sign * values[None, kept], given.people[column][kept], given.groups[kept])
                print(f"  {dimension:<11} against {column:<18} n {kept.sum():3} {found.words()}")


if __name__ == "__main__":
    main()
