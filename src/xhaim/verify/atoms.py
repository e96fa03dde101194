"""A sentence as atomic claims, each with its offsets; a text as pieces that are short enough to be read whole."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xhaim.text.sentences import sentences

LONGEST = 600
"""Characters of a piece; a longer sentence is cut between words."""
_CUT = re.compile(
    r"""
      ;\s+ | \n+
    | ,\s+(?:and|but|while|whereas|although|though)\s+(?=(?:no|not|there|the|a|an|he|she|it|they|his|her|denies|is|are|
        was|were|has|have|had|with|without|mild|moderate|severe|left|right|stable|unchanged|new)\b)
    | \s+(?:but|whereas|however|although)\s+
    | (?<=[a-z]),\s+(?=(?:no|denies|denied|without|there\s(?:is|are|was|were))\b)
    """,
    re.VERBOSE,
)
"""Where one statement of a sentence ends and the next begins."""
_LEAST = 2
"""Words of a claim: less is no statement of its own."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A claim that is true or false by itself; ``text`` is exactly ``sentence[start:end]``."""

    text: str
    start: int
    end: int


def atoms(sentence: str) -> tuple[Atom, ...]:
    """Return the clauses and list items of a sentence in order; every word lies in exactly one, joining words aside.

    Rules only: cut at semicolons and line breaks, before ``but``, and at a comma where a new statement or a denial
    begins. A piece of one word stays with the one before it. Longer ones than 600 characters are cut between words.
    """
    found: list[Atom] = []
    for first, last in pieces(sentence):
        begin = first
        for cut in [*_CUT.finditer(sentence, first, last), None]:
            end = last if cut is None else cut.start()
            if cut is not None and not _whole(sentence, begin, end, cut.end(), last):
                continue
            atom = _atom(sentence, begin, end)
            if atom is not None:
                found.append(atom)
            begin = end if cut is None else cut.end()
    return tuple(found)


def pieces(text: str) -> list[tuple[int, int]]:
    """Return half-open (start, end) of the sentences of a text in order, those over 600 characters cut."""
    found = []
    for first, last in sentences(text):
        start = first
        while last - start > LONGEST:
            space = max(text.rfind(" ", start + 1, start + LONGEST), text.rfind("\n", start + 1, start + LONGEST))
            end = space if space > start else start + LONGEST
            found.append((start, end))
            start = end
        found.append((start, last))
    return found


def _whole(sentence: str, begin: int, end: int, after: int, last: int) -> bool:
    return min(len(sentence[begin:end].split()), len(sentence[after:last].split())) >= _LEAST


def _atom(sentence: str, start: int, end: int) -> Atom | None:
    text = sentence[start:end]
    body = text.strip()
    if not any(sign.isalnum() for sign in body):
        return None
    start += len(text) - len(text.lstrip())
    return Atom(body, start, start + len(body))
