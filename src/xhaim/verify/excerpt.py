"""The passages of the evidence that share most words with a claim: all of it, unless it is very long."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from xhaim.verify.atoms import pieces
from xhaim.verify.facets import Facets, facets

_WHOLE = 20_000
"""Characters of a text that is read whole."""
_BLOCK, _OVERLAP = 2_000, 300
_BLOCKS = 8
"""Of a longer text, how many blocks are read: those with most of the claim's words, in their order."""


def excerpt(claim: Facets, evidence: Sequence[str]) -> tuple[Facets, ...]:
    """Return the facets of the sentences of every text, in order; of a long text, of its best passages.

    The passages of a long one are chosen by plain search for the claim's words: 50 MB take about a second.
    """
    found: list[Facets] = []
    for text in evidence:
        for passage in [text] if len(text) <= _WHOLE else _passages(claim, text):
            found.extend(sentences_of(passage))
    return tuple(found)


@lru_cache(maxsize=512)
def sentences_of(text: str) -> tuple[Facets, ...]:
    """Return the facets of each sentence of a text, white space folded; very long sentences are cut."""
    return tuple(facets(" ".join(text[start:end].split())) for start, end in pieces(text))


def _passages(claim: Facets, text: str) -> list[str]:
    """Return the blocks of a long text with most of the claim's words, in order of the text."""
    words = {claim.text[one.start : one.end].lower()[:6] for one in claim.concepts}
    words |= {claim.text[one.start : one.end].lower() for one in claim.quantities}
    words |= {claim.text[one.start : one.end].lower() for one in claim.moments}
    scored = []
    for start in range(0, len(text), _BLOCK - _OVERLAP):
        block = text[start : start + _BLOCK].lower()
        scored.append((-sum(word in block for word in words), start))
    chosen = sorted(start for _, start in sorted(scored)[:_BLOCKS])
    return [text[start : start + _BLOCK] for start in chosen]
