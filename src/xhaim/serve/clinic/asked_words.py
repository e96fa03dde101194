"""What a question asks for, and how much of it a text holds: concepts by any of their wordings, other words as such.

``AKI`` in a question is ``acute kidney injury`` in the chart: the vocabulary is that of ``verify.lexicon``, with the
lay words of ``verify.lay``. ``Antibiotics?`` is answered by ``vancomycin``: ``asked_kinds.txt``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from xhaim.verify.fold import fold
from xhaim.verify.lay import with_lay
from xhaim.verify.lexicon import Kind, terms, tokens

_FUNCTION_WORDS = """
a about after all am an and any are as at be been before being by can could current currently did do does during ever
evidence find for from give given had has have he her here him his history how hx if in into is it its know known last
latest list many me most much no not note notes now of on or out patient patients please recent record report reported
s said say says see seen shall she should show showed shows sign signs so some tell than that the their them there
these they this those to up was we were what when where whether which who why will with would you
"""
_FUNCTION = frozenset(_FUNCTION_WORDS.split())
_CONCEPTS: frozenset[Kind] = frozenset({"finding", "procedure", "drug", "device", "part", "trend"})


def content(text: str) -> tuple[str, ...]:
    """Return what a question asks for, each once: kinds, concepts, and other words that carry it."""
    wanted = _units(with_lay(fold(text).text, lambda _, clinical: clinical))
    for kind, ways, _ in _kinds():
        if way := next((one for one in ways if one <= set(wanted)), None):
            wanted = tuple(dict.fromkeys(kind if one in way else one for one in wanted))
    return wanted


def _held(text: str) -> frozenset[str]:
    """Return the concepts and words of a sentence of the chart, and the kinds that these are of."""
    units = frozenset(_units(fold(text).text))
    return units | {kind for kind, ways, members in _kinds() if any(one <= units for one in (*ways, *members))}


def _units(text: str) -> tuple[str, ...]:
    """Return the names of a text's concepts, and its other words but those that carry nothing, each once, in order."""
    found = tokens(text)
    units: dict[int, str] = {}
    covered: set[int] = set()
    for term in terms(found):
        if term.kind in _CONCEPTS:
            units[term.first] = term.name
            covered.update(range(term.first, term.last))
    for at, token in enumerate(found):
        if at not in covered and token.is_word and token.word not in _FUNCTION:
            units[at] = _stem(token.word)
    return tuple(dict.fromkeys(units[at] for at in sorted(units)))


def _stem(word: str) -> str:
    """Return a word without the s of a plural."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "is", "us")) else word


def share_held(wanted: tuple[str, ...], texts: Sequence[str]) -> NDArray[np.float64]:
    """Return [n]: the share of what is wanted that each text holds, weighted by how rare it is in the record."""
    held = [_held(text) for text in texts]
    holds = np.array([[one in text for one in wanted] for text in held], dtype=np.float64)
    df = holds.sum(axis=0)
    idf = np.log1p((len(texts) - df + 0.5) / (df + 0.5))
    return np.asarray(holds @ idf / idf.sum(), dtype=np.float64)


def named(question: str, labels: Mapping[str, str]) -> list[str]:
    """Return the signals of which a question holds all words of the label, or of another name (``asked_signals.txt``).

    ``labels``: signal -> label. The signals are in order.
    """
    wanted = {*content(question), *_units(fold(question).text)}
    ways = {one: (_set(label), *_other_names().get(one, ())) for one, label in labels.items()}
    return sorted(one for one, mine in ways.items() if any(way and way <= wanted for way in mine))


def _set(text: str) -> frozenset[str]:
    return frozenset(_units(text))


@cache
def _other_names() -> dict[str, list[frozenset[str]]]:
    """Return signal -> the words of each of its other names."""
    return {signal: [_set(one) for one in others.split(",")] for signal, others in _lines("asked_signals.txt")}


@cache
def _kinds() -> tuple[tuple[str, list[frozenset[str]], list[frozenset[str]]], ...]:
    """Return (kind, the words of each of its names, the words of each of its members)."""
    return tuple(
        (names.split(",")[0], [_set(one) for one in names.split(",")], [_set(one) for one in members.split(",")])
        for names, members in _lines("asked_kinds.txt")
    )


def _lines(name: str) -> Iterator[tuple[str, str]]:
    """Yield what stands left and right of the = in each line."""
    for line in files("xhaim.serve.clinic").joinpath(name).read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition("=")
        if right and not line.startswith("#"):
            yield left.strip(), right
