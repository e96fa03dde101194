"""The figures of a sentence (numbers with their units, times, days) and the figures that it may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from xhaim.explain import words
from xhaim.records import Citation, Explanation, Faithfulness, Record
from xhaim.signals import catalogue
from xhaim.text import values

_DAY = r"\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?(?:,? \d{4})?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
_TIME = re.compile(rf"(?<!\w)(?:(?:{_DAY}|\d{{4}}-\d{{2}}-\d{{2}})(?:,? (?:at )?{_CLOCK})?|{_CLOCK})(?!\w)")
_OWN_UNITS = (
    *("% interval", "%", "points", "point", "log-odds", "stays"),
    *("min before", "h before", "days before", "min", "h", "hours", "days"),
)
_NUMBER = r"(?<![\w.])([+-]?\d+(?:,\d{3})*(?:\.\d+)?)"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, time or day as a sentence writes it."""

    text: str
    """Canonical: without thousands separators and trailing zeros, the sign kept."""
    unit: str | None
    """``time`` for a time or day; ``None`` where none is written."""
    start: int
    """Where in the sentence."""


def figures(text: str, units: Iterable[str] = ()) -> list[Figure]:
    """Return the figures of a text in order. ``units``: those to know beside the catalogue's and anything with a /."""
    plain = text.replace("\N{MINUS SIGN}", "-")
    found = [Figure(match.group(), "time", match.start()) for match in _TIME.finditer(plain)]
    rest = _TIME.sub(lambda match: " " * len(match.group()), plain)
    for match in _pattern(frozenset(units)).finditer(rest):
        digits, unit = match.groups()
        found.append(Figure(_canonical(digits), unit, match.start()))
    return sorted(found, key=lambda figure: figure.start)


def fault_kind(figure: Figure, allowed: Iterable[Figure]) -> str | None:
    """Return what is wrong with a figure: ``date``, ``number``, ``unit``; ``None`` if it is among the allowed.

    A number without a unit may be any allowed number: leaving a unit out is not the same as a wrong one.
    """
    units = {one.unit for one in allowed if one.text == figure.text}
    if figure.unit in units:
        return None
    if figure.unit == "time":
        return "date"
    if not units - {"time"}:
        return "number"
    return None if figure.unit is None else "unit"


def own_figures(explanation: Explanation, extra: Iterable[str]) -> list[Figure]:
    """Return the figures that any sentence may hold: the explanation's own facts, and ``extra`` texts."""
    texts = [
        words.INTERVAL, words.UNDER, words.STALE, words.DRAWN, explanation.question, explanation.unscored or "", *extra,
        *(words.log_odds(value) for value in explanation.contributions.values()),
        *(f"{words.shown(name)} {words.log_odds(value)}" for name, value in explanation.columns.items()),
        *(words.share(value) for value in (explanation.base_rate, explanation.threshold) if value is not None),
    ]  # fmt: skip
    if explanation.risk is not None:
        texts.append(words.percent(explanation.risk))
    if explanation.image_score is not None:
        texts.append(words.score(explanation.image_score))
    if explanation.low is not None and explanation.high is not None:
        texts.append(words.interval(explanation.low, explanation.high))
    if explanation.risk is not None and explanation.faithfulness is not None:
        texts.extend(whole_figures(explanation.faithfulness, explanation.risk))
    return figures(" ; ".join(texts))


def whole_figures(found: Faithfulness, risk: float) -> tuple[str, str, str, str]:
    """Return, as a sentence shows them: the risk without what is cited, its change, that at random, the risk alone."""
    moved = found.without_cited - risk
    chance = sum(abs(one - risk) for one in found.at_random) / len(found.at_random)
    return (
        words.percent(found.without_cited),
        f"a change {words.UNDER}" if abs(moved) < words.MIN_EFFECT else words.points(moved),
        words.UNDER if chance < words.MIN_EFFECT else words.points(chance).removeprefix("+"),
        words.percent(found.cited_alone),
    )


def cited_figures(citation: Citation, risk: float | None, record: Record) -> list[Figure]:
    """Return the figures that a sentence may take from one of its citations: value, range, times, effect."""
    now = record.sample.prediction_time
    texts = [citation.label, values.before(citation.time, now)]
    if citation.kind == "measurement":
        texts.append(citation.quote)
        ranges = (values.usual_range(one) for one in record.measurements if one.measurement_id == citation.source_id)
        texts.extend(text for text in ranges if text)
    if citation.kind == "span":
        texts.append(words.shown(citation.quote))
    if citation.effect is not None and risk is not None:
        without = min(1.0, max(0.0, risk - citation.effect))
        texts.extend((words.percent(without), words.points(-citation.effect), words.points(citation.effect)))
    return [*figures(" ; ".join(texts), _units(record)), *_times(citation.time), *_times(citation.known_at)]


def _times(time: datetime) -> list[Figure]:
    return [Figure(form, "time", 0) for form in sorted(words.day_forms(time))]


def _units(record: Record) -> set[str]:
    return {one.unit for one in record.measurements if one.unit}


def _canonical(digits: str) -> str:
    sign = digits[0] if digits[0] in "+-" else ""
    return f"{sign}{Decimal(digits.lstrip('+-').replace(',', '')).normalize():f}"


@lru_cache(maxsize=32)
def _pattern(units: frozenset[str]) -> re.Pattern[str]:
    known = {*units, *_OWN_UNITS, *(signal.unit for signal in catalogue().values() if signal.unit)}
    listed = "|".join(re.escape(unit) for unit in sorted(known, key=lambda unit: (-len(unit), unit)))
    return re.compile(rf"{_NUMBER}(?!\d|\.\d)(?:[ \u00a0]?((?:{listed})(?![\w/])|[^\W\d]+/\w+))?")
