"""Terms that mean something else beside some words: a *joint* effusion is no pleural effusion.

A term carries those words with it, ``effusion unless joint, knee, pericardial``, so that whoever looks for terms need
not know of them.
"""

from __future__ import annotations

import re

from xhaim.task import UNLESS

_LEFT, _RIGHT = 4, 4
"""Words before and behind a term that can belong to its noun phrase."""
_NEAR = 90
"""Characters in which they are looked for."""
_MARKS = r"[,;:.()?!]"
_ENDS_BEFORE = re.compile(rf"{_MARKS}|\b(?:and|or|with|without|but|no|plus|versus|vs|from)\b")
_ENDS_BEHIND = re.compile(
    rf"{_MARKS}|\b(?:and|or|with|without|but|is|are|was|were|has|have|had|remains?|persists?|from|due|since|after|on)\b"
)
_LABEL = re.compile(r"[\s\d.)*-]{0,8}([a-z][a-z /]{2,40}):")
_WORD = re.compile(r"[\w'/-]+")
_COMMA = re.compile(r",\s*$")
_SAID = re.compile(r"\b(?:is|are|was|were|remains?|remained|appears?|appeared)\s+$")


def bare(term: str) -> str:
    """Return a term without the words that it carries."""
    return term.partition(UNLESS)[0]


def excluding(term: str) -> re.Pattern[str] | None:
    """Return what finds the words that a term carries, in lower case and also in the plural; None: it has none."""
    words = [word.strip().lower() for word in term.partition(UNLESS)[2].split(",") if word.strip()]
    if not words:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in words)})(?:e?s)?(?!\w)")


def elsewhere(sentence: str, start: int, end: int, unless: re.Pattern[str]) -> bool:
    """Say whether the term at [start, end) of a sentence in lower case is one of something else.

    So it is where one of the words stands in its noun phrase (at most four words before or behind it, up to a mark, a
    conjunction or, behind it, a verb), in what it is said of (``the nodule in the upper lobe is stable``, ``moderate
    cardiomegaly, stable.``), or in the label that opens the sentence: ``Pericardium: small effusion.``
    """
    label = _LABEL.match(sentence, 0, start)
    if label is not None and unless.search(label[1]):
        return True
    lead = sentence[max(0, start - _NEAR) : start]
    if not sentence[end:].strip(" ."):
        lead = _COMMA.sub("", lead)
    before = _ENDS_BEFORE.split(lead)[-1]
    said_of = before if _SAID.search(before) or lead != sentence[max(0, start - _NEAR) : start] else ""
    behind = _ENDS_BEHIND.split(sentence[end : end + _NEAR], maxsplit=1)[0]
    near = [said_of, "|", *_WORD.findall(before)[-_LEFT:], "|", *_WORD.findall(behind)[:_RIGHT]]
    return unless.search(" ".join(near)) is not None
