"""What is charted at the bedside and what the laboratory sends back, with the clock and the dirt of real records.

A small share is dirt as records have it: no store time, a value only in words, a value out of range. A patient with
Medicaid is measured less often than another with the same illness (the proxy attribute of the fairness audit).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xhaim.source.simulate.items import ANSWERS, ITEMS
from xhaim.source.simulate.latent import Array
from xhaim.source.simulate.layout import Tables, times_as_text
from xhaim.source.simulate.patients import Admission
from xhaim.source.simulate.schedule import BEDSIDE, SETS, SIGNALS, chosen, clock
from xhaim.source.simulate.support import ventilated
from xhaim.source.simulate.values import scores, values_of

DIRT = 0.006
"""Share of measurements with each kind of dirt."""
WARD = 2.2
"""How much rarer laboratory panels are out of intensive care."""
LATE_PANELS = 0.08

_ON_VENTILATOR, _BREATHING = -0.9, 0.25
"""What a ventilator, or none, does to the score of the coma scale."""
_COMA = tuple(SIGNALS.index(name) for name in ANSWERS)
_VERBAL = SIGNALS.index("gcs_verbal")
_ORDER = [ITEMS[name] for name in SIGNALS]


def write_values(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write the laboratory results of an admission and the vital signs of its intensive care."""
    level = scores(stay, rng)
    end = (stay.ended - stay.admitted).total_seconds() / 3600
    first, last = (float(stay.course.icu_in or 0), float(stay.course.icu_out or 0)) if stay.icu else (0.0, 0.0)
    drawn: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    charted: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for name in SETS:
        if name not in BEDSIDE:
            for start, stop, rarer in ((0.0, first, WARD), (first, last, 1.0), (last, end, WARD)):
                if stop - start > 1:
                    drawn += _measured(name, start, stop, stay.patient.watched / rarer, stay, rng)
        elif last > first:
            charted += _measured(name, first, last, stay.patient.watched, stay, rng)
    _write_labs(tables, stay, *_joined(drawn), level, rng)
    if charted:
        minutes, places = _joined(charted)
        inside = (minutes >= first * 60) & (minutes < min(last, end) * 60)
        _write_chart(tables, stay, minutes[inside], places[inside], level, rng)


def _measured(
    name: str, start: float, end: float, watched: float, stay: Admission, rng: np.random.Generator
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return minutes since admission and places in ``SIGNALS`` of a set's measurements."""
    times = clock(name, start, end, watched, stay.admitted.minute, rng)
    places = chosen(name, times.whole, rng)
    return [(times.minutes[there], np.full(int(there.sum()), place)) for place, there in places]


def _joined(parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return minutes and places in order of time, each signal once a minute."""
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    key = np.unique(np.concatenate([minutes * len(SIGNALS) + places for minutes, places in parts]))
    return key // len(SIGNALS), key % len(SIGNALS)


def _scores_at(level: Array, minutes: NDArray[np.int64], places: NDArray[np.int64]) -> Array:
    hour = np.clip(minutes // 60, 0, len(level) - 1)
    found: Array = level[hour, places]
    return found


def _write_labs(
    tables: Tables,
    stay: Admission,
    minutes: NDArray[np.int64],
    places: NDArray[np.int64],
    level: Array,
    rng: np.random.Generator,
) -> None:
    """Write laboratory results: known after 1 to 4 h, one draw in twelve a day late."""
    values = values_of(minutes, places, _scores_at(level, minutes, places), rng)
    at, of = np.unique(minutes, return_inverse=True)
    late = rng.random(len(at)) < LATE_PANELS
    delay = np.where(late, 18 + 20 * rng.random(len(at)), 1 + 3 * rng.random(len(at)))
    dirt = rng.random(len(values))
    values = np.where((dirt > DIRT) & (dirt < 1.5 * DIRT), values * 1000, values)
    hemolyzed, lost = dirt < DIRT, (dirt > 2 * DIRT) & (dirt < 4 * DIRT)
    stored = times_as_text(stay.admitted, minutes + np.round(60 * delay[of]).astype(np.int64))
    items = [_ORDER[place] for place in places.tolist()]
    first = tables.number("labevents")
    numbers = [None if bad else value for value, bad in zip(values.tolist(), hemolyzed, strict=True)]
    tables.add_many(
        "labevents",
        len(items),
        labevent_id=range(first, first + len(items)),
        subject_id=stay.patient.subject_id,
        hadm_id=stay.hadm_id,
        specimen_id=(first + of).tolist(),
        itemid=[item.itemid for item in items],
        charttime=times_as_text(stay.admitted, minutes),
        storetime=[None if gone else time for time, gone in zip(stored, lost, strict=True)],
        value=["HEMOLYZED, RESULTS SUSPECT" if number is None else f"{number:g}" for number in numbers],
        valuenum=numbers,
        valueuom=[item.unit for item in items],
        ref_range_lower=[item.normal[0] for item in items],
        ref_range_upper=[item.normal[1] for item in items],
        flag=[
            None if number is None or item.normal[0] <= number <= item.normal[1] else "abnormal"
            for number, item in zip(numbers, items, strict=True)
        ],
        priority=["STAT" if chance > 0.6 else "ROUTINE" for chance in rng.random(len(at))[of].tolist()],
    )


def _write_chart(
    tables: Tables,
    stay: Admission,
    minutes: NDArray[np.int64],
    places: NDArray[np.int64],
    level: Array,
    rng: np.random.Generator,
) -> None:
    """Write what is charted at the bedside: stored within 40 minutes; the coma scale in words too."""
    coma, on = np.isin(places, _COMA), _on_ventilator(stay, minutes)
    z = _scores_at(level, minutes, places) + np.where(coma, np.where(on, _ON_VENTILATOR, _BREATHING), 0.0)
    values = values_of(minutes, places, z, rng)
    values = np.where((places == _VERBAL) & on, 1.0, values)
    dirt = rng.random(len(values))
    values = np.where((dirt < 0.3 * DIRT) & ~coma, 9999.0, values)
    no_number = (dirt > 1 - 2 * DIRT) & (dirt < 1 - DIRT) & ~coma
    minute, later = np.unique(minutes, return_inverse=True)
    stored = times_as_text(stay.admitted, minutes + (40 * rng.random(len(minute))).astype(np.int64)[later])
    items = [_ORDER[place] for place in places.tolist()]
    words: list[Any] = [f"{value:g}" for value in values.tolist()]
    for at in np.flatnonzero(coma).tolist():
        name, score = SIGNALS[places[at]], int(values[at])
        intubated = places[at] == _VERBAL and bool(on[at])
        words[at] = "No Response-ETT" if intubated else ANSWERS[name][score - 1]
    tables.add_many(
        "chartevents",
        len(items),
        subject_id=stay.patient.subject_id,
        hadm_id=stay.hadm_id,
        stay_id=stay.stay_id,
        charttime=times_as_text(stay.admitted, minutes),
        storetime=[None if gone else time for time, gone in zip(stored, dirt > 1 - DIRT, strict=True)],
        itemid=[item.itemid for item in items],
        value=words,
        valuenum=[None if gone else value for value, gone in zip(values.tolist(), no_number, strict=True)],
        valueuom=[item.unit or None for item in items],
        warning=0,
    )


def _on_ventilator(stay: Admission, minutes: NDArray[np.int64]) -> NDArray[np.bool_]:
    hours, of = np.unique(minutes // 60, return_inverse=True)
    on = np.array([ventilated(stay, float(hour)) for hour in hours], dtype=bool)
    return on[of]
