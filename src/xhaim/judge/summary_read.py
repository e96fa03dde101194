"""A text as the facts it states: what a summary is compared by, with its dialogue and with a reference."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from xhaim.errors import DataError
from xhaim.verify.align import holds
from xhaim.verify.atoms import pieces
from xhaim.verify.dialogue import statements, turns
from xhaim.verify.facets import LONGEST, Concept, Facets, facets
from xhaim.verify.spoken import in_digits

MOST = 50_000
"""Characters of a text that is read: an hour of talk.

Two texts are compared sentence by sentence, in time that grows with the product of their lengths: under a second for
a visit, up to a minute for the longest.
"""
_WORD = re.compile(r"[a-z0-9']+")


@dataclass(frozen=True)
class Read:
    """One text, sentence by sentence."""

    sentences: tuple[str, ...]
    facets: tuple[Facets, ...]
    """One of each sentence."""
    words: tuple[str, ...]
    """In lower case, in order, numbers in digits."""

    @cached_property
    def first(self) -> Mapping[str, tuple[Concept, Facets]]:
        """Name of each concept -> where it is first named."""
        found: dict[str, tuple[Concept, Facets]] = {}
        for one in self.facets:
            for concept in one.concepts:
                found.setdefault(concept.name, (concept, one))
        return found

    @cached_property
    def stems(self) -> frozenset[str]:
        """Stems of every word."""
        return frozenset[str]().union(*(one.stems for one in self.facets))

    @cached_property
    def numbers(self) -> frozenset[float]:
        """Numbers as written."""
        return frozenset(one.written for sentence in self.facets for one in sentence.quantities)

    def names(self, concept: Concept, sentence: Facets) -> bool:
        """Say whether this text speaks of a concept of another text's sentence, by its name or its parts."""
        return concept.name in self.first or any(holds(concept, sentence, one) for one in self.facets)


def read_note(text: str) -> Read:
    """Read a note or a summary. Raises DataError over 50,000 characters."""
    _not_too_long(text)
    return _read([" ".join(text[start:end].split()) for start, end in pieces(text)], text)


def read_dialogue(text: str) -> Read:
    """Read a conversation: what it states, answers joined to their questions (``verify.dialogue``).

    A text without speakers is read as a note. Raises DataError over 50,000 characters.
    """
    _not_too_long(text)
    if not any(turn.speaker for turn in turns(text)):
        return read_note(text)
    return _read(statements(text), text)


def _not_too_long(text: str) -> None:
    if len(text) > MOST:
        raise DataError("a text that is too long to compare", got=f"{len(text):,} characters", expected=f"{MOST:,}")


def _read(sentences: Sequence[str], text: str) -> Read:
    cut = tuple(sentence[:LONGEST] for sentence in sentences)
    return Read(cut, tuple(map(facets, cut)), tuple(_WORD.findall(in_digits(text).lower())))
