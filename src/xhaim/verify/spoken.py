"""Numbers as people say them, in digits: ``one forty over ninety`` is 140/90, ``ninety eight point six`` is 98.6."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ONES = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SMALL = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, **_TENS,
}  # fmt: skip
_DAYS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
_WORD = "|".join([*_ONES, *_SMALL, "oh", "hundred", "thousand"])
_DIGIT = "|".join([*_ONES, "oh"])
_RUN = re.compile(
    rf"\b(?:(?:a (?=hundred|thousand))?(?:{_WORD})(?:(?:[ -]|(?<=hundred) and |(?<=thousand) and )(?:{_WORD}))*"
    rf"(?: point(?: (?:{_DIGIT}))+)?|point(?: (?:{_DIGIT}|\d{{1,4}}))+)\b",
    re.IGNORECASE,
)
_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAY = re.compile(rf"\b({_MONTH}) (?:the )?(?:(twenty|thirty)[ -])?({'|'.join(_DAYS)})\b", re.IGNORECASE)
_DAY_BEFORE = re.compile(
    rf"\b(?:(?P<tens>twenty|thirty)[ -])?(?P<day>{'|'.join(_DAYS)}) (?:of )?(?P<month>{_MONTH})\b", re.IGNORECASE
)
_YEAR = re.compile(rf"\b((?:{_MONTH}) \d{{1,2}}),? (?:of )?(?=(?:19|20)\d\d\b)", re.IGNORECASE)
_SHORT_YEAR = re.compile(rf"\b((?:{_MONTH})(?: of)?|in) oh? (\d|{'|'.join(_ONES)})\b", re.IGNORECASE)
_MONTH_YEAR = re.compile(r"\b(0?[1-9]|1[0-2])-(?=(?:19|20)\d\d\b)")
_ORDINAL = re.compile(rf"\b({'|'.join(word for word, day in _DAYS.items() if day > 2)})\b", re.IGNORECASE)
_ONE = re.compile(
    r"\bone(?= (?:to|or|over) \d| o'clock)|(?<=\bfor )an?(?= (?:hour|day|week|month|year)\b)"
    r"|\ban?(?= (?:hour|day|week|month|year) (?:ago|old|later)\b)",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\b(\d{1,2}) o'?clock\b(?: (in the (?:morning|afternoon|evening)))?", re.IGNORECASE)
_OVER = re.compile(r"\b(\d{1,3}) over (\d{1,3})\b", re.IGNORECASE)
_PERCENT = re.compile(r"(?<=\d) ?percent\b", re.IGNORECASE)


def in_digits(text: str) -> str:
    """Return ``text`` with spoken numbers in digits; days of a month, pressures and percents as they are written.

    ``two thousand nine`` 2009, ``nineteen eighty five`` 1985, ``one forty`` 140, ``one oh five`` 105, ``twenty five``
    25. Words that make no single number stay several: ``ten fifteen`` is ``10 15``.
    """
    text = _SHORT_YEAR.sub(_short_year, _DAY_BEFORE.sub(_day_before, _DAY.sub(_day, text)))
    text = _ONE.sub("1", _RUN.sub(_run, text))
    text = _ORDINAL.sub(lambda match: _th(_DAYS[match[1].lower()]), text)
    text = _MONTH_YEAR.sub(r"\1/", _YEAR.sub(r"\1, ", text))
    text = _CLOCK.sub(_clock, _OVER.sub(r"\1/\2", text))
    return _PERCENT.sub("%", text)


def _run(match: re.Match[str]) -> str:
    said = match.group().lower().removeprefix("a ")
    whole, _, after = f" {said}".partition(" point ")
    words = [word for word in re.split(r"[ -]+", whole) if word]
    numbers = _numbers(words) if words else ["0"]
    if after:
        digits = (word if word.isdigit() else str(_ONES.get(word, 0)) for word in after.split())
        numbers[-1] = f"{numbers[-1]}.{''.join(digits)}"
    if numbers in (["0"], ["1"]) or words == ["oh"]:
        return match.group()
    return " ".join(numbers)


def _numbers(words: Sequence[str]) -> list[str]:
    """Return the numbers that a run of number words says, in order."""
    found: list[str] = []
    at = 0
    while at < len(words):
        number, used = _number([word for word in words[at : at + 12] if word != "and"])
        joining = words[at : at + used].count("and")
        at += max(1, used + joining)
        found.append(str(number))
    return found


def _number(words: Sequence[str]) -> tuple[int, int]:
    """Return the first number of a run, and how many words it took."""
    value, used = _below_hundred(words)
    rest = words[used:]
    if rest[:1] == ["thousand"] or rest[:1] == ["hundred"]:
        scale = 1000 if rest[0] == "thousand" else 100
        more, taken = _number(rest[1:]) if len(rest) > 1 else (0, 0)
        if more >= scale:
            more, taken = 0, 0
        return (value or 1) * scale + more, used + 1 + taken
    more, taken = _below_hundred(rest)
    if taken and words[0] in _ONES and used == 1 and value and (more >= 10 or rest[0] == "oh"):
        return value * 100 + more, used + taken  # one forty
    if taken and value in (18, 19, 20) and more >= 10:
        return value * 100 + more, used + taken  # nineteen eighty five
    return value, used


def _below_hundred(words: Sequence[str]) -> tuple[int, int]:
    if not words:
        return 0, 0
    if words[0] in _TENS:
        ones = _ONES.get(words[1], 0) if len(words) > 1 else 0
        return _SMALL[words[0]] + ones, 2 if ones else 1
    if words[0] == "oh" and len(words) > 1 and words[1] in _ONES:
        return _ONES[words[1]], 2
    if words[0] in _ONES or words[0] in _SMALL:
        return _ONES.get(words[0], _SMALL.get(words[0], 0)), 1
    return 0, 0 if words[0] in ("hundred", "thousand") else 1


def _day(match: re.Match[str]) -> str:
    day = _DAYS[match[3].lower()] + {"twenty": 20, "thirty": 30, "": 0}[(match[2] or "").lower()]
    return f"{match[1]} {day}" if day <= 31 else match.group()


def _day_before(match: re.Match[str]) -> str:
    day = _DAYS[match["day"].lower()] + {"twenty": 20, "thirty": 30, "": 0}[(match["tens"] or "").lower()]
    return f"{match['month']} {day}" if day <= 31 else match.group()


def _short_year(match: re.Match[str]) -> str:
    return f"{match[1]} 200{_ONES.get(match[2].lower(), match[2])}"


def _clock(match: re.Match[str]) -> str:
    half = {"": "", "in the morning": " am"}.get((match[2] or "").lower(), " pm")
    return f"{match[1]}:00{half}" if int(match[1]) <= 12 else match.group()


def _th(number: int) -> str:
    return f"{number}{'rd' if number == 3 else 'th'}"
