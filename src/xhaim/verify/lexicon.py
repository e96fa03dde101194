"""Words of clinical English that mean the same, from ``lexicon.txt``, and where a text uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal, TypeAlias, cast

Kind: TypeAlias = Literal[
    "finding", "procedure", "drug", "device", "part", "state",
    "side", "severity", "trend", "acuity", "place", "period", "sex", "word",
]  # fmt: skip
"""What a term is. ``word``: any other word that carries a meaning of its own, by its stem."""

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*\+?|[,;:.?!()\[\]\n]")
_ENDINGS = (
    *("isations", "izations", "isation", "ization", "ational", "ations", "ically", "ation", "ments", "ment", "ness"),
    *("ingly", "edly", "ions", "ion", "ings", "ing", "ies", "ied", "ed", "ly", "al", "ic", "ous", "ive", "es", "s"),
    *("is", "e", "y"),
)
_AS_THEY_ARE = frozenset(
    (
        *("several", "series", "serious", "seriously", "massive", "massively", "intensive", "radial", "middle"),
        *("continuous", "continuously", "catheter", "catheterization", "catheterized", "stenting"),
        *("fainting", "fainted", "falling", "advancing", "cleared"),
    )
)
"""Words whose ending makes them another word: ``several`` is not ``severe``."""
_GAP = 4
"""Words that ``~`` may stand for."""
_ENDS_GAP = frozenset(",;:.?!()\n") | {"but", "and", "or", "with"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a mark; offsets are half-open."""

    word: str
    """In lower case."""
    start: int
    end: int

    @property
    def is_word(self) -> bool:
        """Whether it is no mark."""
        return self.word[0].isalnum()


@dataclass(frozen=True, slots=True)
class Term:
    """A known wording where a text uses it."""

    name: str
    kind: Kind
    first: int
    last: int
    """Its tokens, half-open."""
    core: int
    """First token of what is affirmed or denied: ``heart is not [enlarged]``."""
    denies: bool
    """The wording itself says that the concept is absent: ``afebrile``."""


def tokens(text: str) -> list[Token]:
    """Return the words and marks of a folded text in order; hyphens part words."""
    return [Token(match.group().lower(), *match.span()) for match in _TOKEN.finditer(text)]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a word without its commonest endings: ``effusions``, ``enlarging`` as ``effusion``, ``enlarg``."""
    word = word.removesuffix("'s").replace("'", "")
    if word in _AS_THEY_ARE:
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not (ending == "s" and word[-2] in "su"):
            return word.removesuffix(ending).rstrip("e")
    return word.removesuffix("s") if len(word) == 4 and word[-2] not in "su" else word


_Way = tuple[tuple[str, ...], str, Kind, bool]
"""Stems (``~``: a gap), the concept's name, its kind, whether the wording denies it."""


def terms(found: Sequence[Token]) -> list[Term]:
    """Return the known wordings among tokens, the longest first where they overlap, in order of the text.

    A word inside the gap of another wording is still looked at: ``heart [mildly] enlarged``.
    """
    stems = [stem(one.word) if one.is_word else one.word for one in found]
    ways = _ways()
    taken: set[int] = set()
    result = []
    for at, first in enumerate(stems):
        if at in taken:
            continue
        for pieces, name, kind, denies in ways.get(first, ()):
            used = _fits(stems, at, pieces)
            if used and taken.isdisjoint(used):
                taken.update(used)
                core = used[-1] if "~" in pieces else at
                result.append(Term(name, kind, at, used[-1] + 1, core, denies))
                break
    return result


def _fits(stems: Sequence[str], at: int, pieces: tuple[str, ...]) -> list[int]:
    """Return the places of a wording's words; empty where it does not stand here."""
    used: list[int] = []
    gap = False
    for piece in pieces:
        if piece == "~":
            gap = True
            continue
        reach = range(at, min(len(stems), at + (_GAP + 1 if gap else 1)))
        place = next((one for one in reach if stems[one] == piece or (gap and stems[one] in _ENDS_GAP)), None)
        if place is None or stems[place] != piece:
            return []
        used.append(place)
        at, gap = place + 1, False
    return used


@cache
def _ways() -> dict[str, tuple[_Way, ...]]:
    """Return first stem -> the wordings that open with it, longest first."""
    table: dict[str, dict[tuple[str, ...], _Way]] = {}
    for name, kind, wording in entries():
        denies = wording.startswith("-")
        pieces = _pieces(wording.removeprefix("-"))
        table.setdefault(pieces[0], {}).setdefault(pieces, (pieces, name, kind, denies))
    return {
        first: tuple(sorted(ways.values(), key=lambda way: (-len([one for one in way[0] if one != "~"]), way[0])))
        for first, ways in table.items()
    }


def _pieces(wording: str) -> tuple[str, ...]:
    return tuple("~" if one == "~" else stem(one) for one in re.findall(r"~|[^\W_]+(?:'[^\W_]+)*\+?", wording))


@cache
def entries() -> tuple[tuple[str, Kind, str], ...]:
    """Return (name, kind, wording) of all wordings, the name itself first; then the names of further diseases."""
    folder = files("xhaim.verify")
    listed = folder.joinpath("conditions.txt").read_text(encoding="utf-8").splitlines()
    more: list[tuple[str, Kind, str]] = [(name, "finding", name) for name in listed if name and name[0] != "#"]
    return (*_read(folder.joinpath("lexicon.txt").read_text(encoding="utf-8")), *more)


def _read(text: str) -> Iterator[tuple[str, Kind, str]]:
    kind: Kind = "word"
    for line in text.splitlines():
        if line.startswith("["):
            kind = cast("Kind", line.strip("[] "))
        elif line.strip() and not line.startswith("#"):
            name, _, others = line.partition("=")
            for wording in (name, *others.split(",")):
                if wording.strip(" -"):
                    yield name.strip(), kind, wording.strip().lower()
