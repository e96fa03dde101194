"""Dates in clinical text, found in the forms that notes use and moved by whole days in the form they were written."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH = rf"(?P<month>(?i:{'|'.join(f'{one[:3]}(?:{one[3:]})?' for one in MONTHS)}|Sept))\b\.?"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?P<year>(?:1[89]|2[01])\d\d)"
_NUM_MONTH = r"(?P<m>0?[1-9]|1[0-2])"
_SHORT_YEAR = r"(?P<short>\d\d)"
_LEAP = 2000
"""Year of a date that is written without one."""
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?<![\d/.-]){_YEAR}(?P<sep>[-/.]){_NUM_MONTH}(?P=sep){_DAY}(?![\d/-])",
        rf"(?<![\d/.-]){_NUM_MONTH}(?P<sep>[-/.]){_DAY}(?P=sep)(?:{_YEAR}|{_SHORT_YEAR})(?![\d/%-]|\.\d)",
        rf"(?<![\d/.-]){_DAY}(?P<sep>[-/.]){_NUM_MONTH}(?P=sep){_YEAR}(?![\d/-])",
        rf"(?<!\w){_YEAR}(?P<m2>0[1-9]|1[0-2])(?P<d2>0[1-9]|[12]\d|3[01])(?!\w)",
        rf"(?<!\w){_DAY}(?P<th>st|nd|rd|th)?(?: of)?(?P<sep>[ -]){_MONTH}(?:,? ?-?{_YEAR}|-{_SHORT_YEAR}(?!\d))?",
        rf"(?<!\w){_MONTH}(?: the)?(?P<sep>[ -]){_DAY}(?P<th>st|nd|rd|th)?(?![\w/]|\.\d)(?:,? ?{_YEAR})?",
        rf"(?<!\w){_MONTH}(?: of)?,?(?P<sep>[ /-]|\s'){_YEAR}(?!\d)",
        rf"(?<!\w)(?P<m>0?[1-9]|1[0-2])/{_YEAR}(?!\d)",
        rf"(?i:(?<=\bon )|(?<=\bsince )|(?<=\bdated )|(?<=\bof )|(?<=\bfrom )|(?<=\buntil )|(?<=\bby )|(?<=\bdate: )|"
        rf"(?<=\bcxr )|(?<=\d to )|(?<=\bdob: )|(?<=\bcomparison: )|(?<=\bct )|(?<=\bbefore )|(?<=\bafter )|"
        rf"(?<=\bthrough )|(?<=\bvisit ))"
        rf"(?<![\d/]){_NUM_MONTH}/{_DAY}(?![\d/%]|\.\d| ?(?:of|strength|systolic|diastolic|murmur|cups?|tablets?|"
        rf"pain)\b)",
        rf"(?i:(?<=\bin )|(?<=\bsince )|(?<=\byear )|(?<=\buntil )|(?<=\bearly )|(?<=\blate )|(?<=\baround )|"
        rf"(?<=\bcirca )|(?<=\bmid )|(?<=\bback in )|(?<=\bof )|(?<=\bby )|(?<=\bbefore )|(?<=\bafter ))"
        rf"{_YEAR}(?![\w/.,-]*\d| ?(?:ml|cc|mg|units?|kcal|g|mcg|iu|calories?|steps|meters|feet)\b)",
    )
)


def find_dates(text: str) -> list[tuple[int, int, re.Match[str]]]:
    """Return (start, end, match) of every date, in order, none overlapping; longer forms win."""
    found: list[tuple[int, int, re.Match[str]]] = []
    for form in _FORMS:
        for match in form.finditer(text):
            if all(match.end() <= start or match.start() >= end for start, end, _ in found) and _is_date(match):
                found.append((match.start(), match.end(), match))
    return sorted(found, key=lambda one: one[:2])


def moved(match: re.Match[str], days: int) -> str | None:
    """Return the date that a match holds moved by ``days``, written as it was; ``None`` where no such date exists.

    A month without a day moves as its 15th, a year alone as its 1 July, a day without a year as in a leap year.
    """
    day = _day_of(match)
    try:
        new = day + timedelta(days=days) if day else None
    except OverflowError:
        return None
    return None if new is None or not 1800 <= new.year < 2200 else _written(match, new)


def _is_date(match: re.Match[str]) -> bool:
    """Say whether the parts make a day of the calendar; ``may 5 times`` and ``march 2 miles`` are words."""
    parts = match.groupdict()
    word = parts.get("month") in ("may", "mar", "march") and not (parts.get("year") or parts.get("short"))
    return not word and _day_of(match) is not None


def _day_of(match: re.Match[str]) -> date | None:
    parts = match.groupdict()
    month = parts.get("m") or parts.get("m2")
    named = parts.get("month")
    number = int(month) if month else 1 + [one[:3].lower() for one in MONTHS].index(named[:3].lower()) if named else 7
    day = parts.get("day") or parts.get("d2") or ("15" if named or month else "1")
    year = parts.get("year") or (f"20{parts['short']}" if parts.get("short") else str(_LEAP))
    try:
        return date(int(year), number, int(day))
    except ValueError:
        return None


def _written(match: re.Match[str], new: date) -> str:
    """Put the parts of ``new`` where the parts of the match stood."""
    parts = match.groupdict()
    iso = bool(parts.get("year")) and match.start("year") == match.start()
    zero = any((parts.get(name) or "").startswith("0") for name in ("m", "day"))
    padded = zero or (iso and len(parts.get("m") or "") == 2)
    put: dict[str, Callable[[str], str]] = {
        "year": lambda _: f"{new.year:04d}",
        "short": lambda _: f"{new.year % 100:02d}",
        "m": lambda _: f"{new.month:02d}" if padded else str(new.month),
        "m2": lambda _: f"{new.month:02d}",
        "d2": lambda _: f"{new.day:02d}",
        "day": lambda _: f"{new.day:02d}" if padded else str(new.day),
        "month": lambda old: _month_like(old, new.month),
        "th": lambda _: _ordinal(new.day),
    }
    text, at = "", match.start()
    spans = sorted((match.span(name), name) for name in put if name in match.re.groupindex and match[name] is not None)
    for (start, end), name in spans:
        text += match.string[at:start] + put[name](match.string[start:end])
        at = end
    return text + match.string[at : match.end()]


def _month_like(old: str, month: int) -> str:
    name = MONTHS[month - 1]
    short = len(old) <= 4 and old.lower() not in ("june", "july")
    name = name[:3] if short else name
    return name.upper() if old.isupper() else name.lower() if old.islower() else name


def _ordinal(day: int) -> str:
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def parts_of(match: re.Match[str]) -> tuple[int | None, int | None, int | None]:
    """Return (year, month, day) of a date; ``None``: not written. A year of two digits is one of 2000 to 2099."""
    parts = match.groupdict()
    day = _day_of(match)
    if day is None:
        return None, None, None
    has_month = any(parts.get(name) for name in ("m", "m2", "month"))
    return (
        day.year if parts.get("year") or parts.get("short") else None,
        day.month if has_month else None,
        day.day if parts.get("day") or parts.get("d2") else None,
    )
