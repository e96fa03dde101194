"""What a text states: its terms with polarity, the words that qualify them, quantities, moments, names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from xhaim.records import Polarity
from xhaim.verify.denial import denials, heard_of, polarity_of
from xhaim.verify.fold import fold
from xhaim.verify.lexicon import Kind, Term, Token, stem, terms, tokens
from xhaim.verify.plain import carries
from xhaim.verify.quantities import Moment, Quantity, moments, quantities

QUALIFIERS: tuple[Kind, ...] = ("side", "severity", "trend", "acuity", "place", "period", "sex")
"""Kinds of words that qualify another term."""
LONGEST = 10_000
_REACH_BEFORE, _REACH_BEHIND = 5, 6
"""Words between a qualifier and what it qualifies: ``mild right pleural effusion``, ``effusion, which is small``."""
_BREAKS = frozenset(",;:.?!()[]\n") | {"but", "while", "whereas", "although", "with", "without"}
_NOT_A_SIDE = re.compile(
    r"(?:now|away|there|here|before|after|then|handed|hand dominant|the|ama|against|without|for)\b"
)


@dataclass(frozen=True, slots=True)
class Concept:
    """A term that can be affirmed or denied; offsets are half-open, in the folded text."""

    name: str
    """The lexicon's name, or the stem of any other word."""
    kind: Kind
    start: int
    end: int
    polarity: Polarity
    """``afebrile`` is *fever*, negated."""


@dataclass(frozen=True, slots=True)
class Qualifier:
    """A side, degree, direction or place, and the concepts that it may stand for."""

    kind: Kind
    value: str
    start: int
    end: int
    heads: tuple[str, ...]
    """Names of the nearest concept before and behind it in its clause; empty where there is none."""
    polarity: Polarity
    """``not worse`` is *worsened*, negated."""


@dataclass(frozen=True, slots=True)
class Facets:
    """All that one sentence states."""

    text: str
    """Folded."""
    concepts: tuple[Concept, ...]
    qualifiers: tuple[Qualifier, ...]
    quantities: tuple[Quantity, ...]
    moments: tuple[Moment, ...]
    names: tuple[str, ...]
    """Capitalised words inside the sentence that the lexicon does not know, in lower case."""
    stems: frozenset[str]
    """Of every word, the plain ones too."""
    denials: int
    """How many words deny something."""


@lru_cache(maxsize=16384)
def facets(sentence: str) -> Facets:
    """Return what one sentence states; offsets lie in its folded text (``fold``), a function of the sentence alone.

    Every word is read once, as part of the longest known wording; what no list knows is a concept of the kind
    ``word``. A concept is affirmed, negated or uncertain by the rules of ``text.polarity``. Raises ValueError over
    10,000 characters: that is no sentence (``atoms.pieces`` cuts a text).
    """
    if len(sentence) > LONGEST:
        raise ValueError(f"a sentence of {len(sentence):,} characters; cut it first")
    text = fold(sentence).text
    found = tokens(text)
    known = terms(found)
    times = moments(text)
    counts = quantities(text, times)
    numeric: list[tuple[int, int]] = [(one.start, one.end) for one in times]
    numeric += [(one.start, one.end) for one in counts]
    heard = heard_of(text, found, known)
    concepts = tuple(_concepts(text, heard, found, known, numeric))
    return Facets(
        text,
        concepts,
        tuple(_qualifiers(text, heard, found, known, concepts, numeric)),
        tuple(counts),
        tuple(times),
        tuple(_names(text, found, known, numeric)),
        frozenset(stem(one.word) for one in found if one.is_word),
        denials(heard),
    )


def _concepts(
    text: str, heard: str, found: Sequence[Token], known: Sequence[Term], numeric: Sequence[tuple[int, int]]
) -> Iterator[Concept]:
    taken = {place for one in known for place in range(one.first, one.last)}
    spots = [(one.first, one.core, one.last, one.name, one.kind, one.denies) for one in known]
    for place, token in enumerate(found):
        inside = any(start <= token.start < end for start, end in numeric)
        if place not in taken and not inside and token.is_word and carries(token.word):
            spots.append((place, place, place + 1, stem(token.word), "word", False))
    for first, core, last, name, kind, denies in sorted(spots, key=lambda spot: spot[0]):
        if kind in QUALIFIERS:
            continue
        end = found[last - 1].end
        said = polarity_of(heard, found[core].start, end)
        if denies:
            said = {"affirmed": "negated", "negated": "affirmed"}.get(said, said)  # type: ignore[assignment]
        yield Concept(name, kind, found[first].start, end, said)


def _qualifiers(
    text: str,
    heard: str,
    found: Sequence[Token],
    known: Sequence[Term],
    concepts: Sequence[Concept],
    numeric: Sequence[tuple[int, int]],
) -> Iterator[Qualifier]:
    for one in known:
        if one.kind not in QUALIFIERS or _is_no_side(text, found, one):
            continue
        start, end = found[one.first].start, found[one.last - 1].end
        if any(first <= start < last for first, last in numeric):
            continue
        heads = _heads(found, one, concepts)
        yield Qualifier(one.kind, one.name, start, end, heads, polarity_of(heard, start, end))


def _is_no_side(text: str, found: Sequence[Token], one: Term) -> bool:
    """Say whether ``left`` is a verb or ``right`` an adverb: ``left the hospital``, ``right away``."""
    word = found[one.first].word
    if word not in ("left", "right") or one.last - one.first > 1:
        return False
    before = found[one.first - 1].word if one.first else ""
    behind = text[found[one.first].end : found[one.first].end + 16].lstrip().lower()
    verb = word == "left" and before in ("he", "she", "they", "patient", "has", "have", "was", "who", "is")
    return (verb or before not in ("the", "on", "to", "of", "in")) and bool(_NOT_A_SIDE.match(behind))


def _heads(found: Sequence[Token], one: Term, concepts: Sequence[Concept]) -> tuple[str, ...]:
    """Return the concepts next to a qualifier: behind it, then before it, then the one that holds it."""
    start, end = found[one.first].start, found[one.last - 1].end
    behind = _edge(found, range(one.last, min(len(found), one.last + _REACH_BEHIND)))
    before = _edge(found, range(one.first - 1, max(-1, one.first - 1 - _REACH_BEFORE), -1))
    near = [c.name for c in concepts if end <= c.start < behind][:2]
    near += [c.name for c in concepts if before <= c.start and c.end <= start][-2:]
    near += [c.name for c in concepts if c.start <= start and end <= c.end]
    if one.kind in ("trend", "severity"):  # which has increased
        near += [c.name for c in concepts if c.end <= start][-1:]
    return tuple(dict.fromkeys(near))


def _edge(found: Sequence[Token], places: range) -> int:
    """Return the offset up to which a qualifier reaches over these places."""
    edge = -1 if places.step > 0 else 1 << 60
    for place in places:
        if found[place].word in _BREAKS:
            break
        edge = found[place].end if places.step > 0 else found[place].start
    return edge


def _names(
    text: str, found: Sequence[Token], known: Sequence[Term], numeric: Sequence[tuple[int, int]]
) -> Iterator[str]:
    taken = {place for one in known for place in range(one.first, one.last)}
    for place, token in enumerate(found):
        if any(start <= token.start < end for start, end in numeric):
            continue
        opens = place == 0 or found[place - 1].word in ".:?!\n"
        word = text[token.start : token.end]
        titled = len(word) > 2 and word[0].isupper() and word[1:].islower()
        if titled and not opens and place not in taken and carries(token.word):
            yield token.word
