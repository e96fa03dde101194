"""Time series and tables in words, each sentence with the ids of what it rests on: for a prompt, and for the page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from xhaim.errors import DataError
from xhaim.events import INPUT, MEDICATION, code_is
from xhaim.records import Measurement, Record
from xhaim.signals import catalogue
from xhaim.text.values import abnormality, before, number_words, printable, usual_range, value_words, when, width

MOST = 20
"""Sentences that ``in_words`` returns unless told otherwise."""
RECENT = timedelta(hours=24)
CHANGED = 0.25
"""Widths of the usual range from which a difference is a change."""
_GIVEN = re.compile(r"(Delayed |Partial )?(Administered|Started|Restarted|Applied)\b")
"""What eMAR calls a drug that was given; its other words (held, stopped, flushed, not given) are no giving."""
_ABNORMAL, _TREATED, _MOVED, _USUAL, _OLD = range(5)


@dataclass(frozen=True, slots=True)
class Worded:
    """A sentence, and what it rests on."""

    sentence: str
    pointers: tuple[str, ...]
    """Measurement ids, ids of drugs, or ``fact:NAME`` of the record's static facts; empty for what is missing."""


@dataclass(frozen=True, slots=True)
class Drug:
    """One giving of a drug or fluid."""

    event_id: str
    """``<code>@<yyyymmddThhmmss>``, with ``#2`` and on for ties, as measurements have."""
    name: str
    amount: float | None
    """Or the rate of a pump, as the unit says; ``None``: not stated."""
    unit: str | None
    time: datetime
    """When it began. No source says before its end that an infusion runs, so nothing is called running."""
    known_at: datetime


@dataclass(frozen=True, slots=True)
class _Told:
    worded: Worded
    tier: int
    abnormal: float
    change: float
    newest: datetime

    def place(self, now: datetime) -> tuple[int, float, float, timedelta, str]:
        return self.tier, -self.abnormal, -self.change, now - self.newest, self.worded.sentence


