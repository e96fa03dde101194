"""Does a sentence hold against the words that it cites? Rules, a small trained detector, then whoever else is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from xhaim.ports import Entailment, LanguageModel
from xhaim.verify.align import Aligned, align
from xhaim.verify.atoms import Atom, atoms
from xhaim.verify.compare import Disagreement, Fault, disagreements
from xhaim.verify.copied import copied
from xhaim.verify.detector import Detector, features, shipped
from xhaim.verify.excerpt import excerpt
from xhaim.verify.facets import Facets, facets
from xhaim.verify.fold import disguised
from xhaim.verify.opinions import Opinion, Verdict, by_inference, by_language_model

Weight: TypeAlias = Literal["minor", "considerable", "major"]
"""What a fault can do to a patient. ``major``: another treatment (drug, dose, side, denial, another patient).
``considerable``: another reading of the state (condition, procedure, degree, course, time). ``minor``: all else."""
WEIGHTS: Mapping[Fault, Weight] = {
    "medication": "major", "number": "major", "unit": "major", "side": "major", "negation": "major",
    "other patient": "major", "condition": "considerable", "procedure": "considerable", "severity": "considerable",
    "trend": "considerable", "time": "considerable", "citation": "considerable", "location": "considerable",
    "name": "minor", "other": "minor",
}  # fmt: skip
RULES, COPY = "rules", "copy"
_LONGEST = 20_000
"""Characters of a sentence that is checked."""
_UNSURE = 0.5
"""Below this share of the threshold the detector's word stands; between it and the threshold others are asked."""


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """What is found of one atomic claim; ``text`` is exactly ``sentence[start:end]``."""

    text: str
    start: int
    end: int
    verdict: Verdict
    fault: Fault | None
    """``None`` where it is supported."""
    weight: Weight | None
    by: str
    """``copy``: the evidence holds these words; ``rules``; or the name of a model."""
    score: float | None
    """Probability that the claim does not hold, by the detector or the model of ``by``."""
    reason: str | None
    """What was found, in words that quote nothing; why there is no score."""
    disguised: bool = False
    """A word of the claim is in the evidence only once letters that look alike are made alike."""


def check(
    sentence: str,
    evidence: Sequence[str],
    *,
    detector: Detector | None = None,
    entailment: Entailment | None = None,
    model: LanguageModel | None = None,
) -> tuple[ClaimVerdict, ...]:
    """Return a verdict for each atomic claim of ``sentence``, in order, against the texts that it cites.

    First the rules, whose sure findings stand; then ``detector`` (the shipped one unless another is given); then,
    of claims that these two let pass or are unsure of, ``entailment`` and at last ``model``. The word of who is
    asked later stands over an earlier one's, but for the rules'. A function of its arguments
    alone; evidence of any length is read in the passages that share most words with the claim.
    """
    if len(sentence) > _LONGEST:
        reason = f"longer than {_LONGEST:,} characters: not checked"
        return (ClaimVerdict(sentence, 0, len(sentence), "not found", "other", "minor", RULES, None, reason),)
    by = detector or shipped()
    return tuple(_judged(one, evidence, by, entailment, model) for one in atoms(sentence))


def rules_alone(sentence: str, evidence: Sequence[str]) -> tuple[ClaimVerdict, ...]:
    """Return the verdicts by the rules' sure findings, with no trained model at all."""
    found = []
    for atom in atoms(sentence):
        claim, aligned, wrong = met(atom.text, evidence)
        found.append(
            _by_rules(atom, claim, aligned, evidence, wrong) or _passed(atom, RULES, None, "no detector was asked")
        )
    return tuple(found)


def stands_in(claim: str, evidence: Sequence[str]) -> bool:
    """Say whether the evidence holds the words of a claim, case and marks aside, and denies none of them."""
    ours, aligned, wrong = met(claim, evidence)
    return copied(ours, aligned.every, wrong)


