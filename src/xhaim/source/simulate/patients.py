"""Who is admitted: demographics, chronic conditions, and why they come. From these, the means of the latent course."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np

from xhaim.source.simulate.latent import Array, Course, course
from xhaim.source.simulate.schedule import SIGNALS, root_of_correlation

T = TypeVar("T")

_NOTHING = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

CONDITIONS: dict[str, tuple[float, str, str, tuple[float, ...]]] = {
    # share, words, ICD-10; shift of effusion, cardiomegaly, pneumonia, edema, atelectasis, acuity, recovery
    "hypertension": (0.52, "hypertension", "I10", (0.0, 0.3, 0.0, 0.1, 0.0, 0.0, 0.0)),
    "heart_failure": (0.27, "congestive heart failure", "I509", (0.6, 1.0, 0.0, 0.7, 0.1, 0.1, -0.2)),
    "coronary": (0.26, "coronary artery disease", "I2510", (0.0, 0.3, 0.0, 0.1, 0.0, 0.0, 0.0)),
    "fibrillation": (0.22, "atrial fibrillation", "I4891", (0.1, 0.4, 0.0, 0.1, 0.0, 0.1, 0.0)),
    "copd": (0.20, "chronic obstructive pulmonary disease", "J449", (0.0, -0.2, 0.4, 0.0, 0.2, 0.1, -0.1)),
    "kidney": (0.21, "chronic kidney disease", "N189", (0.3, 0.2, 0.0, 0.4, 0.0, 0.1, -0.1)),
    "diabetes": (0.31, "type 2 diabetes mellitus", "E119", (0.0, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0)),
    "cirrhosis": (0.09, "cirrhosis", "K7460", (0.6, 0.0, 0.0, 0.1, 0.2, 0.4, -0.3)),
    "malignancy": (0.15, "metastatic malignancy", "C799", (0.4, 0.0, 0.2, 0.0, 0.1, 0.4, -0.2)),
    "stroke": (0.09, "prior stroke", "Z8673", (0.0, 0.0, 0.3, 0.0, 0.1, 0.1, -0.2)),
    "hypothyroidism": (0.12, "hypothyroidism", "E039", _NOTHING),
    "reflux": (0.24, "gastroesophageal reflux disease", "K219", _NOTHING),
}

REASONS: dict[str, tuple[float, str, str, str, tuple[float, ...]]] = {
    # share, complaint, diagnosis, ICD-10; shift of the state at admission
    "sepsis": (0.22, "fever and hypotension", "sepsis", "A419", (0.1, 0.0, 0.5, 0.1, 0.1, 0.7, -0.4)),
    "respiratory": (
        0.20,
        "shortness of breath",
        "acute respiratory failure",
        "J9601",
        (0.2, 0.0, 0.9, 0.2, 0.2, 0.4, -0.3),
    ),
    "heart": (
        0.16,
        "leg swelling and dyspnea",
        "decompensated heart failure",
        "I5023",
        (0.7, 0.5, -0.4, 1.0, 0.1, 0.0, 0.0),
    ),
    "surgery": (
        0.17,
        "planned operation",
        "aftercare following surgery",
        "Z4889",
        (0.4, 0.2, -0.5, 0.0, 0.7, -0.7, 0.6),
    ),
    "bleeding": (0.12, "melena", "gastrointestinal hemorrhage", "K922", (-0.2, -0.1, -0.4, -0.2, 0.0, 0.0, 0.2)),
    "neurologic": (0.13, "altered mental status", "encephalopathy", "G9340", (-0.2, 0.0, 0.1, -0.2, 0.2, 0.2, -0.1)),
}

_INSURANCES = ("Medicare", "Medicaid", "Other")
_RACES = (
    "WHITE",
    "WHITE",
    "WHITE",
    "WHITE",
    "BLACK/AFRICAN AMERICAN",
    "HISPANIC/LATINO - DOMINICAN",
    "ASIAN",
    "UNKNOWN",
)
_MARITAL = ("MARRIED", "SINGLE", "WIDOWED", "DIVORCED")


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Return one of the options, all equally likely."""
    return options[int(rng.random() * len(options))]


