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
    """Return 16 hex digits of all the texts together, which none of them can contain."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:16]


def fenced(kind: str, key: str, number: int | None, text: str, note: str = "") -> str:
    """Return ``<chart KEY 1 note>``, the text, ``</chart KEY 1>``; the text must come from ``without_marks``."""
    place = f"{kind} {key}" if number is None else f"{kind} {key} {number}"
    return f"<{place}{f' {note}' if note else ''}>\n{text}\n</{place}>"


def fence_all(pieces: Sequence[str], notes: Sequence[str], key: str) -> str:
    """Return all the pieces of a chart, numbered from 1."""
    return "\n\n".join(
        fenced("chart", key, number, text, note)
        for number, (text, note) in enumerate(zip(pieces, notes, strict=True), start=1)
    )
