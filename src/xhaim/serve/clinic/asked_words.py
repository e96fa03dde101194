"""The words that carry a question, and how many of them a text holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xhaim.retrieve.token_counts import tokens

_FUNCTION_WORDS = """
a about after all am an and any are as at be been before being by can could current currently did do does during ever
evidence find for from give given had has have he her here him his how if in into is it its know known last latest
list many me most much no not note notes now of on or out patient patients please record recent report reported s said
say says see seen shall she should show showed shows sign signs so some tell than that the their them there these they
this those to up was we were what when where whether which who why will with would you
"""
_FUNCTION = frozenset(_FUNCTION_WORDS.split())


def content(text: str) -> tuple[str, ...]:
    """Return the words that carry a question, each once, plurals without their s."""
    return tuple(dict.fromkeys(stem(one) for one in tokens(text) if one not in _FUNCTION))


def stem(token: str) -> str:
    """Return a token without the s of a plural."""
    return token[:-1] if len(token) > 3 and token.endswith("s") and not token.endswith(("ss", "is", "us")) else token


def share_held(wanted: tuple[str, ...], texts: Sequence[str]) -> NDArray[np.float64]:
    """Return [n]: the share of the wanted words that each text holds, weighted by how rare they are in the record."""
    words = [frozenset(map(stem, tokens(text))) for text in texts]
    holds = np.array([[one in text for one in wanted] for text in words], dtype=np.float64)
    df = holds.sum(axis=0)
    idf = np.log1p((len(texts) - df + 0.5) / (df + 0.5))
    return np.asarray(holds @ idf / idf.sum(), dtype=np.float64)
