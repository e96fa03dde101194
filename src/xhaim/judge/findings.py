"""What a verification found, sentence by sentence, as issues of the rubric's dimensions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from xhaim.judge.criteria import misread, risk_misread
from xhaim.records import Dimension, Explanation, Issue, Statement
from xhaim.verify.check import ClaimVerdict
from xhaim.verify.found import Sentence, Verification

Severity: TypeAlias = Literal["minor", "considerable", "major"]
WEIGHT: Mapping[Severity, int] = {"minor": 1, "considerable": 2, "major": 4}
"""What an issue weighs where scores are equal: one major is worse than one considerable and one minor together."""
ABOUT_PATIENT = ("for", "against", "observed")
"""Roles of sentences that claim something of the patient; so does a criterion that is met or not."""
ANOTHERS, TOO_LATE, UNCITED = "source", "leak", "uncited"
UNUSED = "a citation that no sentence uses"
OPENS_NOT = frozenset(("source", "leak", "marker", "span", "time", "quote", "value"))
"""Faults of a citation that does not open, or is not what it says it is."""
NOT_AGAINST = ("unused", "effect", "label")
"""Faults that leave a sentence borne out."""
_KINDS: Mapping[str, Sequence[tuple[Dimension, Severity, str]]] = {
    "sample": (("citation", "major", "it is of another sample or task"), ("factuality", "major", "it is of another")),
    "source": (
        ("citation", "major", "a citation points to nothing in this patient's record"),
        ("factuality", "major", "what it rests on is not this patient's"),
    ),
    "leak": (("citation", "major", "a citation points to what was not known yet"),),
    "marker": (("citation", "considerable", "a mark without a source, or in the text"),),
    "span": (("citation", "considerable", "a citation does not open at its place"),),
    "time": (("citation", "considerable", "a citation has another time than its source"),),
    "uncited": (("citation", "considerable", "it cites nothing"),),
    "unused": (("citation", "minor", UNUSED),),
    "quote": (
        ("citation", "considerable", "quoted words are not those of the source"),
        ("factuality", "considerable", "quoted words are not in the record there"),
    ),
    "value": (
        ("citation", "considerable", "a cited value is not that of the source"),
        ("factuality", "major", "a value is not the record's"),
    ),
    "number": (("factuality", "major", "a number stands in none of its sources"),),
    "unit": (("factuality", "major", "a unit stands in none of its sources"),),
    "date": (("factuality", "considerable", "a day or time stands in none of its sources"),),
    "laterality": (("factuality", "major", "a side of the body that its sources do not name"),),
    "negation": (("factuality", "major", "it affirms or denies otherwise than its sources"),),
    "label": (("citation", "minor", "a source is not named, or by another name"),),
    "effect": (("quality", "minor", "an effect that is none, or without a reason"),),
}  # fmt: skip
"""Kind of a fault -> what it is an issue of. A kind that is not here is a considerable issue of factuality."""
_MOMENT = re.compile(r"\d (?:min|h|days?) before")
_OTHER: tuple[tuple[Dimension, Severity, str], ...] = (("factuality", "considerable", "a check failed"),)


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and what was found of it."""

    place: int
    about_patient: bool
    borne_out: bool
    """It cites something, and what it cites says it."""
    worst: Severity | None
    """Of its issues of factuality."""
    kinds: frozenset[str]
    """Of its faults."""
    claims: int
    """That can be checked; a criterion that cites something is one."""
    failed: int
    """Of its claims, those that what it cites does not say."""
    issues: tuple[Issue, ...]


def findings(explanation: Explanation, verification: Verification, now: datetime | None = None) -> tuple[Finding, ...]:
    """Return what was found of each sentence, in order. The verification must be of this explanation.

    ``now``: the time of the prediction, for moments such as ``3 h before``; without it they are not checked.
    """
    if len(explanation.statements) != len(verification.sentences):
        raise ValueError("the verification is of another explanation")
    pairs = enumerate(zip(explanation.statements, verification.sentences, strict=True))
    return tuple(_finding(place, statement, sentence, explanation, now) for place, (statement, sentence) in pairs)


def _finding(
    place: int, statement: Statement, sentence: Sentence, explanation: Explanation, now: datetime | None
) -> Finding:
    kinds = [fault.split(":", 1)[0] for fault in sentence.faults]
    about = is_about_patient(statement)
    if about and not statement.markers and UNCITED not in kinds:
        kinds.append(UNCITED)
    wrong = [claim for claim in sentence.claims if claim.verdict != "supported"]
    issues = (
        *(Issue(*one, statement.text, place) for kind in dict.fromkeys(kinds) for one in _KINDS.get(kind, _OTHER)),
        *(_of_claim(claim, place) for claim in wrong),
        *misread(statement, explanation.citations, place, now),
        *risk_misread(statement, explanation, place),
    )
    errors = [one.severity for one in issues if one.dimension == "factuality"]
    worst = max(errors, key=lambda one: WEIGHT[one], default=None)
    false = worst not in (None, "minor")
    against = [kind for kind in kinds if kind not in NOT_AGAINST]
    claims = len(sentence.claims) or int(about)
    return Finding(
        place=place,
        about_patient=about,
        borne_out=bool(statement.markers) and not against and not false,
        worst=worst,
        kinds=frozenset(kinds),
        claims=claims,
        failed=min(claims, max(len(wrong), int(about and false))),
        issues=issues,
    )


def kinds_of_whole(verification: Verification) -> frozenset[str]:
    """Return the kinds of the faults of the explanation as a whole."""
    return frozenset(fault.split(":", 1)[0] for fault in verification.faults)


def whole(verification: Verification) -> tuple[Issue, ...]:
    """Return the issues of the explanation as a whole, and of citations that no sentence uses."""
    kinds = [fault.split(":", 1)[0] for fault in verification.faults]
    return tuple(Issue(*one, "") for kind in kinds for one in _KINDS.get(kind, _OTHER))


def is_about_patient(statement: Statement) -> bool:
    """Say whether a sentence claims something of the patient that must be cited.

    So does a criterion that is met or not, where it cites or names a moment of the record; one that only counts others
    does not.
    """
    judged = statement.role == "checklist" and statement.status in ("met", "not met")
    return statement.role in ABOUT_PATIENT or (judged and bool(statement.markers or _MOMENT.search(statement.text)))


def _of_claim(claim: ClaimVerdict, place: int) -> Issue:
    severity = claim.weight or "considerable"
    return Issue("factuality", severity, f"{claim.verdict} in what it cites ({claim.fault})", claim.text, place)
