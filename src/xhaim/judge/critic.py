"""The deterministic critic: what a verification found, turned into the rubric's three scores by a rule one can read.

No language model is asked. The rule counts what the levels of ``rubric.yaml`` say, and is monotone: one more fault
never raises a score. Of quality it sees only what can be counted, and says so with every score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from xhaim.judge.criteria import NEEDLESS
from xhaim.judge.findings import (
    ANOTHERS,
    OPENS_NOT,
    TOO_LATE,
    Finding,
    Severity,
    findings,
    kinds_of_whole,
    whole,
)
from xhaim.judge.lacking import lacking, plain
from xhaim.records import Explanation, Issue, Statement, Verdict
from xhaim.verify.found import Verification

CRITIC = "deterministic critic"
"""What it is called as a rater."""
NOTHING_SAID = "nothing is said of the patient, so there is nothing to hold against a source"
COUNTED_ONLY = "counted by rule: whether it reads well, weighs rightly and helps a clinician is not seen"
_NOT_THEIRS = frozenset((ANOTHERS, "sample"))


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the rule looks at."""

    about: int
    """Sentences about the patient, each counted once."""
    astray: int
    """Of these, those that what they cite does not bear out."""
    claims: int
    failed: int
    worst: Counter[Severity | None]
    """Sentences by their worst error of fact."""
    kinds: frozenset[str]
    """Of all faults."""
    precision: float | None
    """Of the citations (``verify.citations``)."""
    slight: bool
    """Whether a citation has a minor fault: it is used nowhere, needless in a criterion, or under another name."""
    cited: bool
    """Whether there is any citation."""


def criticise(
    explanation: Explanation, verification: Verification, digest: str, now: datetime | None = None
) -> Verdict:
    """Return the critic's verdict. ``now``: the time of the prediction, as for ``findings``.

    A dimension without anything to judge has no score, and a reason.
    """
    found, of_whole, lacks = findings(explanation, verification, now), whole(verification), lacking(explanation)
    needless = (Issue("citation", "minor", NEEDLESS, ""),) * _imprecise(verification)
    counts = _counts(explanation.statements, found, verification, of_whole)
    told = {
        "citation": _citation(counts),
        "factuality": _factuality(counts),
        "quality": _quality(explanation, counts, [one.detail for one in lacks]),
    }
    return Verdict(
        explanation.sample_id,
        explanation.task_id,
        digest,
        CRITIC,
        {name: score for name, (score, _) in told.items()},
        {name: reason for name, (_, reason) in told.items()},
        (*(issue for one in found for issue in one.issues), *of_whole, *needless, *lacks),
    )


def _imprecise(verification: Verification) -> int:
    """Return how many citations of sentences about evidence are not needed, or bear nothing out."""
    quality = verification.quality
    return 0 if quality.precision is None else round((1 - quality.precision) * quality.citations)


def _counts(
    statements: Sequence[Statement], found: Sequence[Finding], verification: Verification, of_whole: Sequence[Issue]
) -> _Counts:
    """Count a sentence that stands there twice once: true sentences said again must not thin out false ones."""
    once: dict[tuple[str, str, tuple[int, ...]], Finding] = {}
    for statement, one in zip(statements, found, strict=True):
        once.setdefault((statement.role, plain(statement.text), statement.markers), one)
    mine = list(once.values())
    return _Counts(
        about=sum(one.about_patient for one in mine),
        astray=sum(one.about_patient and not one.borne_out for one in mine),
        claims=sum(one.claims for one in mine),
        failed=sum(one.failed for one in mine),
        worst=Counter(one.worst for one in mine),
        kinds=kinds_of_whole(verification).union(*(one.kinds for one in mine)),
        precision=verification.quality.precision,
        slight=any(_slight(one) for one in (*of_whole, *(issue for x in mine for issue in x.issues))),
        cited=verification.citations > 0,
    )


def _slight(issue: Issue) -> bool:
    return (issue.dimension, issue.severity) == ("citation", "minor")


def _citation(n: _Counts) -> tuple[int | None, str]:
    if not n.about and not n.cited and not n.kinds:
        return None, NOTHING_SAID
    share = n.astray / n.about if n.about else 0.0
    precision = 1.0 if n.precision is None else n.precision
    levels = (
        (
            1,
            bool(n.kinds & (_NOT_THEIRS | {TOO_LATE})),
            "a citation points to what is not theirs, or was not yet known",
        ),
        (1, bool(n.about) and not n.cited, "nothing is cited"),
        (1, share >= 1 / 2, "half or more are not borne out"),
        (2, bool(n.kinds & OPENS_NOT), "a citation does not open, or is not what it quotes"),
        (2, share >= 1 / 3, "a third or more are not borne out"),
        (3, share > 1 / 10, "more than one in ten is not borne out"),
        (3, precision < 2 / 3, "a third or more of the citations are needless"),
        (4, n.astray > 0, "one in ten or less is not borne out"),
        (4, precision < 1 or n.slight, "some citation is needless, or under another name"),
        (5, True, "none is needless"),
    )
    told = f"{n.about - n.astray} of {n.about} sentences about the patient are borne out by what they cite"
    return next((score, f"{told}; {why}") for score, holds, why in levels if holds)


def _factuality(n: _Counts) -> tuple[int | None, str]:
    errors = sum(count for worst, count in n.worst.items() if worst is not None)
    if not n.claims and not errors and not n.kinds:
        return None, NOTHING_SAID
    share = n.failed / n.claims if n.claims else 0.0
    levels = (
        (1, bool(n.kinds & _NOT_THEIRS), "it rests on what is not in this patient's record"),
        (1, n.worst["major"] > 1, "two or more major errors"),
        (1, n.failed > 1 and share >= 1 / 3, "a third or more of the claims are not in the record"),
        (2, n.worst["major"] > 0, "a major error"),
        (2, n.worst["considerable"] > 2, "three or more considerable errors"),
        (3, n.worst["considerable"] > 0, "a considerable error"),
        (3, n.worst["minor"] > 2, "three or more minor errors"),
        (4, n.worst["minor"] > 0, "a minor error"),
        (5, True, "no error was found"),
    )
    told = f"{n.claims - n.failed} of {n.claims} claims hold"
    return next((score, f"{told}; {why}") for score, holds, why in levels if holds)


def _quality(explanation: Explanation, n: _Counts, lacks: Sequence[str]) -> tuple[int, str]:
    """Begin with what is lacking; then no better than its errors allow."""
    levels = (
        (1, all(one.role != "risk" for one in explanation.statements), "the question is not answered"),
        (1, bool(n.kinds & _NOT_THEIRS), "it would mislead: it rests on what is not this patient's"),
        (2, n.worst["major"] > 1, "too faulty to be used: two or more major errors"),
        (2, len(lacks) > 3, "four or more parts are lacking"),
        (3, n.worst["major"] > 0, "a major error"),
        (3, len(lacks) > 1, "two or three parts are lacking"),
        (4, n.worst["considerable"] > 0 or n.astray > 0, "a sentence that is not borne out"),
        (4, len(lacks) > 0, "one part is lacking"),
        (5, True, "nothing that can be counted is lacking"),
    )
    lack = f" (lacking: {'; '.join(lacks)})" if lacks else ""
    return next((score, f"{why}{lack}; {COUNTED_ONLY}") for score, holds, why in levels if holds)
