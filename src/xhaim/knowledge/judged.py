"""What a rule says of a record: met, not met or unknown, on which values and words, and why.

Only what was known before the prediction time counts. What was looked for and not found leaves a rule unknown: a record
that is silent has not said no.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from xhaim.knowledge.rules import FactRule, RiseRule, ValueRule
from xhaim.knowledge.thresholds import in_signal_unit, plain_number
from xhaim.records import CriterionStatus, Measurement, Record, Span
from xhaim.signals import catalogue
from xhaim.text.values import before, number_words

Status: TypeAlias = CriterionStatus


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule says, and what that rests on."""

    status: Status
    seen: str
    """What was found, in words: the value and its age, or that there is none; no words of a document."""
    asked: str = ""
    """The threshold; empty where nothing was found."""
    measurement_ids: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()


def by_value(rule: ValueRule, record: Record) -> Judged:
    """Judge the latest value in the window, or any of it; values of one time that disagree leave it unknown."""
    now, label = record.sample.prediction_time, catalogue()[rule.signal].label
    found, unusable = _values(record, rule.signal, rule.within_hours)
    if rule.readable_from is not None:
        unusable += [one for one, value in found if value < rule.readable_from]
        found = [(one, value) for one, value in found if value >= rule.readable_from]
    window = f"in the {rule.within_hours:g} h before"
    if not found:
        passed_over = f"; {len(unusable)} passed over that cannot be read" if unusable else ""
        return Judged("unknown", f"no value of {label} {window}{passed_over}")
    hits = [(one, value) for one, value in found if rule.holds(value, rule.limit)]
    newest = max(one.time for one, _ in found)
    latest = [pair for pair in found if pair[0].time == newest]
    asked = f"{rule.words} {number_words(rule.threshold, rule.unit)}"
    agreeing = {rule.holds(value, rule.limit) for _, value in latest}
    if rule.which == "latest" and len(agreeing) == 2:
        numbers = " and ".join(_words(value, rule.signal) for _, value in latest)
        return Judged("unknown", f"{label} {numbers} at one time {before(newest, now)}", asked, _ids(latest))
    if rule.which == "any":
        one, value = max(hits, key=lambda pair: pair[0].time) if hits else latest[-1]
        asked += "" if hits else f" (any of {len(found)} {window})"
    else:
        one, value = latest[-1]
    met = rule.holds(value, rule.limit)
    seen = f"{label} {_words(value, rule.signal)} {before(one.time, now)}"
    return Judged("met" if met else "not met", seen, asked, (one.measurement_id,))


def by_rise(rule: RiseRule, record: Record) -> Judged:
    """Judge the latest value against the lowest earlier one of the window."""
    now, label = record.sample.prediction_time, catalogue()[rule.signal].label
    found, _ = _values(record, rule.signal, rule.within_hours)
    window = f"the {rule.within_hours:g} h before"
    earlier = [pair for pair in found if pair[0].time < found[-1][0].time]
    if not earlier:
        known = "one value" if found else "no value"
        return Judged("unknown", f"{known} of {label} in {window}: no change can be told", "", _ids(found[-1:]))
    last, now_value = found[-1]
    low, then_value = min(earlier, key=lambda pair: (pair[1], pair[0].time))
    asked = (
        f"at least {rule.limit:g} times"
        if rule.by_at_least is None
        else f"at least {number_words(rule.by_at_least, rule.unit)} more"
    )
    seen = (
        f"{label} {_words(now_value, rule.signal)} {before(last.time, now)}, lowest earlier value in {window} "
        f"{_words(then_value, rule.signal)}"
    )
    latest = [pair for pair in found if pair[0].time == last.time]
    agreeing = {_rises(rule, then_value, value) for _, value in latest}
    if len(agreeing) == 2:
        return Judged("unknown", f"{seen}, and another of the same time", asked, _ids([(low, then_value), *latest]))
    return Judged("met" if agreeing == {True} else "not met", seen, asked, (low.measurement_id, last.measurement_id))


def _rises(rule: RiseRule, then: float, now: float) -> bool:
    if rule.by_at_least is None:
        return then > 0 and plain_number(now / then) >= plain_number(rule.limit)
    return plain_number(now - then) >= plain_number(rule.limit)


def by_fact(rule: FactRule, record: Record) -> Judged:
    """Judge a number of the admission facts."""
    value = record.static.get(rule.fact)
    name, _, unit = rule.fact.partition(", ")
    if not isinstance(value, int | float):
        return Judged("unknown", f"{name} is not recorded")
    met = rule.holds(value, rule.threshold)
    seen = f"{name} {number_words(plain_number(value), unit or None)} by the admission facts"
    return Judged("met" if met else "not met", seen, f"{rule.words} {rule.threshold:g}")


def _values(record: Record, signal: str, hours: float) -> tuple[list[tuple[Measurement, float]], list[Measurement]]:
    """Return the admissible values of a window in the signal's unit, oldest first, and those in no known unit."""
    now = record.sample.prediction_time
    found: list[tuple[Measurement, float]] = []
    unusable: list[Measurement] = []
    for one in record.measurements:
        if one.signal != signal or one.known_at >= now or not _within(one.time, now, hours):
            continue
        same = one.unit == catalogue()[signal].unit
        value = one.value if same else in_signal_unit(signal, one.value, one.unit)
        if value is None or not math.isfinite(value):
            unusable.append(one)
        else:
            found.append((one, value))
    return sorted(found, key=lambda pair: (pair[0].time, pair[1], pair[0].measurement_id)), unusable


def _within(time: datetime, now: datetime, hours: float) -> bool:
    return timedelta() <= now - time <= timedelta(hours=hours)


def _words(value: float, signal: str) -> str:
    return number_words(plain_number(value), catalogue()[signal].unit)


def _ids(found: list[tuple[Measurement, float]]) -> tuple[str, ...]:
    return tuple(one.measurement_id for one, _ in found)
