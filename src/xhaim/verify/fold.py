"""Letters that look alike made alike: full-width digits, Cyrillic letters, invisible characters, minus signs."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import chain

_CYRILLIC = dict(zip("аеорсухіѕјһԁԛԝАВЕКМНОРСТУХІЈЅ", "aeopcyxisjhdqwABEKMHOPCTYXIJS", strict=True))  # noqa: RUF001
_GREEK = dict(zip("οΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "oABEZHIKMNOPTYX", strict=True))  # noqa: RUF001
_FORGED = _CYRILLIC | _GREEK
_PLAIN = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u2018\u2019\u201b\u2032\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033", '"'),
    **dict.fromkeys("\u00b5\u03bc", "u"),
    "\u2044": "/",
    "\u2022": "*",
}
"""Typography, and the two letters that stand for micro."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in plain letters."""

    text: str
    at: tuple[int, ...] | None
    """[len(text) + 1]: offset in the original of each character and of the end; ``None``: offsets are the same."""

    def origin(self, offset: int) -> int:
        """Return the offset in the original text."""
        return offset if self.at is None else self.at[offset]


def fold(text: str) -> Folded:
    """Return ``text`` in the letters that it seems to be written in; invisible characters are left out."""
    if text.isascii():
        return Folded(text, None)
    signs = [_plain(sign) for sign in text]
    if all(len(sign) == 1 for sign in signs):
        return Folded("".join(signs), None)
    at = chain.from_iterable([place] * len(sign) for place, sign in enumerate(signs))
    return Folded("".join(signs), (*at, len(text)))


def disguised(word: str) -> bool:
    """Say whether a word holds letters or digits that pass for others, or characters that nobody sees.

    Typography (curly quotes, dashes, accents, the sign of micro, a superscript) is no disguise.
    """
    return not word.isascii() and any(
        sign in _FORGED
        or unicodedata.category(sign) in ("Cf", "Co", "Cn", "Cc")
        or (not sign.isascii() and (sign.isdecimal() or "\uff01" <= sign <= "\uff5e"))
        for sign in word
    )


def _plain(sign: str) -> str:
    if sign.isascii():
        return sign if sign.isprintable() or sign in "\n\t\r\v\f" else ""
    if sign in _FORGED or sign in _PLAIN:
        return _FORGED.get(sign) or _PLAIN[sign]
    kind = unicodedata.category(sign)
    if kind[0] == "Z":
        return "\n" if kind != "Zs" else " "
    if kind[0] == "C":
        return ""
    if kind == "Nd":
        return str(unicodedata.digit(sign))
    parts = (one for one in unicodedata.normalize("NFKD", sign) if unicodedata.category(one) != "Mn")
    return "".join(_PLAIN.get(one, one) for one in parts)
