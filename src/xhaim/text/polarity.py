"""What a sentence says of a term it names: affirmed, negated or uncertain; of the past; of another person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

from xhaim.records import Polarity
from xhaim.text import triggers
from xhaim.text.elsewhere import bare, elsewhere, excluding
from xhaim.text.misspelt import misspelt


@dataclass(frozen=True, slots=True)
class Mention:
    """A term where a sentence names it; offsets are half-open, in characters of that sentence."""

    term: str
    """As it was asked for."""
    start: int
    end: int
    polarity: Polarity
    historical: bool = False
    """Spoken of as past: ``history of``, ``s/p``."""
    family: bool = False
    """Spoken of another person: ``mother had``; then the polarity is never ``affirmed``."""


_Kind = Literal["negated", "uncertain", "answer", "end", "none", "past", "other"]
_Phrases = dict[str, tuple[list[int], dict[tuple[str, ...], _Kind]]]
"""First token -> the lengths of its phrases, longest first; the kind of each phrase."""
_Hit = tuple[int, int, _Kind]

_NEW_FINDING = "|".join(triggers.AFTER_COMMA.split())
_TOKEN = re.compile(
    rf"\d{{1,2}}[.)](?=\s)|,(?=\s+(?:{_NEW_FINDING})\b)|-ve\b|[a-z0-9][a-z0-9/'-]*|[?;:]|\(-\)|[.!](?=\s|$)"
)
_REACH = 60
"""Characters that a trigger behind a mention reaches back."""


def _variants(phrase: str) -> Iterator[str]:
    """Spell out ``(a|b|) c``."""
    parts = re.split(r"\(([^()]*\|[^()]*)\)", phrase)
    for chosen in product(*(part.split("|") if at % 2 else [part] for at, part in enumerate(parts))):
        yield " ".join("".join(chosen).split())


def _phrases(*kinds: tuple[_Kind, str]) -> _Phrases:
    """Index the phrases; an earlier kind wins a phrase that two kinds hold."""
    table: _Phrases = {}
    for kind, text in kinds:
        for phrase in text.replace("\n", ",").split(","):
            for tokens in filter(None, (tuple(variant.split()) for variant in _variants(phrase))):
                lengths, known = table.setdefault(tokens[0], ([], {}))
                known.setdefault(tokens, kind)
                lengths[:] = sorted({*lengths, len(tokens)}, reverse=True)
    return table


def _with_marks(table: _Phrases) -> _Phrases:
    """Let list numbers, and the commas that ``_TOKEN`` keeps, end a reach."""
    marks = [",", *(f"{number}{mark}" for number in range(100) for mark in ".)")]
    return table | {mark: ([1], {(mark,): "end"}) for mark in marks}


_BEFORE = _with_marks(
    _phrases(
        ("none", triggers.PSEUDO),
        ("uncertain", triggers.PRE_UNCERTAINTY),
        ("negated", triggers.PRE_NEGATION),
        ("end", triggers.TERMINATORS),
    )
)
_AFTER = _with_marks(
    _phrases(
        ("none", triggers.PSEUDO),
        ("answer", triggers.ANSWER_NO),
        ("uncertain", triggers.POST_UNCERTAINTY),
        ("negated", triggers.POST_NEGATION),
        ("end", triggers.TERMINATORS),
    )
)
_ABOUT = _phrases(("none", triggers.NOT_FAMILY), ("past", triggers.HISTORY), ("other", triggers.FAMILY))
_MEANT = misspelt(
    word for table in (_BEFORE, _AFTER, _ABOUT) for _, known in table.values() for phrase in known for word in phrase
)


def _lower(sentence: str) -> str:
    """Lower case that keeps every offset; a few letters would grow."""
    low = sentence.lower()
    if len(low) == len(sentence):
        return low
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in sentence)


def _hits(sentence: str, *tables: _Phrases) -> list[list[_Hit]]:
    """Find the trigger phrases of each table in a sentence in lower case, longest first, none overlapping."""
    words = [_MEANT.get(word, word) for word in _TOKEN.findall(sentence)]
    hit = [not table.keys().isdisjoint(words) for table in tables]
    spans = [match.span() for match in _TOKEN.finditer(sentence)] if any(hit) else []
    return [_scan(words, spans, table) if found else [] for found, table in zip(hit, tables, strict=True)]


def _scan(words: list[str], spans: list[tuple[int, int]], table: _Phrases) -> list[_Hit]:
    hits: list[_Hit] = []
    skip = 0
    for at, word in enumerate(words):
        if word not in table or at < skip:
            continue
        lengths, known = table[word]
        for length in lengths:
            tokens = tuple(words[at : at + length])
            kind = known.get(tokens)
            if kind:
                skip = at + len(tokens)
                hits.append((spans[at][0], spans[skip - 1][1], kind))
                break
    return hits


def _reading(before: list[_Hit], after: list[_Hit], start: int, end: int) -> Polarity:
    """Walk from the mention outwards to where a reach ends; a denial outweighs a doubt."""
    found: set[_Kind] = set()
    for _, hit_end, kind in reversed(before):
        if hit_end <= start:
            if kind == "end":
                break
            found.add(kind)
    for hit_start, _, kind in after:
        if hit_start >= end:
            if kind == "end" or hit_start > end + _REACH:
                break
            found.add("negated" if kind == "answer" and hit_start <= end + 2 else kind)
    return "negated" if "negated" in found else "uncertain" if "uncertain" in found else "affirmed"


def polarity(sentence: str, start: int, end: int) -> Polarity:
    """Return what ``sentence`` says of the mention at [start, end): NegEx with post-triggers and scope ends.

    Triggers inside the mention itself do not count: ``nontender`` is affirmed where it is the mention.
    """
    before, after = _hits(_lower(sentence), _BEFORE, _AFTER)
    return _reading(before, after, start, end)


_BETWEEN = (
    r"[\s-]+(?:(?:a|the|left|right|bilateral|both|lateral|posterior|anterior|upper|lower|mid|bibasilar"
    r"|mildly|minimally|slightly|moderately|markedly|severely|grossly|massively"
    r"|again|still|now|also|overall|otherwise|overtly|significantly|substantially)[\s-]+)*"
)
"""What may stand between the words of a term: ``blunting of the [left] costophrenic angle``, ``[mildly] enlarged``."""
_COPULA = r"(?:is|are|was|were|remain|remains|remained|appear|appears|appeared|looks)"
"""What a term's ``is`` or ``are`` stands for: the heart that *remains* enlarged is enlarged."""


