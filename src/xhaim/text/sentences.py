"""Sentences of clinical text as exact offsets: wrapped reports, lists, headings, abbreviations."""

from __future__ import annotations

import re
from itertools import pairwise

from xhaim.text.sections import headings

_SHORT = (
    "dr mr mrs ms prof st jr sr vs approx ca cf fig figs e.g i.e etc inc dept temp max min no nos pt pts hx dx tx rx "
    "sx s/p w p.o b.i.d t.i.d q.i.d q.d i.v i.m s.c a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec incl resp "
    "abd bilat ext"
)
_DOSES = "mg ml mcg cm mm kg gm g l dl hr hrs sec tab tabs cap caps"
_ABBREVIATIONS, _UNITS = frozenset(_SHORT.split()), frozenset(_DOSES.split())
"""After a unit a number goes on with the dose or the measure; a capital opens a new sentence."""
_STOP = re.compile(r"(?<![.!?])[.!?]++[\"')\]]*+(?=\s|$)|(?<=[a-z]{3})\.(?=[A-Z][a-z])")
_ITEM = re.compile(r"[ \t]*(?:[-*•+>#]+[ \t]*(?=[^\W\d])|[-*•+>#]+[ \t]+(?=\S)|#?\(?\d{1,2}[.)][ \t]+(?=\S))")
_ALNUM = re.compile(r"[A-Za-z0-9]")
_NARROW, _WIDE, _USUAL = 40, 100, 72
"""A document whose longest line lies between the first two is taken as wrapped there; a longer one at the third."""


def sentences(text: str) -> list[tuple[int, int]]:
    """Return half-open (start, end) of every sentence, in order, without the white space around it.

    Every non-space character lies in exactly one sentence. A section heading is a sentence of its own; so is each
    item of a list. A line break ends a sentence unless the next line goes on in lower case or the line was full.
    """
    spans: list[tuple[int, int]] = []
    edges = sorted({0, len(text)} | _heading_edges(text) | _line_edges(text))
    for start, end in pairwise(edges):
        spans.extend(_split(text, start, end))
    return spans


def _heading_edges(text: str) -> set[int]:
    return {edge for start, end, _ in headings(text) for edge in (start, end)}


def _line_edges(text: str) -> set[int]:
    """Offsets of the line breaks that are not mere wrapping."""
    lines = text.split("\n")
    longest = max(len(line.rstrip()) for line in lines)
    width = _USUAL if longest > _WIDE else max(longest, _NARROW)
    edges: set[int] = set()
    at = 0
    for line, below in pairwise(lines):
        at += len(line) + 1
        if _line_ends(line.rstrip(), below, width):
            edges.add(at)
    return edges


def _line_ends(line: str, below: str, width: int) -> bool:
    """Say whether the break after ``line`` ends a sentence; a greedily filled line has no room for the next word."""
    word = below.split(maxsplit=1)[:1]
    if not word or not line.strip() or _ITEM.match(below) or line.endswith(":"):
        return True
    return not (word[0][0].islower() or len(line) + 1 + len(word[0]) > width)


def _split(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Cut a block at full stops, question and exclamation marks that end a sentence."""
    spans: list[tuple[int, int]] = []
    begin = start
    for stop in _STOP.finditer(text, start, end):
        if stop.end() < end and not _ends(text, begin, stop.start(), stop.end(), end):
            continue
        _add(spans, text, begin, stop.end())
        begin = stop.end()
    _add(spans, text, begin, end)
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    """Keep the span without the white space around it; a stray mark joins the sentence before."""
    piece = text[start:end]
    body = piece.strip()
    if not body:
        return
    start += len(piece) - len(piece.lstrip())
    if spans and not _ALNUM.search(body) and "_" not in body:
        spans[-1] = (spans[-1][0], start + len(body))
    else:
        spans.append((start, start + len(body)))


def _ends(text: str, begin: int, dot: int, after: int, end: int) -> bool:
    """Say whether the mark at ``dot`` ends the sentence that begins at ``begin``."""
    following = text[after : min(end, after + 40)].lstrip()[:1]
    before = text[max(begin, dot - 40) : dot].split()
    if text[dot] != "." or not following:
        return True
    if not before:
        return False
    word = before[-1].lstrip("([\"'")
    if word.isdigit() and not text[begin:dot].strip().lstrip("(#").strip(word):
        return False  # the number of a list item
    return _word_ends(word, before, following)


def _word_ends(word: str, before: list[str], following: str) -> bool:
    low = word.lower()
    if low in _ABBREVIATIONS:
        return low in {"etc", "pt", "pts", "a.m", "p.m", "no"} and following.isupper()
    if low in _UNITS:
        return not following.isdigit() and not following.islower()
    if len(word) == 1 and word.isupper():  # an initial follows a name or another initial, or opens the text
        return not (len(before) == 1 or before[-2][0].isupper())
    if following.islower():
        return len(word) > 3 and word.isalpha()
    return True
