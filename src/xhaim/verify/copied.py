"""Whether the words of a claim stand in the evidence as they are, and mean the same there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xhaim.verify.compare import Disagreement
from xhaim.verify.facets import Facets

_WORD = re.compile(r"[^\W_]+(?:[.,/:]\d+)*%?|[+-](?=\d)")
_DENIES = frozenset(("no", "not", "without", "never", "denies", "denied", "nor", "neither"))


def copied(claim: Facets, evidence: Sequence[Facets], wrong: Sequence[Disagreement]) -> bool:
    """Say so, case and marks aside; ``wrong``: the disagreements of the two."""
    flat = _flat(claim.text)
    if not flat or any(one.measure.startswith(("polarity", "certainty")) for one in wrong):
        return False
    return _whole(flat, f" {_flat(' '.join(one.text for one in evidence))} ")


def _whole(flat: str, text: str) -> bool:
    """Say whether words stand in a text, and somewhere no denial stands right before them."""
    at = text.find(f" {flat} ")
    while at >= 0:
        if text[max(0, at - 20) : at].rpartition(" ")[2] not in _DENIES:
            return True
        at = text.find(f" {flat} ", at + 1)
    return False


def _flat(text: str) -> str:
    """Return the words and figures of a text in lower case; marks are left out, but for those inside a figure."""
    return " ".join(_WORD.findall(text.lower()))
