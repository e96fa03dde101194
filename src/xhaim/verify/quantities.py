"""Numbers with their units, days and times of day, in one canonical form: ``2 cm`` and ``20 mm`` are the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xhaim.llm.dates import find_dates, parts_of
from xhaim.verify.scales import SCALES

Day = tuple[int | None, int | None, int | None]
"""Year, month, day; ``None``: not written."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a text; offsets are half-open."""

    value: float
    """In the base unit of its dimension, as written where there is no unit."""
    unit: str | None
    """The base unit: ``mg`` for every mass of a dose, ``/day`` for ``b.i.d.``; ``None`` where none is written."""
    written: float
    """The number as written."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, a day of the week or a time of day; offsets are half-open."""

    day: Day
    clock: str
    """``14:30``, ``monday``; empty where only a day is written."""
    start: int
    end: int


_PER = re.compile(r"(?:mg|mcg|ug|g|mmol|umol|nmol|meq|u|iu|ng|pg|k|ml|cc|l|units?)/\s?[a-z0-9]{1,5}(?:/[a-z]{1,4})?")
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_WORDS = {word: number for number, word in enumerate(f"{_ONES} seventeen eighteen nineteen".split())}
_TENS = {
    w: 10 * n
    for n, w in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)
}
_OFTEN = {
    **dict.fromkeys(("q.d.", "qd", "o.d.", "daily", "every day", "each day", "once a day", "once per day"), 1.0),
    **dict.fromkeys(("b.i.d.", "b.i.d", "bid", "twice"), 2.0),
    **dict.fromkeys(("t.i.d.", "t.i.d", "tid", "thrice"), 3.0),
    **dict.fromkeys(("q.i.d.", "q.i.d", "qid"), 4.0),
}
"""Times a day."""
_NUMBER_WORD = "|".join([*_TENS, *_WORDS])
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<digits>[+-]?\d+(?:,\d{{3}})*(?:\.\d+)?|(?<!\d)\.\d+)(?![\d]|\.\d)"
    rf"|(?<![\w-])(?P<words>(?:{_NUMBER_WORD})(?:[ -](?:{'|'.join(_WORDS)}))?)(?![\w])"
    rf"|(?<![\w-])(?P<tens>once|twice|thrice|half|a dozen|dozen|hundred)(?![\w-])"
)
_SPECIAL = {"once": 1.0, "twice": 2.0, "thrice": 3.0, "half": 0.5, "a dozen": 12.0, "dozen": 12.0, "hundred": 100.0}
_FREQUENCY = re.compile(
    r"(?<!\w)(?:(?P<twice>once|twice|thrice)|(?P<count>\d{1,2}|one|two|three|four|five|six)\s+times?)"
    r"\s+(?:daily|(?:a|per|every|each)\s+day)(?!\w)"
    r"|(?<!\w)(?:q\s?|every )(?P<hours>\d{1,2}) ?(?:h|hr|hrs|hours)(?!\w)"
    r"|(?<!\w)(?P<name>q\.d\.|qd|o\.d\.|daily|every day|each day|b\.i\.d\.?|bid|t\.i\.d\.?|tid|q\.i\.d\.?|qid)(?!\w)"
)
_UNIT = re.compile(
    r"[\s-]{0,2}(?P<unit>"
    + _PER.pattern
    + "|"
    + "|".join(re.escape(one) for one in sorted(SCALES, key=lambda one: (-len(one), one)))
    + r")(?![\w/])"
)
_ITEM = re.compile(r"[.)]\s+[a-z]")
_CLOCK = re.compile(
    r"(?<![\w:])(?P<hour>\d{1,2})(?::(?P<minute>[0-5]\d)(?::[0-5]\d)?\s?(?P<half>[ap]\.?m\b)?|\s?(?P<alone>[ap]\.?m\b))(?![\w:])"
)
_WEEKDAY = re.compile(r"\b(monday|tuesday|wednesday|thursday|friday|saturday|sunday|yesterday|tomorrow|tonight)s?\b")


