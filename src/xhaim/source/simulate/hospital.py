"""Rows about the person and the stay: patients, admissions, transfers, stays, diagnoses, and the dictionaries."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from xhaim.source.simulate.items import ANSWERS, ITEMS, OTHER_ITEMS
from xhaim.source.simulate.layout import Tables
from xhaim.source.simulate.patients import CONDITIONS, REASONS, Admission, Patient
from xhaim.source.simulate.schedule import BEDSIDE, SETS
from xhaim.source.simulate.studies import finding_risk, finding_state

_FOUND = {
    "effusion": ("J90", "Pleural effusion, not elsewhere classified"),
    "cardiomegaly": ("I517", "Cardiomegaly"),
    "pneumonia": ("J189", "Pneumonia, unspecified organism"),
}
_UNITS = {
    "sepsis": "Medical Intensive Care Unit (MICU)",
    "respiratory": "Medical/Surgical Intensive Care Unit (MICU/SICU)",
    "heart": "Coronary Care Unit (CCU)",
    "surgery": "Cardiac Vascular Intensive Care Unit (CVICU)",
    "bleeding": "Surgical Intensive Care Unit (SICU)",
    "neurologic": "Neuro Surgical Intensive Care Unit (Neuro SICU)",
}


def write_dictionaries(tables: Tables) -> None:
    """Write d_items, d_labitems and d_icd_diagnoses."""
    bedside = {name for chosen in BEDSIDE for group in SETS[chosen].values() for name in group}
    for name, item in ITEMS.items():
        if name in bedside:
            kind = "Text" if name in ANSWERS else "Numeric"
            _item(tables, item.itemid, item.label, "chartevents", item.group, item.unit or "None", kind)
        else:
            tables.add("d_labitems", itemid=item.itemid, label=item.label, fluid="Blood", category=item.group)
    for row in OTHER_ITEMS:
        _item(tables, *row)
    titles = {code: title for _, title, code, _ in CONDITIONS.values()}
    titles |= {code: title for _, _, title, code, _ in REASONS.values()}
    titles |= dict(_FOUND.values())
    for code, title in titles.items():
        tables.add("d_icd_diagnoses", icd_code=code, icd_version=10, long_title=title[0].upper() + title[1:])


def _item(tables: Tables, itemid: int, label: str, table: str, category: str, unit: str, kind: str) -> None:
    tables.add(
        "d_items",
        itemid=itemid,
        label=label,
        abbreviation=label,
        linksto=table,
        category=category,
        unitname=unit,
        param_type=kind,
    )


def write_patient(tables: Tables, who: Patient, last: Admission) -> None:
    """Write the patient's row; the date of death where the last admission ended so."""
    tables.add(
        "patients",
        subject_id=who.subject_id,
        gender=who.gender,
        anchor_age=who.age,
        anchor_year=who.anchor_year,
        anchor_year_group="2011 - 2013",
        dod=last.ended.date() if last.course.died else None,
    )


def write_admission(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write an admission, its transfers, its stay in intensive care and its diagnoses."""
    who, died, planned = stay.patient, stay.course.died, stay.reason == "surgery"
    tables.add(
        "admissions",
        subject_id=who.subject_id,
        hadm_id=stay.hadm_id,
        admittime=stay.admitted,
        dischtime=stay.ended,
        deathtime=stay.ended if died else None,
        admission_type="SURGICAL SAME DAY ADMISSION" if planned else "EW EMER.",
        admission_location="PHYSICIAN REFERRAL" if planned else "EMERGENCY ROOM",
        discharge_location="DIED" if died else "HOME" if stay.minute % 2 else "SKILLED NURSING FACILITY",
        insurance=who.insurance,
        language=who.language,
        marital_status=who.marital_status,
        race=who.race,
        edregtime=None if planned else stay.admitted - timedelta(hours=3),
        edouttime=None if planned else stay.admitted,
        hospital_expire_flag=int(died),
    )
    _transfers(tables, stay)
    if stay.icu is not None:
        entered, left = stay.icu
        unit = _UNITS[stay.reason]
        tables.add(
            "icustays",
            subject_id=who.subject_id,
            hadm_id=stay.hadm_id,
            stay_id=stay.stay_id,
            first_careunit=unit,
            last_careunit=unit,
            intime=entered,
            outtime=left,
            los=round((left - entered).total_seconds() / 86400, 6),
        )
    _diagnoses(tables, stay, rng)


def _diagnoses(tables: Tables, stay: Admission, rng: np.random.Generator) -> None:
    """Write the billing codes: why the patient came, what was found, what is chronic."""
    end = stay.course.states[-1]
    found = [code for name, (code, _) in _FOUND.items() if rng.random() < finding_risk(name, finding_state(end, name))]
    codes = [REASONS[stay.reason][3], *found, *(CONDITIONS[name][2] for name in stay.patient.conditions)]
    for number, code in enumerate(codes, start=1):
        tables.add(
            "diagnoses_icd",
            subject_id=stay.patient.subject_id,
            hadm_id=stay.hadm_id,
            seq_num=number,
            icd_code=code,
            icd_version=10,
        )


def _transfers(tables: Tables, stay: Admission) -> None:
    """Write where the patient was: emergency department, ward, intensive care, ward, gone."""
    moves = [(stay.admitted, "admit", "Medicine")]
    if stay.icu is not None:
        entered, left = stay.icu
        moves.append((entered, "transfer", _UNITS[stay.reason]))
        if left < stay.ended:
            moves.append((left, "transfer", "Medicine"))
    moves.append((stay.ended, "discharge", ""))
    for number, (time, kind, unit) in enumerate(moves):
        tables.add(
            "transfers",
            subject_id=stay.patient.subject_id,
            hadm_id=stay.hadm_id,
            transfer_id=tables.number("transfers"),
            eventtype=kind,
            careunit=unit or None,
            intime=time,
            outtime=moves[number + 1][0] if number + 1 < len(moves) else None,
        )
