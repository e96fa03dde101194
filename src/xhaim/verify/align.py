"""Which sentences of the evidence a claim is about, and which of their words are the claim's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from xhaim.verify.facets import Concept, Facets
from xhaim.verify.lexicon import Kind, entries, stem, terms, tokens

WEIGHTS: Mapping[Kind, float] = {
    "finding": 1.0,
    "drug": 1.0,
    "procedure": 1.0,
    "device": 1.0,
    "part": 0.6,
    "state": 0.4,
    "word": 0.7,
}
"""How much of a claim's content a concept of each kind is."""
_CLOSE = 0.75
"""Share of the best sentence's score from which another counts as about the same."""
_MOST = 4


@dataclass(frozen=True, slots=True)
class Aligned:
    """The evidence as one claim meets it."""

    near: tuple[Facets, ...]
    """The sentences that the claim is about, best first; empty where the evidence has none."""
    every: tuple[Facets, ...]
    """All sentences that were read, in order."""
    score: float
    """Share of the claim's content that the best sentence holds, 0 to 1."""
    covered: float
    """The same of all sentences together."""


def align(claim: Facets, evidence: Sequence[Facets]) -> Aligned:
    """Rank the sentences of the evidence by how much of the claim's content they hold; ties keep the text's order."""
    scored = [(score(claim, one), -place, one) for place, one in enumerate(evidence)]
    scored.sort(key=lambda item: item[:2], reverse=True)
    best = scored[0][0] if scored else 0.0
    near = tuple(one for value, _, one in scored[:_MOST] if best > 0 and value >= _CLOSE * best)
    return Aligned(near, tuple(evidence), _share(claim, near[:1]), _share(claim, evidence))


def score(claim: Facets, sentence: Facets) -> float:
    """Return what the two have in common: content first, then numbers and qualifiers, then all words."""
    numbers = {one.written for one in claim.quantities} & {one.written for one in sentence.quantities}
    ours = {(one.kind, one.value) for one in claim.qualifiers}
    shared = ours & {(one.kind, one.value) for one in sentence.qualifiers}
    words = len(claim.stems & sentence.stems) / (1 + len(claim.stems | sentence.stems))
    return _share(claim, (sentence,)) + 0.15 * len(numbers) + 0.05 * len(shared) + 0.3 * words


def same_concepts(concept: Concept, claim: Facets, sentence: Facets) -> list[Concept]:
    """Return where a sentence speaks of a claim's concept: by its name, else in a wording of which it is a part."""
    exact = [one for one in sentence.concepts if one.name == concept.name]
    if exact:
        return exact
    mine = span_stems(claim, concept)
    loose = [one for one in sentence.concepts if mine <= span_stems(sentence, one)]
    return loose or [one for one in sentence.concepts if _whole(concept, one)]


def holds(concept: Concept, claim: Facets, sentence: Facets) -> bool:
    """Say whether a sentence speaks of a claim's concept, or of all its parts: ``pain`` and ``abdomen``."""
    if concept.kind == "word" and concept.name in sentence.stems:
        return True
    if same_concepts(concept, claim, sentence) or (
        concept.kind in ("part", "word") and _inside(concept.name, sentence)
    ):
        return True
    return any(parts <= named(sentence) for parts in parts_of(concept.name, concept.kind))


def _inside(name: str, sentence: Facets) -> bool:
    """Say whether a word is part of what a sentence names: the *heart* of cardiomegaly."""
    return any(name in parts for one in sentence.concepts for parts in parts_of(one.name, one.kind))


def span_stems(facets: Facets, concept: Concept) -> frozenset[str]:
    """Return the stems of the words of a concept."""
    return _stems(facets.text[concept.start : concept.end])


def named(sentence: Facets) -> frozenset[str]:
    """Return the names of a sentence's concepts and qualifiers, and the stems of its words."""
    qualifiers = {one.value for one in sentence.qualifiers}
    return frozenset({one.name for one in sentence.concepts} | qualifiers | sentence.stems)


@cache
def parts_of(name: str, kind: Kind) -> tuple[frozenset[str], ...]:
    """Return the wordings of a concept as sets of what their single words are called."""
    wordings = [text for one, its_kind, text in entries() if (one, its_kind) == (name, kind) and text[0] != "-"]
    return tuple(
        dict.fromkeys(
            frozenset(_name(word) for word in text.replace("-", " ").split() if word != "~") for text in wordings
        )
    )


def _name(word: str) -> str:
    found = terms(tokens(word))
    return found[0].name if len(found) == 1 else stem(word)


def _whole(concept: Concept, other: Concept) -> bool:
    """Say whether a word of the evidence is a longer form of the claim's, or the other way round: ``cardi``."""
    if "word" not in (concept.kind, other.kind):
        return False
    short, long = sorted((concept.name, other.name), key=len)
    return len(short) >= 5 and long.startswith(short)


def _share(claim: Facets, sentences: Sequence[Facets]) -> float:
    """Return the weighted share of the claim's concepts that the sentences hold; 0 where it has none."""
    weights = [(WEIGHTS.get(one.kind, 0.0), one) for one in claim.concepts]
    whole = sum(weight for weight, _ in weights)
    held = sum(weight for weight, one in weights if any(holds(one, claim, sentence) for sentence in sentences))
    return held / whole if whole else 0.0


@lru_cache(maxsize=65536)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(one.word) for one in tokens(text) if one.is_word)
