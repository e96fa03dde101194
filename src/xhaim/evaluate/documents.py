"""A document with the cited words marked.

Marks nest as HTML demands, whatever overlaps; a long document is cut to what stands around them, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from xhaim.evaluate.wording import before, times
from xhaim.records import Document, Record

_LONG = 6_000  # characters from which a document is shown around its marks only
_AROUND = 1_200  # characters shown on either side of a mark then


@dataclass(frozen=True, slots=True, order=True)
class _Span:
    start: int
    minus_end: int  # so that of two that start together the longer comes first
    quote: bool
    anchor: str
    rest: bool = False

    @property
    def end(self) -> int:
        return -self.minus_end


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of writing a document: text, the begin or end of a mark, or a gap."""

    kind: str
    """``text``, ``open``, ``close`` or ``gap``."""
    text: str = ""
    anchor: str = ""
    """Id of the element that opens, or, for a ``rest``, of the mark that it goes on with."""
    quote: bool = False
    """Cited words; else a chunk that a summary's sentence rests on."""
    rest: bool = False


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One document."""

    anchor: str
    title: str
    when: str
    before: str
    source: str
    pieces: tuple[Piece, ...]


def document_view(
    document: Document, spans: Mapping[tuple[int, int], bool], anchor: str, record: Record
) -> DocumentView:
    """Return the view of a document with its spans, (start, end) -> whether it is cited words.

    The element of a span has the id ``<anchor>-<start>-<end>``.
    """
    marks = [_Span(start, -end, quote, f"{anchor}-{start}-{end}") for (start, end), quote in spans.items()]
    return DocumentView(
        anchor=anchor,
        title=document.title,
        when=times(document.time, document.known_at),
        before=before(document.known_at, record.sample.prediction_time),
        source=document.source,
        pieces=tuple(_pieces(document.text, _nested(marks))),
    )


def _nested(spans: Sequence[_Span]) -> list[_Span]:
    """Cut spans at the end of those around them: any two are then apart, or one inside the other."""
    waiting = list(spans)
    around: list[_Span] = []
    nested: list[_Span] = []
    heapify(waiting)
    while waiting:
        span = heappop(waiting)
        while around and around[-1].end <= span.start:
            around.pop()
        if around and span.end > around[-1].end:
            cut = around[-1].end
            heappush(waiting, replace(span, start=cut, rest=True))
            span = replace(span, minus_end=-cut)
        around.append(span)
        nested.append(span)
    return nested


def _pieces(text: str, nested: Sequence[_Span]) -> Iterable[Piece]:
    windows = _windows(len(text), nested)
    open_spans: list[_Span] = []
    place = 0
    for span in nested:
        while open_spans and open_spans[-1].end <= span.start:
            ended = open_spans.pop()
            yield from (*_text(text, place, ended.end, windows), Piece("close", quote=ended.quote))
            place = ended.end
        yield from _text(text, place, span.start, windows)
        yield Piece("open", anchor=span.anchor, quote=span.quote, rest=span.rest)
        place = span.start
        open_spans.append(span)
    while open_spans:
        ended = open_spans.pop()
        yield from (*_text(text, place, ended.end, windows), Piece("close", quote=ended.quote))
        place = ended.end
    yield from _text(text, place, len(text), windows)


def _windows(length: int, spans: Sequence[_Span]) -> list[tuple[int, int]]:
    """Return the half-open ranges of a document that are shown: all of it unless it is long."""
    if length <= _LONG:
        return [(0, length)]
    merged: list[tuple[int, int]] = []
    for span in spans:
        start, end = max(0, span.start - _AROUND), min(length, span.end + _AROUND)
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _text(text: str, start: int, end: int, windows: Sequence[tuple[int, int]]) -> Iterable[Piece]:
    """Yield ``text[start:end]`` where it is shown, and say how much is not where it is not."""
    for window in windows:
        low, high = max(window[0], start), min(window[1], end)
        if low >= high:
            continue
        if low > start:
            yield Piece("gap", f"{low - start:,} characters not shown")
        yield Piece("text", text[low:high])
        start = high
    if start < end:
        yield Piece("gap", f"{end - start:,} characters not shown")