def moments(text: str) -> list[Moment]:
    """Return the days and times of day of a folded text in order."""
    low = _lower(text)
    found = [Moment(parts_of(match), "", start, end) for start, end, match in find_dates(text)]
    for match in _CLOCK.finditer(low):
        hour, half = int(match["hour"]), (match["half"] or match["alone"] or "").replace(".", "")
        if hour < 24:
            hour = hour % 12 + (12 if half == "pm" else 0) if half else hour
            found.append(Moment((None, None, None), f"{hour:02d}:{match['minute'] or '00'}", *match.span()))
    found += [Moment((None, None, None), match[1], *match.span()) for match in _WEEKDAY.finditer(low)]
    return sorted(found, key=lambda one: one.start)


def quantities(text: str, beside: Iterable[Moment] = ()) -> list[Quantity]:
    """Return the numbers of a folded text in order, in digits or words, but for those of the moments ``beside``."""
    low = _blanked(_lower(text), ((one.start, one.end) for one in beside))
    found = [Quantity(often, "/day", often, *match.span()) for often, match in _frequencies(low)]
    low = _blanked(low, ((one.start, one.end) for one in found))
    for match in _NUMBER.finditer(low):
        number = _value(match)
        unit = _UNIT.match(low, match.end())
        if unit is None and (match["words"] in ("one", "zero") or _ITEM.match(low, match.end(), match.end() + 3)):
            continue  # a pronoun, or the number of a list's item
        base, scale = _base(unit["unit"]) if unit else (None, 1.0)
        found.append(Quantity(number * scale, base, number, match.start(), unit.end() if unit else match.end()))
    return sorted(found, key=lambda one: one.start)


def _frequencies(low: str) -> Iterator[tuple[float, re.Match[str]]]:
    """Return how many times a day, wherever a text says so."""
    for match in _FREQUENCY.finditer(low):
        if match["hours"]:
            often = 24 / int(match["hours"]) if int(match["hours"]) else 0.0
        elif match["count"]:
            often = float(match["count"]) if match["count"].isdigit() else float(_WORDS[match["count"]])
        else:
            often = _SPECIAL[match["twice"]] if match["twice"] else _OFTEN[match["name"]]
        if often:
            yield often, match


def same_number(ours: Quantity, theirs: Quantity) -> bool:
    """Say whether two quantities are one: equal in their unit, or as written where one of them has none."""
    if ours.unit is None or theirs.unit is None:
        return _close(ours.written, theirs.written)
    if {ours.unit, theirs.unit} == {"c", "f"}:
        celsius, fahrenheit = (ours, theirs) if ours.unit == "c" else (theirs, ours)
        return abs(celsius.value * 1.8 + 32 - fahrenheit.value) <= 0.2
    return ours.unit == theirs.unit and _close(ours.value, theirs.value)


def same_moment(ours: Moment, theirs: Moment) -> bool:
    """Say whether ``ours`` says no more than ``theirs``; the century may be left out."""
    if ours.clock or theirs.clock:
        return ours.clock == theirs.clock
    pairs = zip((ours.day[0] and ours.day[0] % 100, *ours.day[1:]),
                (theirs.day[0] and theirs.day[0] % 100, *theirs.day[1:]), strict=True)  # fmt: skip
    return all(our is None or our == their for our, their in pairs)


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))


def _value(match: re.Match[str]) -> float:
    if match["digits"]:
        return float(match["digits"].replace(",", ""))
    if match["tens"]:
        return _SPECIAL[match["tens"]]
    first, _, second = match["words"].replace("-", " ").partition(" ")
    ones = _WORDS.get(second, 0)
    if first in _TENS:
        return float(_TENS[first] + (ones if ones < 10 else 0))
    return float(_WORDS[first])


def _base(unit: str) -> tuple[str, float]:
    return SCALES.get(unit) or (unit.replace(" ", ""), 1.0)


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _lower(text: str) -> str:
    low = text.lower()
    return low if len(low) == len(text) else "".join(s.lower() if len(s.lower()) == 1 else s for s in text)