def _most_telling(told: Sequence[_Told], most: int) -> list[_Told]:
    """Keep the first of them, but a third of the places for treatments where there are so many, all in their order."""
    treated = [one for one in told if one.tier == _TREATED][: most // 3]
    others = [one for one in told if one.tier != _TREATED][: most - len(treated)]
    chosen = treated + others
    spare = [one for one in told if one not in chosen][: most - len(chosen)]
    return [one for one in told if one in chosen or one in spare]


def in_words(
    record: Record, drugs: Sequence[Drug] = (), wanted: Sequence[str] = (), most: int = MOST
) -> tuple[Worded, ...]:
    """Return at most ``most`` sentences on a record: who it is, what is most telling, what is missing.

    The person comes first, and last the signals of ``wanted`` without any value. Between them, one sentence for each
    signal, device and drug: what was abnormal in the last 24 hours, furthest from its usual range first; drugs and
    devices of the last 24 hours, which have a third of the places where there are so many; what changed by a quarter of
    its usual range or more; other recent values; older ones. Within these, the larger change, then the newer, goes
    first. Numbers and units are the record's. Raises DataError for a value or drug known at or after the prediction.
    """
    now = record.sample.prediction_time
    known = [*(one.known_at for one in record.measurements), *(one.known_at for one in drugs)]
    if any(time >= now for time in known):
        raise DataError("a value known only at or after the prediction was about to be told", expected="known before")
    series: dict[str, list[Measurement]] = {}
    for one in sorted(record.measurements, key=lambda one: (one.time, one.value, one.measurement_id)):
        series.setdefault(one.signal, []).append(one)
    last: dict[str, Drug] = {}
    for drug in sorted(drugs, key=lambda one: (one.time, one.known_at, one.event_id)):
        last[drug.name.casefold()] = drug
    told = [_signal(values, now) for values in series.values()]
    told += [_drug(drug, now) for drug in last.values() if now - drug.known_at <= RECENT]
    told.sort(key=lambda one: one.place(now))
    absent = [catalogue()[name].label for name in dict.fromkeys(wanted) if name not in series]
    missing = (Worded(f"No value before the prediction: {', '.join(absent)}.", ()),) if absent else ()
    middle = max(0, most - 1 - len(missing))
    return (_person(record), *(one.worded for one in _most_telling(told, middle)), *missing)[: max(0, most)]


def marked(told: Sequence[Worded]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return ``sentence [m1, m2]`` for each, and what m1 stands for: short marks that a model can copy."""
    marks: dict[str, str] = {}
    lines = []
    for one in told:
        mine = [marks.setdefault(pointer, f"m{len(marks) + 1}") for pointer in one.pointers]
        lines.append(f"{one.sentence} [{', '.join(mine)}]" if mine else one.sentence)
    return tuple(lines), {mark: pointer for pointer, mark in marks.items()}


def drugs(admissible: pl.DataFrame, names: Mapping[str, str]) -> dict[str, tuple[Drug, ...]]:
    """Return sample_id -> the drugs and fluids given, by time. ``names``: code -> what it is called.

    ``admissible``: events that the guard let through. Orders are no givings, and what eMAR says was not given, held,
    stopped or flushed is left out.
    """
    given = admissible.filter((code_is(INPUT) | code_is(MEDICATION)) & pl.col("time").is_not_null())
    ties = pl.int_range(pl.len()).over("sample_id", "code", pl.col("time").dt.truncate("1s"))
    rows = given.sort("sample_id", "time", "code", "numeric_value", "known_at", "source").with_columns(tie=ties)
    found: dict[str, list[Drug]] = {}
    for row in rows.iter_rows(named=True):
        kind, _, rest = row["code"].partition("//")
        item, _, how = rest.partition("//")
        if kind == MEDICATION and how and not _GIVEN.match(how):
            continue
        tie = f"#{row['tie'] + 1}" if row["tie"] else ""
        name = printable(names.get(row["code"]) or item) or "Drug without a name"
        event_id = f"{row['code']}@{row['time']:%Y%m%dT%H%M%S}{tie}"
        one = Drug(event_id, name, row["numeric_value"], row["unit"], row["time"], row["known_at"])
        found.setdefault(row["sample_id"], []).append(one)
    return {sample_id: tuple(items) for sample_id, items in found.items()}


def _person(record: Record) -> Worded:
    """Say sex, age and how long in hospital; what does not bear on the illness (race, insurance) is not told."""
    facts = record.static
    age, sex = facts.get("age, years"), facts.get("sex")
    said = {"F": "Woman", "M": "Man"}.get(str(sex), "Patient, sex not recorded")
    parts = [f"{said}, {int(age)} years old" if isinstance(age, float) else f"{said}, age not recorded"]
    pointers = [f"fact:{name}" for name, value in (("sex", sex), ("age, years", age)) if value is not None]
    for name, text in (("hours in hospital", "{:.0f} h in hospital"), ("hours in ICU", "{:.0f} h in the ICU")):
        value = facts.get(name)
        if isinstance(value, float):
            parts.append(text.format(value))
            pointers.append(f"fact:{name}")
    if isinstance(kind := facts.get("admission"), str):
        parts.append(f"admission: {kind.lower()}")
        pointers.append("fact:admission")
    return Worded(f"{', '.join(parts)}.", tuple(pointers))


def _signal(values: Sequence[Measurement], now: datetime) -> _Told:
    """Say the latest value, from where it came in the 24 hours before it, and the most abnormal one of these."""
    latest = values[-1]
    if catalogue()[latest.signal].group == "procedure":
        return _device(latest, now)
    near = [one for one in values if latest.time - one.time <= RECENT]
    first, worst = near[0], max(reversed(near), key=abnormality)
    place = usual_range(latest)
    text = f"{latest.label} {_value_at(latest, now)} ({before(latest.time, now)}{f'; {place}' if place else ''})"
    cited = [latest]
    if first.time < latest.time:
        text += f", {_way(latest, first)} {_value_at(first, now)}"
        cited.append(first)
    if abnormality(worst) > max(abnormality(latest), abnormality(first)):
        text += f", most abnormal {_value_at(worst, now)}"
        cited.append(worst)
    change = abs(latest.value - first.value) / width(latest)
    recent = now - latest.time <= RECENT
    far = abnormality(worst)
    tier = _OLD if not recent else _ABNORMAL if far > 0 else _MOVED if change >= CHANGED else _USUAL
    return _Told(Worded(f"{text}.", tuple(one.measurement_id for one in cited)), tier, far, change, latest.time)


def _device(latest: Measurement, now: datetime) -> _Told:
    """Say when a device or procedure began, and for how long where that is known: it is charted at its end."""
    lasted = f" for {value_words(latest)}" if latest.unit else ""
    text = f"{latest.label} from {when(latest.time, now)}{lasted}, charted {when(latest.known_at, now)}."
    tier = _TREATED if now - latest.known_at <= RECENT else _OLD
    return _Told(Worded(text, (latest.measurement_id,)), tier, 0.0, 0.0, latest.known_at)


def _drug(drug: Drug, now: datetime) -> _Told:
    amount = "" if drug.amount is None else f" {number_words(drug.amount, drug.unit and printable(drug.unit))}"
    charted = f", charted {when(drug.known_at, now)}" if drug.known_at > drug.time else ""
    text = f"{drug.name}{amount} given from {when(drug.time, now)} ({before(drug.time, now)}){charted}."
    return _Told(Worded(text, (drug.event_id,)), _TREATED, 0.0, 0.0, drug.time)


def _value_at(one: Measurement, now: datetime) -> str:
    return f"{value_words(one)} at {when(one.time, now)}"


def _way(latest: Measurement, first: Measurement) -> str:
    return "up from" if latest.value > first.value else "down from" if latest.value < first.value else "unchanged from"
