"""Words that carry no fact of their own: a rewording may bring or drop them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from xhaim.verify.lexicon import stem


def carries(word: str) -> bool:
    """Say whether a word in lower case carries a meaning of its own, by ``plain.txt``."""
    return len(word) > 2 and not word.isdigit() and word not in plain_words() and stem(word) not in _plain_stems()


@cache
def plain_words() -> frozenset[str]:
    """Return the words that carry no fact of their own."""
    lines = files("xhaim.verify").joinpath("plain.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def _plain_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in plain_words() if len(word) > 4)