def met(claim: str, evidence: Sequence[str]) -> tuple[Facets, Aligned, list[Disagreement]]:
    """Return a claim's facets, the evidence as it meets it, and their disagreements."""
    ours = facets(claim)
    aligned = align(ours, excerpt(ours, evidence))
    return ours, aligned, disagreements(ours, aligned)


def _judged(
    atom: Atom,
    evidence: Sequence[str],
    detector: Detector | None,
    entailment: Entailment | None,
    model: LanguageModel | None,
) -> ClaimVerdict:
    claim, aligned, wrong = met(atom.text, evidence)
    sure = _by_rules(atom, claim, aligned, evidence, wrong)
    if sure is not None:
        return sure
    found = _passed(atom, RULES, None, "no detector was asked")
    unsure = True
    if detector is not None:
        row = features(claim, aligned, wrong)
        score = float(detector.score(row[np.newaxis])[0])
        if score >= detector.threshold:
            fault, relation = _likeliest(wrong, aligned)
            found = _failed(atom, relation, fault, detector.name, score, "the whole differs from the cited words")
        else:
            found = _passed(atom, detector.name, score, None)
        unsure = score >= _UNSURE * detector.threshold
    found = replace(found, disguised=_hidden(atom.text, evidence))
    if entailment is not None and (found.verdict == "supported" or unsure):
        found = _with(found, by_inference(atom.text, evidence, entailment), wrong, aligned)
    if model is not None and (found.verdict == "supported" or unsure):
        found = _with(found, by_language_model(atom.text, evidence, model), wrong, aligned)
    return found


def _by_rules(
    atom: Atom, claim: Facets, aligned: Aligned, evidence: Sequence[str], wrong: Sequence[Disagreement]
) -> ClaimVerdict | None:
    """Return a verdict where the rules are sure of one."""
    sure = [one for one in wrong if one.sure]
    hidden = _hidden(atom.text, evidence)
    if sure:
        worst = min(sure, key=lambda one: (_RANK[WEIGHTS[one.fault]], one.start))
        told = f"{worst.measure}, at characters {worst.start} to {worst.end} of the claim"
        return replace(_failed(atom, worst.relation, worst.fault, RULES, None, told), disguised=hidden)
    return _passed(atom, COPY, 0.0, None, hidden=hidden) if copied(claim, aligned.every, wrong) else None


_RANK: Mapping[Weight, int] = {"major": 0, "considerable": 1, "minor": 2}


def _likeliest(wrong: Sequence[Disagreement], aligned: Aligned) -> tuple[Fault, Verdict]:
    """Name the fault of a claim that the detector calls false."""
    if aligned.covered < 0.3:
        return "citation", "not found"
    if not wrong:
        return "other", "not found"
    worst = min(wrong, key=lambda one: (_RANK[WEIGHTS[one.fault]], one.start))
    return worst.fault, worst.relation


def _with(found: ClaimVerdict, said: Opinion, wrong: Sequence[Disagreement], aligned: Aligned) -> ClaimVerdict:
    """Let another's word stand where it gave one."""
    if said.verdict is None:
        return found
    fault = None if said.verdict == "supported" else (found.fault or _likeliest(wrong, aligned)[0])
    weight = None if fault is None else WEIGHTS[fault]
    reason = "the model gives no probability" if said.score is None else None
    return replace(found, verdict=said.verdict, fault=fault, weight=weight, by=said.by, score=said.score, reason=reason)


def _passed(atom: Atom, by: str, score: float | None, reason: str | None, *, hidden: bool = False) -> ClaimVerdict:
    return ClaimVerdict(atom.text, atom.start, atom.end, "supported", None, None, by, score, reason, hidden)


def _failed(atom: Atom, relation: Verdict, fault: Fault, by: str, score: float | None, reason: str) -> ClaimVerdict:
    return ClaimVerdict(atom.text, atom.start, atom.end, relation, fault, WEIGHTS[fault], by, score, reason)


def _hidden(claim: str, evidence: Sequence[str]) -> bool:
    """Say whether a word of the claim is written in letters that only look like those of the evidence."""
    words = [word for word in claim.split() if disguised(word)]
    return bool(words) and any(word not in text for word in words for text in evidence)
