"""A claim beside its evidence as numbers: what is covered, what is missing, what is denied, what disagrees.

Every column is a function of the two texts alone, and of the frequencies of words and the encoder that were fixed
when the verifier was fitted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xhaim.ports import Encoder
from xhaim.text.sentences import sentences
from xhaim.verify.entail_clauses import Rarity, clause_columns
from xhaim.verify.entail_numbers import number_columns
from xhaim.verify.entail_tables import table_columns
from xhaim.verify.entail_words import DOWN, NEGATIVE, UP, content, longest_run, numbers, tokens

MAX_SENTENCES = 24
"""Of one premise that are embedded: those that share most with the claim, then the first."""
_SHAPES = {
    "none": r"\b(no|none|neither|nor|zero|never)\b",
    "not": r"\b(not|cannot|doesnt|dont|isnt|without|n't)\b",
    "all": r"\b(all|every|each|always|entire)\b",
    "only": r"\b(only|solely|exclusively|just)\b",
    "both": r"\bboth\b",
    "unlike": r"\b(unlike|whereas|but|however|while|differ\w*|opposite)\b",
    "same": r"\b(same|similar|equal|identical)\b",
    "more": r"\b(more|higher|greater|larger|longer|better|most)\b",
    "less": r"\b(less|fewer|lower|smaller|shorter|worse|least)\b",
    "at least": r"\b(at least|at most|minimum|maximum|over|under|up to)\b",
    "may": r"\b(may|might|can|could|likely|possibl\w*|appears?|suggests?)\b",
    "eligible": r"\b(eligible|included?|participate|allowed|can take part)\b",
    "excluded": r"\b(ineligible|excluded?|not eligible|not be eligible|cannot participate|prohibited)\b",
    "must": r"\b(must|need|required?|necessary|have to)\b",
    "question": r"\?|^(does|do|is|are|can|will|should)\b",
}
_SHAPE = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _SHAPES.items()}
_EXCLUSION = re.compile(r"\bexclusion criteria", re.IGNORECASE)


def claim_columns(claim: str) -> dict[str, float]:
    """Return what the claim says of itself: its length, its numbers, its denials, its shape."""
    words = tokens(claim)
    return {
        "claim_words": float(len(words)),
        "claim_numbers": float(len(numbers(claim))),
        "claim_negative": float(sum(word in NEGATIVE for word in words)),
        "claim_up": float(sum(word in UP for word in words)),
        "claim_down": float(sum(word in DOWN for word in words)),
        **{f"claim_{name}": float(bool(pattern.search(claim))) for name, pattern in _SHAPE.items()},
    }


def columns(claim: str, evidence: str, rarity: Rarity, encoder: Encoder | None) -> dict[str, float]:
    """Return every column of a pair by name; without an encoder those of its cosines are left out."""
    lines = evidence_lines(evidence, claim)
    said = content(claim)
    weights = {word: rarity.weight(word) for word in said}
    covered = [_coverage(said, content(line), weights) for line in lines]
    found = claim_columns(claim) | _cover(claim, evidence, said, weights, covered)
    near = covered
    if encoder is not None:
        vectors = encoder.encode([claim, *lines])
        cosines = vectors[1:] @ vectors[0]
        found |= _cosines(cosines)
        near = [float(a) + float(b) for a, b in zip(cosines, covered, strict=True)]
    best = int(np.argmax(near)) if lines else 0
    line = lines[best] if lines else ""
    found |= _disagreement(claim, line, "best") | _disagreement(claim, evidence, "all")
    found |= _criterion(claim, evidence, lines, near) | clause_columns(claim, evidence, rarity)
    return found | number_columns(claim, evidence) | table_columns(claim, evidence)


def evidence_lines(evidence: str, claim: str) -> list[str]:
    """Return the sentences of the evidence; of a long one those nearest to the claim in words, in their order."""
    every = [evidence[start:end] for start, end in sentences(evidence)]
    every = [line for line in every if any(letter.isalnum() for letter in line)]
    if len(every) <= MAX_SENTENCES:
        return every
    said = frozenset(content(claim))
    first = sorted(range(len(every)), key=lambda at: (-len(said & frozenset(content(every[at]))), at))[:MAX_SENTENCES]
    return [every[at] for at in sorted(first)]


def _coverage(said: Sequence[str], there: Iterable[str], weights: Mapping[str, float]) -> float:
    """Return the share of the claim's words, by rarity, that are there; 0 for a claim without any."""
    known = frozenset(there)
    whole = sum(weights[word] for word in said)
    return sum(weights[word] for word in said if word in known) / whole if whole else 0.0