@dataclass(frozen=True, slots=True)
class Patient:
    """A person who does not exist."""

    subject_id: int
    gender: str
    age: int
    """At ``birth_year + age``, the anchor year."""
    anchor_year: int
    race: str
    language: str
    insurance: str
    """Medicaid is the proxy attribute: the same illness, fewer measurements (truth/README.md)."""
    marital_status: str
    conditions: tuple[str, ...]
    base: Array
    habit: Array
    """What is usual for this patient, as a score by signal (``schedule.SIGNALS``)."""
    planned_stays: int
    """How many intensive-care stays the patient has, if none of them is the last."""
    side: str
    """Where this patient's effusions and opacities tend to be."""
    site: int
    """Where this patient's films are read."""

    @property
    def watched(self) -> float:
        """Share of the usual measurements that are taken."""
        return 0.6 if self.insurance == "Medicaid" else 1.0


@dataclass(frozen=True, slots=True)
class Admission:
    """A course with its identifiers and clock."""

    patient: Patient
    hadm_id: int
    stay_id: int | None
    reason: str
    admitted: datetime
    minute: int
    """Of the hour, for every event of the course that falls on the grid."""
    course: Course

    def at(self, hour: float) -> datetime:
        """Return the time of an hour of the course, to the second."""
        return self.admitted + timedelta(seconds=round(hour * 3600))

    @property
    def ended(self) -> datetime:
        """Time of discharge or death."""
        return self.at(self.course.end) + timedelta(minutes=self.minute)

    @property
    def icu(self) -> tuple[datetime, datetime] | None:
        """Times of admission to and departure from intensive care."""
        if self.course.icu_in is None or self.course.icu_out is None:
            return None
        leaves = self.ended if self.course.icu_out == self.course.end else self.at(self.course.icu_out)
        return self.at(self.course.icu_in), leaves

    def state(self, hour: float) -> Array:
        """Return the [7] severities at an hour; before admission, those at admission."""
        state: Array = self.course.states[min(max(int(hour), 0), self.course.end)]
        return state


def patient(number: int, rng: np.random.Generator) -> Patient:
    """Draw the patient of this number (from 0)."""
    conditions = tuple(name for name, (share, *_) in CONDITIONS.items() if rng.random() < share)
    base = rng.normal(0.0, (0.6, 0.7, 0.5, 0.5, 0.4, 0.4, 0.4))
    base = base + sum((np.array(CONDITIONS[name][3]) for name in conditions), np.zeros(len(_NOTHING)))
    return Patient(
        subject_id=10_000_001 + number,
        gender="F" if rng.random() < 0.45 else "M",
        age=int(np.clip(rng.normal(65, 15), 19, 91)),
        anchor_year=int(rng.integers(2112, 2198)),
        race=pick(rng, _RACES),
        language="ENGLISH" if rng.random() < 0.9 else "?",
        insurance=_INSURANCES[int(np.searchsorted([0.48, 0.63], rng.random()))],
        marital_status=pick(rng, _MARITAL),
        conditions=conditions,
        base=base,
        habit=root_of_correlation() @ rng.standard_normal(len(SIGNALS)),
        planned_stays=1 + int(rng.random() < 0.15) + int(rng.random() < 0.04),
        side="right" if rng.random() < 0.55 else "left",
        site=int(rng.random() < 0.4),
    )


def admission(
    who: Patient, hadm_id: int, stay_id: int | None, earliest: datetime, rng: np.random.Generator, *, mortal: bool
) -> Admission:
    """Draw an admission at or after ``earliest``; with a ``stay_id`` it goes through intensive care."""
    shares = np.cumsum([share for share, *_ in REASONS.values()])
    reason = tuple(REASONS)[min(int(np.searchsorted(shares, rng.random())), len(REASONS) - 1)]
    start = who.base + np.array(REASONS[reason][4]) + rng.normal(0.0, (0.5, 0.15, 0.5, 0.5, 0.6, 0.8, 0.8))
    admitted = earliest + timedelta(minutes=int(rng.integers(0, 60 * 24 * 20)))
    icu_in = None if stay_id is None else int(rng.integers(1, 4) if rng.random() < 0.6 else rng.integers(4, 40))
    drawn = course(who.base, start, icu_in, rng, mortal=mortal)
    return Admission(who, hadm_id, stay_id, reason, admitted, int(rng.integers(1, 59)), drawn)