def _words(term: str) -> list[str]:
    """The words of a term without articles, which may be left out."""
    words = [word for word in re.split(r"[\s-]+", term) if word]
    return [word for word in words if word.lower() not in ("a", "the")] or words


_Finder = tuple[re.Pattern[str], tuple[str, ...], tuple[re.Pattern[str] | None, ...]]


@lru_cache(maxsize=256)
def _finder(terms: tuple[str, ...]) -> _Finder | None:
    """Return one pattern with a group for each term, longest first; the terms in that order; and their exclusions."""
    ordered = tuple(sorted({term for term in terms if _words(bare(term))}, key=lambda term: (-len(bare(term)), term)))
    if not ordered:
        return None
    groups = []
    for term in ordered:
        *first, last = [_COPULA if word in ("is", "are") else re.escape(word) for word in _words(bare(term))]
        plural = f"{last[:-1]}(?:y|ies)" if last[-1] in "yY" else f"{last}(?:e?s)?"
        groups.append(f"({_BETWEEN.join([*first, plural])})")
    openings = "".join(sorted({re.escape(_words(bare(term))[0][0]) for term in ordered}))
    pattern = re.compile(rf"(?<!\w)(?=[{openings}])(?:{'|'.join(groups)})(?!\w)", re.IGNORECASE)
    return pattern, ordered, tuple(excluding(term) for term in ordered)


def names_any(text: str, terms: Sequence[str]) -> bool:
    """Say whether a text names any of the terms; where not, none of its sentences does."""
    finder = _finder(tuple(terms))
    return finder is not None and finder[0].search(text) is not None


def places(text: str, terms: Sequence[str]) -> list[int]:
    """Return where a text names any of the terms, in characters, without a look at what is said of them."""
    finder = _finder(tuple(terms))
    return [] if finder is None else [match.start() for match in finder[0].finditer(text)]


def mentions(sentence: str, terms: Sequence[str]) -> list[Mention]:
    """Return where ``sentence`` names the terms, from left to right, none overlapping, longest first.

    Whole words in any case; a hyphen or a line break may stand for a space, a plural for its singular, and an
    article or a side may stand between the words of a term. A term that carries words beside which it means something
    else (``effusion unless joint, knee``) is not named where one of them stands in its noun phrase.
    """
    finder = _finder(tuple(terms))
    if finder is None or not (found := list(finder[0].finditer(sentence))):
        return []
    low = _lower(sentence)
    before, after, about = _hits(low, _BEFORE, _AFTER, _ABOUT)
    result = []
    for match in found:
        start, end = match.span()
        at = int(match.lastindex or 1) - 1
        unless = finder[2][at]
        if unless is not None and elsewhere(low, start, end, unless):
            continue
        past = any(kind == "past" and hit_end <= start for _, hit_end, kind in about)
        other = any(kind == "other" and hit_end <= start for _, hit_end, kind in about)
        reading = _reading(before, after, start, end)
        if other and reading == "affirmed":
            reading = "uncertain"
        result.append(Mention(finder[1][at], start, end, reading, past, other))
    return result