def _cover(
    claim: str, evidence: str, said: Sequence[str], weights: Mapping[str, float], covered: Sequence[float]
) -> dict[str, float]:
    there = content(evidence)
    known = frozenset(there)
    missing = [weights[word] for word in said if word not in known]
    pairs = list(pairwise(said))
    together = frozenset(pairwise(there))
    ordered = sorted(covered, reverse=True)
    stated, given = numbers(claim), frozenset(numbers(evidence))
    return {
        "cover": _coverage(said, there, weights),
        "cover_best": ordered[0] if ordered else 0.0,
        "cover_second": ordered[1] if len(ordered) > 1 else 0.0,
        "cover_pairs": sum(pair in together for pair in pairs) / len(pairs) if pairs else -1.0,
        "cover_back": sum(word in frozenset(said) for word in there) / len(there) if there else 0.0,
        "run_found": float(longest_run(pair in together for pair in pairs)),
        "run_missing": float(longest_run(word not in known for word in said)),
        "missing": float(len(missing)),
        "missing_rarest": max(missing, default=0.0),
        "evidence_words": math.log1p(len(there)),
        "evidence_lines": math.log1p(len(covered)),
        "numbers_found": sum(value in given for value in stated) / len(stated) if stated else -1.0,
    }


def _cosines(cosines: NDArray[np.float32]) -> dict[str, float]:
    ordered = np.sort(cosines)[::-1]
    top = [float(ordered[at]) if at < len(ordered) else 0.0 for at in range(3)]
    return {
        "cosine": top[0],
        "cosine_second": top[1],
        "cosine_gap": top[0] - top[1],
        "cosine_mean": float(ordered.mean()) if len(ordered) else 0.0,
    }


def _disagreement(claim: str, text: str, name: str) -> dict[str, float]:
    """Return how the text's denials and directions stand to the claim's."""
    ours, theirs = tokens(claim), tokens(text)
    near = _near(ours, theirs)
    sign = {
        kind: sum(word in words for word in ours) for kind, words in (("neg", NEGATIVE), ("up", UP), ("down", DOWN))
    }
    other = {
        kind: sum(word in words for word in near) for kind, words in (("neg", NEGATIVE), ("up", UP), ("down", DOWN))
    }
    lean = (sign["up"] > sign["down"]) - (sign["up"] < sign["down"])
    their_lean = (other["up"] > other["down"]) - (other["up"] < other["down"])
    flip = -1.0 if (sign["neg"] + other["neg"]) % 2 else 1.0
    return {
        f"{name}_negative": float(other["neg"]),
        f"{name}_denied": float((sign["neg"] > 0) != (other["neg"] > 0)),
        f"{name}_lean": float(their_lean),
        f"{name}_against": float(lean * their_lean),
        f"{name}_turned": float(lean * their_lean) * flip,
    }


def _near(ours: Sequence[str], theirs: Sequence[str], reach: int = 8) -> list[str]:
    """Return the words of the text that stand within reach of a word that the claim shares with it."""
    said = frozenset(content(" ".join(ours)))
    hits = [at for at, word in enumerate(theirs) if said & frozenset(content(word))]
    kept = sorted({at for hit in hits for at in range(max(0, hit - reach), min(len(theirs), hit + reach + 1))})
    return [theirs[at] for at in kept]


def _criterion(claim: str, evidence: str, lines: Sequence[str], near: Sequence[float]) -> dict[str, float]:
    """Return whether the nearest line stands under an exclusion, and whether that is what the claim says."""
    if not lines or not _EXCLUSION.search(evidence):
        return {"criterion": 0.0, "criterion_agrees": 0.0, "criterion_margin": 0.0}
    scores: dict[bool, float] = {True: 0.0, False: 0.0}
    at, out = 0, False
    for line, score in zip(lines, near, strict=True):
        found = evidence.find(line, at)
        head = evidence[at : max(at, found)] + line[:40]
        if _EXCLUSION.search(head):
            out = True
        elif re.search(r"\binclusion criteria|\b(?:primary|secondary) trial:", head, re.IGNORECASE):
            out = False
        at = max(at, found)
        scores[out] = max(scores[out], score)
    excluded = scores[True] - scores[False]
    low = claim.lower()
    says = (
        -1.0
        if _SHAPE["excluded"].search(low) or "not" in tokens(claim)
        else 1.0
        if _SHAPE["eligible"].search(low)
        else 0.0
    )
    return {
        "criterion": float(excluded > 0),
        "criterion_agrees": -says * float(np.sign(excluded)),
        "criterion_margin": -says * excluded,
    }
