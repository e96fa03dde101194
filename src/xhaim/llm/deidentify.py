"""Text without its identifiers: names and numbers become ``[NAME-1]``, dates move, ages over 89 become ``90+``.

What was taken out is kept beside the text, so that an answer can be put back into the patient's own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from xhaim.llm.dates import find_dates, moved
from xhaim.llm.identifiers import rules, words
from xhaim.llm.names import find_names

MARKS = re.compile(r"</?(?:chart|answer) [0-9a-f]{4}(?![0-9a-f])(?: \d{1,3}(?!\d))?")
"""The fence around the pieces of a prompt (``xhaim.llm.fence``): never touched."""
_AGE = re.compile(
    r"(?i:(?<![\d.,/-])(?P<x>9\d|1[01]\d)(?=[ -]?(?:years?|yrs?|y)[ -/]?(?:of age|olds?\b|o\b)|[ -]?y/?o\b|[ -]year\b)"
    r"|\b(?:aged?|age of|age is|age:|turned|turning|is now)[ :]*(?P<y>9\d|1[01]\d)(?![\d.,%/])"
    r"|(?<![\d.,/-])(?P<z>9\d|1[01]\d) ?(?-i:[MF])(?= (?:with|w/|who|h/o|PMH|s/p|admitted|presents|presenting|here|"
    r"p/w)\b)"
    r"|\b(?P<w>ninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?|nonagenarian|centenarian|"
    r"one[ -]hundred(?:[ -](?:one|two|three|four|five))?)(?=[ -]years?[ -]old|[ ]years?[ ]of[ ]age|(?<=arian)))"
)
_TELLING = 5
"""Digits from which a number is one person's wherever it stands."""
_BIRTH = re.compile(r"(?i:\b(?:dob|d\.o\.b\.|date of birth|birth ?date|born(?: on| in)?)[\s:]*)$")


@dataclass(frozen=True, slots=True)
class Span:
    """One identifier where it stands in a text."""

    start: int
    end: int
    kind: str
    """One of ``identifiers.CLASSES``, or ``age``."""
    instead: str | None = None
    """What a date or an age is written as; ``None``: a mark with a number."""


@dataclass(slots=True)
class Hidden:
    """What was taken out of one prompt's texts; fills itself as texts are hidden, and puts answers back."""

    days: int
    """By which dates were moved."""
    originals: dict[str, str] = field(default_factory=dict)
    """What stands in the text -> what stood there."""

    def hide(self, texts: Sequence[str]) -> list[str]:
        """Return the texts without their identifiers; the same words get the same mark."""
        found = [find(text, self.days) for text in texts]
        rest = "\n".join(_without(text, spans) for text, spans in zip(texts, found, strict=True))
        return [
            _replaced(text, spans, lambda span, old: self._mark(span, old, rest))
            for text, spans in zip(texts, found, strict=True)
        ]

    def restore(self, answer: str) -> str:
        """Return an answer with the original words in it; inside of JSON each string for itself."""
        try:
            parsed = json.loads(answer)
        except (ValueError, RecursionError):
            return self._restore(answer)
        if not isinstance(parsed, dict | list):
            return self._restore(answer)
        return json.dumps(self._walk(parsed), ensure_ascii=False)

    def _walk(self, value: Any) -> Any:  # noqa: ANN401  (whatever JSON can hold)
        if isinstance(value, str):
            return self._restore(value)
        if isinstance(value, list):
            return [self._walk(one) for one in value]
        return {key: self._walk(one) for key, one in value.items()} if isinstance(value, dict) else value

    def _restore(self, text: str) -> str:
        """Put back what the table holds; a date that the model wrote in another form is moved back."""
        longest = sorted(map(re.escape, self.originals), key=lambda one: (-len(one), one))
        known = "|".join(one if one[:2] == r"\[" else rf"(?<![\w/]){one}(?![\w/])" for one in longest)
        spans = [match.span() for match in re.finditer(known, text)] if known else []
        late = [
            (start, end, moved(match, -self.days))
            for start, end, match in find_dates(text)
            if all(end <= first or start >= last for first, last in spans)
        ]
        parts: list[tuple[int, int, str]] = [(start, end, self.originals[text[start:end]]) for start, end in spans]
        parts += [(start, end, new) for start, end, new in late if new is not None]
        for start, end, new in sorted(parts, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def _mark(self, span: Span, old: str, rest: str) -> str:
        """Return what stands for ``old``; a moved date only where it can be nothing else in these texts."""
        new = span.instead
        if new is not None and self.originals.get(new, old) == old and not _stands(new, rest):
            self.originals[new] = old
            return new
        label = span.kind.upper().replace(" ", "-")
        free = (f"[{label}-{n}]" for n in count(1))
        mark = next(one for one in free if self.originals.get(one, old) == old and one not in rest)
        self.originals[mark] = old
        return mark


def find(text: str, days: int) -> list[Span]:
    """Return every identifier of a text, in order, none overlapping; overlapping ones are joined."""
    fixed = [match.span() for match in MARKS.finditer(text)]
    spans: list[Span] = []
    for start, end, match in find_dates(text):
        instead = None if _BIRTH.search(text[max(0, start - 24) : start]) else moved(match, days)
        spans = _with(spans, Span(start, end, "date", instead), fixed)
    for match in _AGE.finditer(text):
        place = next(name for name in "xyzw" if match[name])
        spans = _with(spans, Span(*match.span(place), "age", "90+"), fixed)
    for kind, pattern in rules():
        for match in pattern.finditer(text):
            if kind != "place":
                spans = _with(spans, Span(*match.span("x"), kind), fixed)
            elif not all(word.lower() in words("common_words") for word in match["x"].split()):
                spans = _with(spans, Span(*match.span("x"), "location"), fixed)
    for start, end in find_names(text):
        spans = _with(spans, Span(start, end, "name"), fixed)
    for new in _repeated(text, spans):
        spans = _with(spans, new, fixed)
    return sorted(spans, key=lambda span: span.start)


def _repeated(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Yield every place of a number that was found somewhere, where no label stands before it."""
    for number, kind in {text[one.start : one.end]: one.kind for one in spans if one.instead is None}.items():
        if sum(sign.isdigit() for sign in number) >= _TELLING:
            for match in re.finditer(rf"(?<!\w){re.escape(number)}(?!\w)", text):
                yield Span(*match.span(), kind)


def _with(spans: list[Span], new: Span, fixed: list[tuple[int, int]]) -> list[Span]:
    """Add a span: inside of another it says nothing new, over others it takes them in, on the fence it is none."""
    if new.end <= new.start or any(new.start < end and new.end > start for start, end in fixed):
        return spans
    met = [span for span in spans if new.start < span.end and new.end > span.start]
    if not met:
        return [*spans, new]
    if any(span.start <= new.start and new.end <= span.end for span in met):
        return spans
    joined = Span(min(new.start, *(one.start for one in met)), max(new.end, *(one.end for one in met)), new.kind)
    return [*(span for span in spans if span not in met), joined]


def _replaced(text: str, spans: Sequence[Span], instead: Callable[[Span, str], str]) -> str:
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], instead(span, text[span.start : span.end])]
        at = span.end
    return "".join([*parts, text[at:]])


def _without(text: str, spans: Sequence[Span]) -> str:
    return _replaced(text, spans, lambda *_: "\0")


def _stands(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w/]){re.escape(word)}(?![\w/])", text) is not None
