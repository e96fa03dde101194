"""What a sentence denies: the rules of ``text.polarity``, near a term and without denials inside known wordings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xhaim.records import Polarity
from xhaim.text.polarity import polarity
from xhaim.verify.lexicon import Term, Token

_SEEN = 300
"""Characters before and behind a concept that can deny or doubt it."""
_DENIAL = re.compile(
    r"(?i)\b(?:no|not|never|none|nor|neither|without|denie[sd]|deny|denying|absent|absence|negative|free of|cannot|"
    r"unremarkable|un(?:able|aware|likely)|fails?|lack(?:s|ed)?)\b|n't\b|\b(?:a|non)(?:febrile|icteric|tender)\b"
)
_NOTHING = re.compile(r"(?i)\bnothing\b")
_DENIALS = frozenset(("no", "not", "without", "never"))


def heard_of(text: str, found: Sequence[Token], known: Sequence[Term]) -> str:
    """Return the text without the wordings that hold a denial of their own: ``not changed`` denies no effusion."""
    text = _NOTHING.sub("no     ", text)
    for one in known:
        inside = {token.word for token in found[one.first : one.last]}
        if one.core == one.first and not _DENIALS.isdisjoint(inside):
            start, end = found[one.first].start, found[one.last - 1].end
            text = text[:start] + " " * (end - start) + text[end:]
    return text


def polarity_of(text: str, start: int, end: int) -> Polarity:
    """Return what a text, as heard, says of the term at [start, end)."""
    begin = max(0, start - _SEEN)
    return polarity(text[begin : end + _SEEN], start - begin, end - begin)


def denials(text: str) -> int:
    """Return how many words of a text deny something."""
    return len(_DENIAL.findall(text))
