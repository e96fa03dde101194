"""The tests of a judge, one after the other (``audit`` says how two verdicts are compared)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np
from scipy.stats import spearmanr

from xhaim.judge.audit import Pair, Subject, Trial, pair, ranked, unmoved
from xhaim.judge.audit_variants import on_anothers_evidence, padded, shuffled, telling_anothers, with_words
from xhaim.judge.corruptions import MILD, SEVERE, corrupt, places_of
from xhaim.judge.injections import KEPT_APART, SOUGHT
from xhaim.records import Explanation, Verdict

FAULTS = 5
"""Most faults that are put into one explanation."""
SEVERELY = 3
"""Sentences that a severe corruption changes, or as many as there are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a judge said of the explanations as they are, and how the tests go on."""

    subjects: Sequence[Subject]
    originals: Sequence[Verdict]
    seed: int
    tolerance: float
    """By which a score may change where it should not: 0 for a judge that is a rule."""

    def pairs(self, variants: Sequence[Explanation | None]) -> list[Pair | None]:
        """Judge the variants that could be made, each against its original."""
        return [
            pair(before, one.judge(variant, 0))
            for one, before, variant in zip(self.subjects, self.originals, variants, strict=True)
            if variant is not None
        ]


def trials(subjects: Sequence[Subject], seed: int, tolerance: float) -> Iterator[Trial]:
    """Yield every test that needs one judge and one reading of each explanation."""
    asked = Asked(subjects, [one.judge(one.explanation, 0) for one in subjects], seed, tolerance)
    yield _corrupted("severely corrupted below the original", asked, severe=True)
    yield _corrupted("mildly corrupted below the original", asked, severe=False)
    yield _counted(asked)
    yield from _swapped(asked)
    yield from _injected(asked)
    yield unmoved(
        "order of the evidence", asked.pairs([shuffled(one.explanation, seed) for one in subjects]), tolerance
    )
    yield from _longer(asked)
    yield _again(asked)


def _corrupted(name: str, asked: Asked, *, severe: bool) -> Trial:
    kinds, n = (SEVERE, SEVERELY) if severe else (MILD, 1)
    made = [corrupt(one.explanation, kinds, n, asked.seed, one.other) for one in asked.subjects]
    return ranked(name, asked.pairs([one.explanation if one else None for one in made]), 0.95 if severe else 0.80)


def _counted(asked: Asked) -> Trial:
    """Put 0 to 5 faults into the explanations that have room for all: the mean must fall with their count."""
    name = "score against the count of faults"
    wanted = "a mean that never rises and falls in all (value: Spearman within explanations)"
    every = list(_with_faults(asked))
    rows = [sums for sums in every if None not in sums]
    if not every:
        return Trial(name, 0, None, wanted, None, f"not applicable: no explanation has room for {FAULTS} faults")
    if not rows:
        return Trial(name, 0, None, wanted, False, f"no score in some of each of {len(every)} rows")
    sums_of, counts = np.array(rows, dtype=float), np.arange(FAULTS + 1)
    within = [float(spearmanr(counts, row).statistic) for row in sums_of if np.ptp(row) > 0]
    means, steps = sums_of.mean(axis=0), np.diff(sums_of, axis=1)
    falls = np.diff(means)
    told = (
        f"{int((steps > 0).any(axis=1).sum())} of {len(rows)} ever rise; mean sums "
        + ", ".join(f"{n}: {value:.2f}" for n, value in enumerate(means))
        + f"; it falls at {'each' if (falls < 0).all() else 'not every'} step; {len(every) - len(rows)} without a score"
    )
    passed = bool((falls <= 0).all() and means[-1] < means[0])
    return Trial(name, len(rows), mean(within) if within else None, wanted, passed, told)


def _with_faults(asked: Asked) -> Iterator[list[int | None]]:
    """Yield the sum of the scores with 0 to 5 faults, of each explanation with room for all."""
    for one, before in zip(asked.subjects, asked.originals, strict=True):
        made = [corrupt(one.explanation, (*MILD, *SEVERE), n, asked.seed, one.other) for n in range(1, FAULTS + 1)]
        worse = [x.explanation for n, x in enumerate(made, start=1) if x is not None and len(x.changes) == n]
        if len(worse) == FAULTS:
            yield [_sum(before), *(_sum(one.judge(x, 0)) for x in worse)]


def _sum(verdict: Verdict) -> int | None:
    scores = [score for score in verdict.scores.values() if score is not None]
    return sum(scores) if len(scores) == len(verdict.scores) else None


def _swapped(asked: Asked) -> Iterator[Trial]:
    ways = {
        "own sentences on another patient's evidence": on_anothers_evidence,
        "another patient's sentences and evidence": telling_anothers,
    }
    for name, change in ways.items():
        made = [(one, change(one.explanation, one.other) if one.other else None) for one in asked.subjects]
        scores = [one.judge(variant, 0).scores.get("factuality") for one, variant in made if variant is not None]
        wanted = "factuality at the floor in at least 95%"
        if not scores:
            yield Trial(name, 0, None, wanted, None, "not applicable: nothing could be swapped")
            continue
        share = mean(score == 1 for score in scores)
        told = f"{sum(score is None for score in scores)} without a score"
        yield Trial(name, len(scores), share, wanted, share >= 0.95, told)


def _injected(asked: Asked) -> Iterator[Trial]:
    """Orders and praise: as a sentence of their own, and inside of one that cites evidence."""
    for group, words in (("words that are sought", SOUGHT), ("other words", KEPT_APART)):
        alone, inside = [], []
        for n, one in enumerate(asked.subjects):
            said = words[(n + asked.seed) % len(words)]
            places = [place for place in places_of(one.explanation) if one.explanation.statements[place].markers]
            alone.append(with_words(one.explanation, said, None))
            inside.append(with_words(one.explanation, said, places[0]) if places else None)
        yield unmoved(f"orders and praise, a sentence of their own, {group}", asked.pairs(alone), asked.tolerance)
        sought = words is SOUGHT
        yield unmoved(
            f"orders and praise inside of a cited sentence, {group}",
            asked.pairs(inside),
            asked.tolerance,
            only_up=not sought,
        )


def _longer(asked: Asked) -> Iterator[Trial]:
    longer = [padded(one.explanation) for one in asked.subjects]
    yield unmoved("length: true sentences said again", asked.pairs(longer), asked.tolerance, only_up=True)
    made = [corrupt(one.explanation, SEVERE, 1, asked.seed, one.other) for one in asked.subjects]
    pairs = [
        pair(one.judge(worse.explanation, 0), one.judge(_padded_with(worse.explanation, one.explanation), 0))
        for one, worse in zip(asked.subjects, made, strict=True)
        if worse is not None
    ]
    yield unmoved("length: a fault among true sentences said again", pairs, asked.tolerance, only_up=True)


def _padded_with(worse: Explanation, original: Explanation) -> Explanation:
    """Say again, twice, what is still as it was."""
    again = [one for one in padded(original).statements[len(original.statements) :] if one in worse.statements]
    return replace(worse, statements=(*worse.statements, *again))


def _again(asked: Asked) -> Trial:
    pairs = [
        pair(before, one.judge(one.explanation, reading))
        for one, before in zip(asked.subjects, asked.originals, strict=True)
        for reading in (1, 2)
    ]
    return unmoved("the same, read again", pairs, asked.tolerance)
