"""What is done and given during one admission: ventilation, lines, infusions, drugs, cultures, urine."""

from __future__ import annotations

import math
from datetime import datetime, time, timedelta

import numpy as np

from xhaim.source.simulate.latent import ACUITY, DIMENSIONS
from xhaim.source.simulate.layout import Tables
from xhaim.source.simulate.patients import Admission, pick

_LINES = ((229351, 0.8, 96), (224264, 0.25, 120))
_TASKS = ((221223, 0.06), (225400, 0.06))
"""itemid, share of stays, usual hours."""
_DRUGS = ("Heparin", "Pantoprazole", "Acetaminophen", "Insulin", "Metoprolol Tartrate", "Docusate Sodium", "Senna")
_BY_CONDITION = {"heart_failure": "Furosemide", "hypothyroidism": "Levothyroxine Sodium", "copd": "Tiotropium Bromide"}
_ANTIBIOTICS = ("Vancomycin", "CefePIME", "CeftriaXONE", "Levofloxacin", "Piperacillin-Tazobactam")
_ORGANISMS = ((80023, "STAPH AUREUS COAG +"), (80004, "KLEBSIELLA PNEUMONIAE"), (80026, "PSEUDOMONAS AERUGINOSA"))


def ventilated(stay: Admission, hour: float) -> bool:
    """Say whether the patient is ventilated: in intensive care, from acuity 0.9 until it falls below 0.3."""
    first, last = stay.course.icu_in, stay.course.icu_out
    if first is None or last is None or not first <= hour < last:
        return False
    acuity = stay.course.states[first : int(hour) + 1, ACUITY]
    on, off = np.flatnonzero(acuity > 0.9), np.flatnonzero(acuity < 0.3)
    return len(on) > 0 and (len(off) == 0 or on[-1] > off[-1])


