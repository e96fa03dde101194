"""All documents of a patient: searched, opened whole, and marked where the model did not see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xhaim.evaluate.documents import Piece
from xhaim.evaluate.wording import before, moment, times
from xhaim.records import Record
from xhaim.serve.clinic.unseen import Unseen

MAX_WORDS = 12
"""Of a search; more are passed over."""
_AROUND = 90  # characters of a snippet on either side of the first word found
_MOST_MARKS = 500


@dataclass(frozen=True, slots=True)
class Paper:
    """One document in the list."""

    address: str
    """Its number in the record, or ``u`` and its number among the unseen."""
    title: str
    when: str
    before: str
    why: str
    """Why the model did not see it; empty where it was among what was known."""
    pieces: tuple[Piece, ...]
    """The whole text, what was searched for marked, where it is open; else a snippet around it, or nothing."""
    found: int
    """Places where a searched word stands."""


def papers(
    record: Record, left: Sequence[Unseen], search: str, opened: str, at: tuple[int, int] | None = None
) -> list[Paper]:
    """Return the documents that hold every searched word, newest first; the opened one is there in any case.

    ``at``: characters of the opened document that are marked, in place of what was searched for.
    """
    words = list(dict.fromkeys(search.casefold().split()))[:MAX_WORDS]
    now = record.sample.prediction_time
    listed = [
        (one.time, str(number), one.title, times(one.time, one.known_at), before(one.known_at, now), "", one.text)
        for number, one in enumerate(record.documents)
    ]
    listed += [
        (one.time or now, f"u{number}", one.title, moment(one.time) if one.time else one.when, "", one.why, one.text)
        for number, one in enumerate(left)
    ]
    listed.sort(key=lambda one: (one[0], one[1]), reverse=True)
    shown = []
    for _, address, title, when, ago, why, text in listed:
        spans = _found(text, words)
        if address == opened and at is not None and 0 <= at[0] < at[1] <= len(text):
            shown.append(Paper(address, title, when, ago, why, _marked(text, [at], 0, len(text), "at"), 0))
        elif address == opened:
            shown.append(Paper(address, title, when, ago, why, _marked(text, spans, 0, len(text)), len(spans)))
        elif spans or not words:
            shown.append(Paper(address, title, when, ago, why, _snippet(text, spans), len(spans)))
    return shown


def _found(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Return where the words stand, not overlapping; nothing where one of them is missing. No pattern is built."""
    folded = text.lower()  # one character for each character, but for few; those change no offset that is used
    if len(folded) != len(text):
        folded = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    spans: list[tuple[int, int]] = []
    for word in words:
        at = folded.find(word)
        if at < 0:
            return []
        while at >= 0 and len(spans) < _MOST_MARKS:
            spans.append((at, at + len(word)))
            at = folded.find(word, at + len(word))
    apart: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not apart or start >= apart[-1][1]:
            apart.append((start, end))
    return apart


def _marked(text: str, spans: Sequence[tuple[int, int]], start: int, end: int, anchor: str = "") -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for low, high in spans:
        if low < start or high > end:
            continue
        pieces += [
            Piece("text", text[start:low]),
            Piece("open", anchor=anchor, quote=True),
            Piece("text", text[low:high]),
        ]
        pieces.append(Piece("close", quote=True))
        start = high
    return (*pieces, Piece("text", text[start:end]))


def _snippet(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Piece, ...]:
    if not spans:
        return ()
    start, end = max(0, spans[0][0] - _AROUND), min(len(text), spans[0][1] + _AROUND)
    return (
        Piece("text", "… " if start else ""),
        *_marked(text, spans, start, end),
        Piece("text", " …" if end < len(text) else ""),
    )
