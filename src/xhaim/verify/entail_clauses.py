"""The clauses of a claim, each held against the source that it speaks of; what a clause denies should be missing there.

``Unlike the secondary trial, the primary trial does not use a placebo``: one clause, two sources, one denial.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xhaim.verify.entail_rows import parts
from xhaim.verify.entail_words import NEGATIVE, content, tokens

_CLAUSE = re.compile(r"[;,.]\s+|\b(?:but|whereas|while|however|although|and|or|with|compared)\b")
_SOURCE = re.compile(r"\b(primary|secondary) trial")
_CONTRAST = re.compile(r"\b(unlike|whereas|but|however|while|only)\b")
_MALE = frozenset(["man", "men", "male", "males", "he", "him", "his", "gentleman", "husband", "boy", "boys", "father"])
_FEMALE = frozenset(
    ["woman", "women", "female", "females", "she", "her", "hers", "lady", "wife", "girl", "girls", "mother", "pregnant"]
)


@dataclass(frozen=True, slots=True)
class Rarity:
    """In how many texts a word was seen when the verifier was fitted."""

    texts: int
    seen: Mapping[str, int]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Rarity:
        """Count the words of distinct texts; a word of a single text is as one that was never seen."""
        unique = sorted(set(texts))
        seen = Counter(word for text in unique for word in set(content(text)))
        return cls(len(unique), {word: n for word, n in sorted(seen.items()) if n > 1})

    def weight(self, word: str) -> float:
        """Return the inverse document frequency, 1 for a word of every text."""
        return 1.0 + math.log((1 + self.texts) / (1 + self.seen.get(word, 0)))

    def cover(self, words: Sequence[str], there: Iterable[str]) -> float:
        """Return the share of the words (stems), by rarity, that are there; 0 where there are no words."""
        known = frozenset(there)
        whole = sum(map(self.weight, words))
        return sum(self.weight(word) for word in words if word in known) / whole if words else 0.0


def clause_columns(claim: str, evidence: str, rarity: Rarity) -> dict[str, float]:
    """Return coverage by clause and source, turned where a clause denies, and the contrast between two sources."""
    sources = [frozenset(content(source)) for source in parts(evidence)]
    scores: list[float] = []
    turned: list[float] = []
    wanted: list[int] = []
    for clause in _CLAUSE.split(claim.lower()):
        wanted = [int(name == "secondary") for name in _SOURCE.findall(clause)] or wanted
        said = content(clause)
        if not said:
            continue
        chosen = [sources[at] for at in dict.fromkeys(wanted) if at < len(sources)] or sources
        covered = [rarity.cover(said, source) for source in chosen]
        scores.append(min(covered))
        turned.append(0.5 - max(covered) if _denies(clause) else min(covered) - 0.5)
    each = [rarity.cover(content(claim), source) for source in sources]
    return {
        "source_least": min(each),
        "source_turned": 0.5 - max(each) if _denies(claim) else min(each) - 0.5,
        "source_gap": each[0] - each[1] if len(each) > 1 else 0.0,
        "source_contrast": _contrast(claim.lower(), sources, rarity),
        "sources": float(len(sources)),
        "clauses": float(len(scores)),
        "clause_least": min(scores, default=0.0),
        "clause_mean": sum(scores) / len(scores) if scores else 0.0,
        "clause_turned": sum(turned) / len(turned) if turned else 0.0,
        "clause_turned_least": min(turned, default=0.0),
        "clause_turned_last": turned[-1] if turned else 0.0,
        "sex": _sex(claim, evidence),
    }


def _denies(text: str) -> bool:
    return any(word in NEGATIVE for word in tokens(text))


def _contrast(low: str, sources: Sequence[frozenset[str]], rarity: Rarity) -> float:
    """Return how much more the affirmed source has of what the denied one should lack; 0 without two of them."""
    if len(sources) < 2 or not _CONTRAST.search(low):
        return 0.0
    signs: dict[int, int] = {}
    pieces = [piece for piece in _CLAUSE.split(low) if content(piece) or _SOURCE.search(piece)]
    for piece in pieces:
        for name in _SOURCE.findall(piece):
            if "unlike" not in piece:
                signs.setdefault(int(name == "secondary"), -1 if _denies(piece) else 1)
    if len(signs) == 1 and "unlike" in low:
        signs |= {1 - at: -sign for at, sign in signs.items()}
    if len(set(signs.values())) < 2:
        return 0.0
    said = [content(piece) for piece in pieces if content(piece)]
    gaps = [rarity.cover(words, sources[0]) - rarity.cover(words, sources[1]) for words in said]
    return signs[0] * sum(gaps) / len(gaps) if gaps else 0.0


def _sex(claim: str, evidence: str) -> float:
    """Return -1 where the claim speaks of one sex and the evidence of the other alone, 1 where of the same, else 0."""
    ours, theirs = frozenset(tokens(claim)), frozenset(tokens(evidence))
    for own_sex, other in ((_MALE, _FEMALE), (_FEMALE, _MALE)):
        if ours & own_sex and not ours & other:
            return 1.0 if theirs & own_sex else -1.0 if theirs & other else 0.0
    return 0.0
