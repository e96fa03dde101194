"""A text of knowledge cut into passages that one vector can hold, and cleaned of what a reader cannot see."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from xhaim.text.sentences import sentences
from xhaim.text.values import printable

MAX_WORDS = 180
"""Of a passage, as of a chunk of notes: MiniLM silently cuts at 256 word pieces."""
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")


def passages(text: str) -> list[str]:
    """Return the passages of a text in its order: paragraphs, joined while they fit into MAX_WORDS words.

    A paragraph that is too long is cut between sentences, a sentence that is too long between words. Each passage is
    one line without invisible characters; no visible word is lost. Markup, links and instructions stay as they are
    written: they are data, and whoever shows them escapes them.
    """
    pieces = [piece for paragraph in _BLANK_LINE.split(text) for piece in _cut(paragraph)]
    packed: list[list[str]] = []
    words = 0
    for piece in pieces:
        count = len(piece.split())
        if packed and words + count <= MAX_WORDS:
            packed[-1].append(piece)
            words += count
        else:
            packed.append([piece])
            words = count
    return [" ".join(some) for some in packed]


def one_line(text: str) -> str:
    """Return one line without control, bidirectional or other invisible characters."""
    joined = " ".join(text.split())
    return joined if joined.isprintable() and joined.isascii() else printable(text)


def hidden(text: str) -> bool:
    """Say whether a text holds characters that a reader cannot see, or more than one line."""
    return any(unicodedata.category(sign) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} for sign in text)


def _cut(paragraph: str) -> Iterator[str]:
    """Give a paragraph, or its sentences where it is too long."""
    whole = one_line(paragraph)
    if len(whole.split()) <= MAX_WORDS:
        if whole:
            yield whole
        return
    for start, end in sentences(whole):
        words = whole[start:end].split()
        for at in range(0, len(words), MAX_WORDS):
            yield " ".join(words[at : at + MAX_WORDS])
