"""Chart text in a prompt: data between marks that it cannot forge."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

_MARK = re.compile(r"<[\s/]*(?:chart|answer)\b[^>\n]*>?", re.IGNORECASE)
_BLANKS = "\r\v\f\x85"
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800"
"""Letters and marks that show nothing."""
_VARIANTS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def visible(text: str) -> str:
    """Return the text without what a reader cannot see: control, bidirectional, zero-width and tag characters."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_seen, text))


def _seen(sign: str) -> str:
    if sign in "\n\t":
        return sign
    kind = unicodedata.category(sign)
    if kind in ("Zs", "Zl", "Zp") or sign in _BLANKS:
        return " "
    return "" if kind[0] == "C" or sign in _FILLERS or _VARIANTS.match(sign) else sign


def without_marks(text: str) -> str:
    """Return visible text in which nothing looks like one of the marks."""
    return _MARK.sub(" ", visible(text))


def nonce(*texts: str) -> str:
    """Return hex digits, four or as many more as it takes, that stand in none of the texts; the same for the same."""
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()
    inside = "\0".join(texts).lower()
    return next((digest[:size] for size in range(4, len(digest)) if digest[:size] not in inside), digest)


def fenced(kind: str, key: str, text: str) -> str:
    """Return ``<answer KEY>``, the text, ``</answer KEY>``; the text must come from ``without_marks``."""
    return f"<{kind} {key}>\n{text}\n</{kind} {key}>"


def fence_all(pieces: Sequence[tuple[int, str, str]], key: str) -> str:
    """Return pieces of a chart (number, note, text) in one fence: ``<chart KEY 1 note>`` opens each of them.

    Every text must come from ``without_marks``.
    """
    told = [f"<chart {key} {number} {note}>\n{text}" for number, note, text in pieces]
    return "\n".join([*told, f"</chart {key}>"])
