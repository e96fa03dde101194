"""What a claim says otherwise than its evidence, or says and the evidence does not: rules over their facets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xhaim.llm.identifiers import words
from xhaim.verify.align import Aligned, holds, same_concepts
from xhaim.verify.facets import QUALIFIERS, Concept, Facets, Qualifier
from xhaim.verify.lexicon import Kind
from xhaim.verify.quantities import Moment, Quantity, same_moment, same_number

Fault: TypeAlias = Literal[
    "condition", "procedure", "medication", "time", "location", "number", "unit", "side", "negation", "severity",
    "trend", "name", "other patient", "citation", "other",
]  # fmt: skip
"""What is wrong with a claim."""
Relation: TypeAlias = Literal["contradicted", "not found"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that a claim says and its evidence does not; offsets in the claim's folded text."""

    fault: Fault
    relation: Relation
    sure: bool
    """Whether it alone is enough for a verdict: the others are for the trained detector to weigh."""
    measure: str
    """What the detector counts it as."""
    start: int
    end: int


_FAULTS: dict[Kind, Fault] = {
    "side": "side", "severity": "severity", "trend": "trend", "acuity": "time", "place": "location",
    "period": "unit",
    "sex": "other patient", "finding": "condition", "procedure": "procedure", "device": "procedure",
    "drug": "medication", "part": "location", "state": "condition", "word": "other",
}  # fmt: skip
_ALIKE = {
    frozenset(pair)
    for pair in (("tiny", "small"), ("rising", "worsened"), ("falling", "improved"), ("falling", "resolved"),
                 ("improved", "resolved"),
                 ("both", "left"), ("both", "right"), ("new", "acute"), ("chronic", "continuous"), ("basal", "lower"),
                 ("apical", "upper"), ("new", "rising"), ("new", "worsened"))
}  # fmt: skip
"""Values of qualifiers that do not contradict each other."""
_APART = {
    frozenset(pair)
    for pair in (("upper", "lower"), ("upper", "middle"), ("lower", "middle"), ("anterior", "posterior"),
                 ("medial", "lateral"), ("proximal", "distal"), ("apical", "basal"), ("acute", "chronic"),
                 ("intermittent", "continuous"), ("upper", "basal"), ("lower", "apical"))
}  # fmt: skip
"""Places and times that do; other pairs of these two kinds may stand together."""
_MEDICAL = re.compile(
    r"(?:itis|osis|iasis|emia|aemia|pathy|omas?|algia|ectomy|otomy|ostomy|oscopy|plasty|plegia|paresis|rrhea|uria|"
    r"penia|cytosis|megaly|ectasi[as]|sclerosis|phagia|plasia|trophy|pnea|cardia|tension|lysis|gram|olol|pril|sartan|"
    r"statin|mycin|micin|cillin|azole|oxacin|parin|clovir|navir|tidine|setron|dipine|semide|thiazide|zepam|zolam|"
    r"barbital|caine|gliptin|gliflozin|glitazone|phylline|sone|solone|triptan|xaban|gatran|penem|cycline|phrine|"
    r"oxetine|zosin|dronate|[mt]umab|ximab|zumab|tinib|profen|formin|lukast|trexate|ampin)$"
)
_SURE_KINDS = ("finding", "procedure", "drug", "device")


def disagreements(claim: Facets, met: Aligned) -> list[Disagreement]:
    """Return every disagreement of a claim with its evidence, in order of the claim."""
    found = [*_numbers(claim, met), *_moments(claim, met)]
    for concept in claim.concepts:
        found.extend(_concept(concept, claim, met))
    for qualifier in claim.qualifiers:
        found.extend(_qualifier(qualifier, met))
    known = {word for sentence in met.every for word in sentence.text.lower().split()} if claim.names else set()
    for name in claim.names:
        if not any(name in word for word in known):
            at = claim.text.lower().find(name)
            found.append(Disagreement("name", "not found", False, "name missing", at, at + len(name)))
    return sorted(found, key=lambda one: (one.start, one.end, one.measure))


def _numbers(claim: Facets, met: Aligned) -> Iterator[Disagreement]:
    near = [one for sentence in met.near for one in sentence.quantities]
    every = [one for sentence in met.every for one in sentence.quantities]
    for ours in claim.quantities:
        if any(same_number(ours, one) for one in near):
            continue
        if any(same_number(ours, one) for one in every):
            yield _one("number", "not found", False, "number elsewhere", ours)
        elif any(ours.written == one.written for one in every):
            yield _one("unit", "contradicted", True, "unit", ours)
        else:
            yield _one("number", "contradicted" if near else "not found", True, "number missing", ours)