def write_support(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write everything that is done and given during an admission."""
    _drugs(tables, stay, rng)
    _cultures(tables, stay, rng)
    if stay.icu is not None:
        _lines(tables, stay, rng)
        _infusions(tables, stay, rng)
        _urine(tables, stay, rng)


def _lines(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    first, last = stay.course.icu_in or 0, stay.course.icu_out or 0
    on = [ventilated(stay, hour) for hour in range(first, last)]
    for start, end in _runs(on):
        _procedure(tables, stay, 225792, first + start, first + end, rng)
        _procedure(tables, stay, 224385, first + start, None, rng)
    for itemid, share, length in _LINES:
        if rng.random() < share:
            begins = first + rng.random() * 3
            _procedure(tables, stay, itemid, begins, min(begins + length * (0.5 + rng.random()), last), rng)
    for itemid, share in _TASKS:
        if rng.random() < share:
            _procedure(tables, stay, itemid, first + rng.random() * 3, None, rng)
    acuity = stay.course.states[first:last, ACUITY]
    if "kidney" in stay.patient.conditions or acuity.max(initial=0) > 2.2:
        for start, end in _runs([bool(level > 1.3) for level in acuity]):
            _procedure(tables, stay, 225802, first + start, first + end, rng)


def _infusions(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    first, last = stay.course.icu_in or 0, stay.course.icu_out or 0
    for start, end in _runs([bool(level > 1.2) for level in stay.course.states[first:last, ACUITY]]):
        _norepinephrine(tables, stay, first + start, first + end, rng)


def _urine(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    first, last = stay.course.icu_in or 0, stay.course.icu_out or 0
    for hour in range(first + 1, last, 2 if stay.patient.watched == 1.0 else 4):
        charted = stay.at(hour).replace(second=0)
        volume = math.exp(4.5 - 0.35 * float(stay.course.states[hour, ACUITY]) + 0.5 * float(rng.standard_normal()))
        tables.add(
            "outputevents",
            subject_id=stay.patient.subject_id,
            hadm_id=stay.hadm_id,
            stay_id=stay.stay_id,
            charttime=charted,
            storetime=charted + timedelta(minutes=int(rng.random() * 30)),
            itemid=226559,
            value=round(min(volume, 1500)),
            valueuom="ml",
        )


def _runs(on: list[bool]) -> list[tuple[int, int]]:
    """Return half-open runs of true, those of at least two hours."""
    edges = np.flatnonzero(np.diff(np.array([False, *on, False]).astype(int)))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(int(start), int(end)) for start, end in pairs if end - start >= 2]


def _procedure(
    tables: Tables, stay: Admission, itemid: int, start: float, end: float | None, rng: np.random.Generator
) -> None:
    begins = stay.at(start).replace(second=0)
    ends = min(stay.at(end).replace(second=0), stay.ended) if end is not None else begins + timedelta(minutes=1)
    tables.add(
        "procedureevents",
        subject_id=stay.patient.subject_id,
        hadm_id=stay.hadm_id,
        stay_id=stay.stay_id,
        starttime=begins,
        endtime=max(ends, begins),
        storetime=max(ends, begins) + timedelta(minutes=int(rng.random() * 30)),
        itemid=itemid,
        value=max(1, round((ends - begins).total_seconds() / 60)) if end is not None else 1,
        valueuom="min" if end is not None else "None",
        orderid=tables.number("procedureevents"),
        ordercategorydescription="ContinuousProcess" if end is not None else "Task",
        isopenbag=0,
        continueinnextdept=0,
        statusdescription="FinishedRunning",
    )


def _norepinephrine(tables: Tables, stay: Admission, start: int, end: int, rng: np.random.Generator) -> None:
    """Write one row for each four hours of infusion, its rate following acuity."""
    for hour in range(start, end, 4):
        begins, ends = stay.at(hour).replace(second=0), stay.at(min(hour + 4, end)).replace(second=0)
        level = float(stay.course.states[hour, ACUITY])
        rate = round(0.05 * math.exp(0.6 * (level - 1.2) + 0.4 * float(rng.standard_normal())), 3)
        hours = (ends - begins).total_seconds() / 3600
        tables.add(
            "inputevents",
            subject_id=stay.patient.subject_id,
            hadm_id=stay.hadm_id,
            stay_id=stay.stay_id,
            starttime=begins,
            endtime=ends,
            storetime=begins + timedelta(minutes=5),
            itemid=221906,
            amount=round(rate * 80 * 60 * hours / 1000, 3),
            amountuom="mg",
            rate=rate,
            rateuom="mcg/kg/min",
            orderid=tables.number("inputevents"),
            ordercategoryname="01-Drips",
            patientweight=80,
            isopenbag=0,
            continueinnextdept=0,
            statusdescription="ChangeDose/Rate" if ends < stay.at(end) else "FinishedRunning",
        )


def _drugs(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write prescriptions and their administrations; antibiotics follow the severity of pneumonia."""
    drugs = [drug for drug in _DRUGS if rng.random() < 0.55]
    drugs += [_BY_CONDITION[name] for name in stay.patient.conditions if name in _BY_CONDITION]
    pneumonia = float(stay.state(3)[DIMENSIONS.index("pneumonia")])
    if pneumonia + 0.8 * float(rng.standard_normal()) > 0.4:
        drugs.append(pick(rng, _ANTIBIOTICS))
    for drug in drugs:
        hour = rng.random() * min(24.0, stay.course.end)
        starts = stay.at(hour).replace(minute=0, second=0)
        number = tables.number("prescriptions")
        tables.add(
            "prescriptions",
            subject_id=stay.patient.subject_id,
            hadm_id=stay.hadm_id,
            pharmacy_id=number,
            starttime=starts,
            stoptime=stay.ended.replace(minute=0, second=0),
            drug_type="MAIN",
            drug=drug,
            route="IV" if drug in _ANTIBIOTICS else "PO/NG",
        )
        while hour < stay.course.end:
            _administration(tables, stay, number, drug, hour, rng)
            hour += 24


def _administration(
    tables: Tables, stay: Admission, pharmacy_id: int, drug: str, hour: float, rng: np.random.Generator
) -> None:
    due = stay.at(hour).replace(minute=0, second=0)
    given = due + timedelta(minutes=int(rng.random() * 50))
    if given >= stay.ended:
        return
    number = tables.number("emar")
    tables.add(
        "emar",
        subject_id=stay.patient.subject_id,
        hadm_id=stay.hadm_id,
        emar_id=f"{stay.patient.subject_id}-{number}",
        emar_seq=number,
        pharmacy_id=pharmacy_id,
        charttime=given,
        medication=drug,
        event_txt="Administered" if rng.random() < 0.94 else "Not Given",
        scheduletime=due,
        storetime=given + timedelta(minutes=int(rng.random() * 20)),
    )


def _cultures(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write blood and sputum cultures: drawn on the first days, known days later."""
    for itemid, specimen, test_id, test in (
        (70012, "BLOOD CULTURE", 90201, "Blood Culture, Routine"),
        (70062, "SPUTUM", 90188, "RESPIRATORY CULTURE"),
    ):
        hour = rng.random() * 30
        if rng.random() > 0.45 * stay.patient.watched or hour > stay.course.end:
            continue
        drawn = stay.at(hour).replace(second=0)
        stored = drawn + timedelta(minutes=int((40 + 60 * rng.random()) * 60))
        pneumonia = float(stay.state(hour)[DIMENSIONS.index("pneumonia")])
        grows = specimen == "SPUTUM" and pneumonia + float(rng.standard_normal()) > 1.2
        org_id, organism = pick(rng, _ORGANISMS) if grows else (None, None)
        number = tables.number("microbiologyevents")
        tables.add(
            "microbiologyevents",
            microevent_id=number,
            subject_id=stay.patient.subject_id,
            hadm_id=stay.hadm_id,
            micro_specimen_id=number,
            chartdate=datetime.combine(drawn.date(), time()),
            charttime=drawn,
            spec_itemid=itemid,
            spec_type_desc=specimen,
            test_seq=1,
            storedate=datetime.combine(stored.date(), time()),
            storetime=stored,
            test_itemid=test_id,
            test_name=test,
            org_itemid=org_id,
            org_name=organism,
            isolate_num=1 if grows else None,
            comments=None if grows else "NO GROWTH.",
        )
