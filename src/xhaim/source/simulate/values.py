"""Vital signs and laboratory tests of one admission, from its latent course.

A small share is dirt as records have it: no store time, a value only in words, a value out of range. A patient with
Medicaid is measured less often than another with the same illness (the proxy attribute of the fairness audit).
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from functools import cache

import numpy as np

from xhaim.source.simulate.items import GCS, LABS, SHIFTS, SOME_LABS, VITALS, Item
from xhaim.source.simulate.latent import ACUITY, Array
from xhaim.source.simulate.layout import Tables
from xhaim.source.simulate.patients import Admission, Patient
from xhaim.source.simulate.support import ventilated

DIRT = 0.006
"""Share of measurements with each kind of dirt."""

_LOADS = np.array([item.loads for item in VITALS])
_MEANS, _NOISE = np.array([item.mean for item in VITALS]), np.array([item.noise for item in VITALS])
_LOWEST, _HIGHEST = np.array([item.low for item in VITALS]), np.array([item.high for item in VITALS])


@cache
def _shift(itemid: int, conditions: tuple[str, ...]) -> float:
    return sum(SHIFTS.get(name, {}).get(itemid, 0.0) for name in conditions)


def value_of(item: Item, state: Array, who: Patient, rng: np.random.Generator) -> float:
    """Draw a value of an item in a state."""
    shift = _shift(item.itemid, who.conditions)
    load = sum(weight * float(severity) for weight, severity in zip(item.loads, state, strict=True) if weight)
    raw = item.mean + shift + load + item.noise * float(rng.standard_normal())
    raw = math.exp(min(raw, 20.0)) if item.log else raw
    return round(min(max(raw, item.low), item.high), item.decimals)


def write_values(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write the laboratory results of an admission and the vital signs of its intensive care."""
    _labs(tables, stay, rng)
    if stay.icu is not None:
        _vitals(tables, stay, rng)


def write_lab(
    tables: Tables,
    stay: Admission,
    item: Item,
    value: float,
    drawn: datetime,
    stored: datetime,
    rng: np.random.Generator,
) -> None:
    """Write one laboratory result, now and then as dirty as they come."""
    dirt = rng.random()
    text, number = (f"{value:g}", value) if dirt > DIRT else ("HEMOLYZED, RESULTS SUSPECT", None)
    if DIRT < dirt < 1.5 * DIRT:
        text, number = f"{value * 1000:g}", value * 1000
    low, high = item.normal
    tables.add(
        "labevents",
        labevent_id=tables.rows["labevents"] + 1,
        subject_id=stay.patient.subject_id,
        hadm_id=stay.hadm_id,
        specimen_id=tables.rows["labevents"] // 20 + 1,
        itemid=item.itemid,
        charttime=drawn,
        storetime=None if 2 * DIRT < dirt < 4 * DIRT else stored,
        value=text,
        valuenum=number,
        valueuom=item.unit,
        ref_range_lower=low,
        ref_range_upper=high,
        flag=None if low <= value <= high else "abnormal",
        priority="STAT" if dirt > 0.6 else "ROUTINE",
    )


def _labs(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write a panel every 8 to 20 h; results come after 1 to 4 h, one panel in twelve a day late."""
    hour = rng.random() * 2 - 1
    while hour < stay.course.end:
        drawn = stay.at(hour).replace(second=0)
        delay = 18 + 20 * rng.random() if rng.random() < 0.08 else 1 + 3 * rng.random()
        stored = drawn + timedelta(minutes=round(delay * 60))
        state = stay.state(hour)
        for item in LABS:
            if rng.random() < 0.95:
                write_lab(tables, stay, item, value_of(item, state, stay.patient, rng), drawn, stored, rng)
        for share, item in SOME_LABS:
            if rng.random() < share:
                write_lab(tables, stay, item, value_of(item, state, stay.patient, rng), drawn, stored, rng)
        hour += (8 + 12 * rng.random()) / stay.patient.watched


def _vitals(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write vital signs about every hour of intensive care, the coma scale every four."""
    first, last = stay.course.icu_in or 0, stay.course.icu_out or 0
    states = stay.course.states[first:last]
    blur = 0.7 * (rng.standard_normal(len(VITALS)) + rng.standard_normal((len(states), len(VITALS))))
    levels = np.clip(_MEANS + states @ _LOADS.T + _NOISE * blur, _LOWEST, _HIGHEST)
    seen = 0.93 * stay.patient.watched
    for hour in range(first, last):
        time = stay.at(hour).replace(second=0) + timedelta(minutes=int(rng.random() * 55))
        if time >= stay.ended:
            break
        for item, level in zip(VITALS, levels[hour - first].tolist(), strict=True):
            if rng.random() < (seen if item.itemid != 223761 else 0.3 * seen):
                _chart(tables, stay, time, item, level, rng)
        if (hour - first) % 4 == 0 and rng.random() < seen:
            _coma(tables, stay, time, float(states[hour - first, ACUITY]), ventilated(stay, hour), rng)


def _chart(tables: Tables, stay: Admission, time: datetime, item: Item, value: float, rng: np.random.Generator) -> None:
    value = round(value, item.decimals)
    dirt = rng.random()
    text, number = (f"{value:g}", value)
    if dirt < 0.3 * DIRT:
        text, number = "9999", 9999.0
    stored = time + timedelta(minutes=int(rng.random() * 40))
    tables.add(
        "chartevents",
        subject_id=stay.patient.subject_id,
        hadm_id=stay.hadm_id,
        stay_id=stay.stay_id,
        charttime=time,
        storetime=None if dirt > 1 - DIRT else stored,
        itemid=item.itemid,
        value=text,
        valuenum=number if dirt < 1 - 2 * DIRT or dirt > 1 - DIRT else None,
        valueuom=item.unit,
        warning=0,
    )


def _coma(
    tables: Tables, stay: Admission, time: datetime, acuity: float, on_ventilator: bool, rng: np.random.Generator
) -> None:
    for itemid, _, answers in GCS:
        lost = max(0.0, 0.9 * (acuity - 0.6) + 0.7 * float(rng.standard_normal())) + (1.5 if on_ventilator else 0.0)
        score = max(1, len(answers) - round(lost))
        if itemid == 223900 and on_ventilator:
            score, answer = 0, "No Response-ETT"
        else:
            answer = answers[score - 1]
        tables.add(
            "chartevents",
            subject_id=stay.patient.subject_id,
            hadm_id=stay.hadm_id,
            stay_id=stay.stay_id,
            charttime=time,
            storetime=time + timedelta(minutes=int(rng.random() * 40)),
            itemid=itemid,
            value=answer,
            valuenum=score,
            warning=0,
        )