def _moments(claim: Facets, met: Aligned) -> Iterator[Disagreement]:
    near = [one for sentence in met.near for one in sentence.moments]
    every = [one for sentence in met.every for one in sentence.moments]
    for ours in claim.moments:
        if not any(same_moment(ours, one) for one in every):
            yield _one("time", "contradicted" if near else "not found", True, "date missing", ours)
        elif not any(same_moment(ours, one) for one in near):
            yield _one("time", "not found", False, "date elsewhere", ours)


def _concept(ours: Concept, claim: Facets, met: Aligned) -> Iterator[Disagreement]:
    """Check that a concept is spoken of, and affirmed or denied as in the claim."""
    near = [one for sentence in met.near for one in same_concepts(ours, claim, sentence)]
    every = near or [one for sentence in met.every for one in same_concepts(ours, claim, sentence)]
    group = "word" if ours.kind == "word" else "term"
    if not every:
        if not any(holds(ours, claim, sentence) for sentence in met.every):
            word = claim.text[ours.start : ours.end].lower()
            called = _called(word) if ours.kind == "word" else ours.kind
            fault = "condition" if called == "medical word" else _FAULTS[ours.kind]
            sure = ours.kind in _SURE_KINDS or called == "medical word"
            yield _one(fault, "not found", sure, f"{called} missing", ours)
        return
    said = {one.polarity for one in every}
    if ours.polarity in said:
        return
    where = "near" if near else "elsewhere"
    if "uncertain" in (ours.polarity, *said):
        yield _one("negation", "contradicted", False, f"certainty {group}", ours)
    else:
        exact = any(one.name == ours.name for one in every)
        sure = exact and ours.kind in _SURE_KINDS and bool(near)
        yield _one("negation", "contradicted", sure, f"polarity {group} {where}", ours)


def _called(word: str) -> str:
    """Say what kind of word one is that no list of terms has: of medicine by its ending, common, or neither."""
    if _MEDICAL.search(word):
        return "medical word"
    return "common word" if word in words("common_words") else "rare word"


def _qualifier(ours: Qualifier, met: Aligned) -> Iterator[Disagreement]:
    """Check a side, degree, direction or place against those of the same concept, else of the same sentences."""
    every = [one for sentence in met.every for one in sentence.qualifiers if one.kind == ours.kind]
    near = [one for sentence in met.near for one in sentence.qualifiers if one.kind == ours.kind]
    bound = [one for one in near if set(one.heads) & set(ours.heads)]
    bound = bound or [one for one in every if set(one.heads) & set(ours.heads)]
    fault = _FAULTS[ours.kind]
    for name, others in (("bound", bound), ("near", near), ("elsewhere", every)):
        if others:
            if ours.kind == "side" and ours.value not in {one.value for one in others} and _agrees(ours, others):
                yield _one(fault, "contradicted", False, f"side of both {name}", ours)
            elif not _agrees(ours, others):
                against = _against(ours, others)
                sure = against and ours.kind in ("side", "severity", "trend") and name != "elsewhere"
                relation: Relation = "contradicted" if against else "not found"
                yield _one(fault, relation, sure, f"{ours.kind} {'against' if against else 'other'} {name}", ours)
            elif ours.polarity not in {one.polarity for one in others if _agrees(ours, [one])}:
                yield _one("negation", "contradicted", False, f"{ours.kind} denied {name}", ours)
            return
    yield _one(fault, "not found", ours.kind == "side", f"{ours.kind} missing", ours)


def _agrees(ours: Qualifier, others: Sequence[Qualifier]) -> bool:
    values = {one.value for one in others}
    if ours.value == "both":
        return "both" in values or {"left", "right"} <= values
    return ours.value in values or any(frozenset((ours.value, one)) in _ALIKE for one in values)


def _against(ours: Qualifier, others: Sequence[Qualifier]) -> bool:
    if ours.kind in ("side", "severity", "trend", "sex", "period"):
        return True
    return any(frozenset((ours.value, one.value)) in _APART for one in others)


def _one(
    fault: Fault, relation: Relation, sure: bool, measure: str, where: Quantity | Moment | Concept | Qualifier
) -> Disagreement:
    return Disagreement(fault, relation, sure, measure, where.start, where.end)


MEASURES: tuple[str, ...] = (
    "number elsewhere", "unit", "number missing", "date missing", "date elsewhere", "name missing",
    *(f"{kind} missing" for kind in ("finding", "procedure", "drug", "device", "part", "state")),
    "medical word missing", "rare word missing", "common word missing",
    *(f"{kind} missing" for kind in QUALIFIERS),
    *(f"polarity {group} {where}" for group in ("term", "word") for where in ("near", "elsewhere")),
    "certainty term", "certainty word", "side of both bound", "side of both near", "side of both elsewhere",
    *(f"{kind} {how} {where}" for kind in QUALIFIERS for how in ("against", "other", "denied")
      for where in ("bound", "near", "elsewhere")),
)  # fmt: skip
"""Every measure that a disagreement can be counted as, in the detector's order."""
