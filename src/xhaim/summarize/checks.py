"""What a written sentence must share with the chunks it cites: numbers, dates, sides, names, and what is said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from xhaim.llm.dates import find_dates, parts_of
from xhaim.llm.names import find_names
from xhaim.summarize.mood import owners, said, stated
from xhaim.summarize.vocabulary import foreign
from xhaim.task import Task
from xhaim.text.polarity import mentions
from xhaim.text.sentences import sentences

_UNIT = (
    r"(?:cm|mm|mcg|mg|kg|g|ml|cc|l|liters?|%|percent|mmhg|mmol/l|meq/l|g/dl|mg/dl|bpm|units?|hours?|hrs?|days?|"
    r"weeks?|months?|years?)"
)
_NUMBER = re.compile(rf"(?P<number>\d+(?:[.,]\d+)*)(?:[\s-]*(?P<unit>{_UNIT})(?![\w/]))?", re.IGNORECASE)
_SAME_UNIT = {"percent": "%", "cc": "ml", "liter": "l", "hr": "hour"}
_SIDE = re.compile(r"\b(left|right|bilateral(?:ly)?|both)\b", re.IGNORECASE)
_TITLED = re.compile(r"(?<=[\w,;] )[A-Z][a-z]{2,}\b")
_CLAUSE = re.compile(r"[,;:]|\bwith\b|\band\b(?! (?:left|right)\b)")
"""Where one finding ends and another begins."""
_NEAR = 40
"""Characters within which a side belongs to the mention of a concept."""
_ENOUGH = 0.6
"""Share of a sentence's words that must stand in its cited texts, by their first five letters."""
_PLAIN = frozenset(
    """
    also been both demonstrate demonstrated demonstrates does found from have having identified into noted observed
    patient patients present presents reported reports revealed reveals seen show showed shown shows that there these
    this those were which with without evidence finding findings indicate indicates indicated chart record
    """.split()  # noqa: SIM905
)
"""Words that carry no fact of their own."""
_Date = tuple[int | None, int | None, int | None]


def faults(sentence: str, cited: Sequence[str], times: Sequence[datetime], task: Task) -> tuple[str, ...]:
    """Return what ``sentence`` says that its cited texts, of these times, do not; in words that quote neither.

    Numbers with their units, dates in any form, sides bound to the concept they stand by, names of people, drugs,
    devices and parts of the body, and words that weigh must stand in a cited text, and so must most of the other words;
    each concept must be affirmed, denied or doubted there, in a plain statement (``mood``). That is no proof that the
    sentence follows; it bars what the texts do not speak of. Nothing: the sentence holds.
    """
    found = []
    if not _numbers_hold(sentence, cited):
        found.append("a number or unit")
    if not _dates_hold(sentence, cited, times):
        found.append("a date")
    if not _sides(sentence, task) <= _both_ways({one for text in cited for one in _sides(text, task)}):
        found.append("a side (left or right)")
    missing = said(sentence, task) - {reading for text in cited for reading in stated(text, task)}
    found += [f"'{task.concepts[at].name}' as {polarity}" for at, polarity in sorted(missing)]
    if not _names_hold(sentence, cited, task):
        found.append("a name")
    found += foreign(sentence, cited)
    if _share_of_words(sentence, cited) < _ENOUGH:
        found.append("most of its words")
    return tuple(found)


def _share_of_words(sentence: str, cited: Sequence[str]) -> float:
    """Return the share of the words of four letters and more that a cited text holds; 1 where there are none."""
    ours = [word for word in re.findall(r"[^\W\d_]{4,}", sentence.lower()) if word not in _PLAIN]
    theirs = {word[:5] for text in cited for word in re.findall(r"[^\W\d_]{4,}", text.lower())}
    return sum(word[:5] in theirs for word in ours) / len(ours) if ours else 1.0


def _numbers_hold(sentence: str, cited: Sequence[str]) -> bool:
    """Say whether every number stands in a cited text, and with its unit where it has one; dates are for others."""
    ours = _numbers(_without_dates(sentence))
    theirs = {pair for text in cited for pair in _numbers(text)}
    bare = {number for number, _ in theirs}
    return all((number, unit) in theirs if unit else number in bare for number, unit in ours)


def _numbers(text: str) -> set[tuple[str, str]]:
    found = set()
    for match in _NUMBER.finditer(text):
        unit = (match["unit"] or "").lower()
        unit = unit.removesuffix("s") if len(unit) > 2 else unit
        found.add((match["number"], _SAME_UNIT.get(unit, unit)))
    return found


def _without_dates(text: str) -> str:
    for start, end, _ in reversed(find_dates(text)):
        text = f"{text[:start]} {text[end:]}"
    return text


def _dates_hold(sentence: str, cited: Sequence[str], times: Sequence[datetime]) -> bool:
    theirs: list[_Date] = [(time.year, time.month, time.day) for time in times]
    theirs += [parts_of(match) for text in cited for _, _, match in find_dates(text)]
    return all(any(_is(parts_of(match), one) for one in theirs) for _, _, match in find_dates(sentence))


def _is(ours: _Date, theirs: _Date) -> bool:
    """Say whether a date says no more than another; the century may differ, for short years leave it open."""
    pairs = zip((ours[0] and ours[0] % 100, *ours[1:]), (theirs[0] and theirs[0] % 100, *theirs[1:]), strict=True)
    return all(our is None or our == their for our, their in pairs)


def _sides(text: str, task: Task) -> set[tuple[int | None, str]]:
    """Return (concept, side) of every side that stands near a concept, (None, side) of the others."""
    owner = owners(task)
    found: set[tuple[int | None, str]] = set()
    for start, end in sentences(text):
        for piece in _CLAUSE.split(text[start:end]):
            spots = [(one.start, one.end, owner[one.term]) for one in mentions(piece, tuple(owner))]
            for match in _SIDE.finditer(piece):
                side = match[1].lower()
                side = side if side in ("left", "right") else "bilateral"
                near = [(max(a - match.end(), match.start() - b), at) for a, b, at in spots]
                found |= {(None, side)} | {(at, side) for away, at in near if away <= _NEAR and away == min(near)[0]}
    return found


def _both_ways(pairs: Iterable[tuple[int | None, str]]) -> set[tuple[int | None, str]]:
    """Let both sides hold each of them, and left and right together both."""
    found = set(pairs)
    for at in {at for at, _ in found}:
        if (at, "bilateral") in found:
            found |= {(at, "left"), (at, "right")}
        elif {(at, "left"), (at, "right")} <= found:
            found.add((at, "bilateral"))
    return found


def _names_hold(sentence: str, cited: Sequence[str], task: Task) -> bool:
    """Say whether every name, and every capitalised word inside the sentence, stands in a cited text."""
    plain = _without_dates(sentence)
    known = set(re.findall(r"\w+", " ".join([*cited, *owners(task)]).lower()))
    named = [plain[start:end] for start, end in find_names(plain)] + _TITLED.findall(plain)
    return all(word.lower() in known for name in named for word in re.findall(r"[^\W\d_]{2,}", name))
