"""Slips of the keyboard in words that turn a sentence round: ``no lnoger present`` denies the finding.

A denial that is not understood would be read as the finding itself, so slips are undone in trigger words alone: two
neighbouring letters exchanged (five letters and more), one inner letter left out or doubled (six and more). Words that
are words themselves are left: ``cases`` is not ``causes``.
"""

from __future__ import annotations

from collections.abc import Iterable

_LEFT = ("cases", "medial", "bother", "bothers", "nuclear", "tough", "patent", "deceased", "noting", "rater", "sates")
_WORDS = frozenset((*_LEFT, "stats", "presets"))
"""All of them that the open corpora of clinical text hold, and two more."""
_EXCHANGED, _DROPPED = 5, 6


def misspelt(words: Iterable[str]) -> dict[str, str]:
    """Return slip -> the word that was meant; of two that may be meant the first by the alphabet."""
    known = {word for word in words if word.isalpha()}
    found: dict[str, str] = {}
    for word in sorted(known):
        for slip in _slips(word) - known - _WORDS:
            found.setdefault(slip, word)
    return found


def _slips(word: str) -> set[str]:
    inner = range(1, len(word) - 1) if len(word) >= _DROPPED else ()
    pairs = range(len(word) - 1) if len(word) >= _EXCHANGED else ()
    return (
        {f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}" for at in pairs}
        | {f"{word[:at]}{word[at + 1 :]}" for at in inner}
        | {f"{word[:at]}{word[at]}{word[at:]}" for at in inner}
    )
