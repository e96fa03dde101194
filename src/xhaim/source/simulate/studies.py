"""Chest X-ray studies of an admission: when they are taken, what they truly show, and how CheXpert would label them.

A finding is there with probability r = sigmoid(slope * (severity - centre)) at the study's time. The observed label
flips it in 3 % of studies; whether a label is uncertain or blank depends on r and chance only, never on the finding,
so that r' = 0.97 r + 0.03 (1 - r) is the probability of a positive among the labelled, and its AUC the best possible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from xhaim.events import CHEXPERT_FINDINGS
from xhaim.source.simulate.latent import DIMENSIONS, Array
from xhaim.source.simulate.layout import Tables
from xhaim.source.simulate.patients import Admission
from xhaim.source.simulate.support import ventilated

FLIPPED = 0.03
SLOPE = 4.3
CENTRES = {"effusion": 0.65, "cardiomegaly": 0.78, "pneumonia": 0.48, "edema": 1.1, "atelectasis": 0.6}
NAMES = {
    "effusion": "Pleural Effusion",
    "cardiomegaly": "Cardiomegaly",
    "pneumonia": "Pneumonia",
    "edema": "Edema",
    "atelectasis": "Atelectasis",
}
"""Dimension -> CheXpert's name."""

TASKS = {"effusion": "pleural_effusion", "cardiomegaly": "cardiomegaly", "pneumonia": "pneumonia"}
"""Dimension -> the shipped task that asks for it."""

MAX_ICU_STUDIES = 6
_EXAMS = {"AP": "CHEST (PORTABLE AP)", "PA": "CHEST (PA AND LAT)"}


@dataclass(frozen=True, slots=True)
class Study:
    """One chest X-ray study."""

    study_id: int
    hour: float
    time: datetime
    in_icu: bool
    severity: dict[str, float]
    """Finding -> severity at the study's time."""
    probability: dict[str, float]
    """Finding -> r', of a positive observed label."""
    label: dict[str, int | None]
    """Finding -> observed label: 1, 0, -1 (uncertain) or ``None`` (blank)."""
    frontal: str
    """``AP`` or ``PA``."""
    lateral: bool
    devices: bool

    @property
    def exam(self) -> str:
        """Name of the examination in the report's title."""
        return _EXAMS["PA" if self.lateral else "AP"]


def finding_risk(finding: str, severity: float) -> float:
    """Return r, the probability that the finding is truly there at this severity."""
    return 1.0 / (1.0 + math.exp(-SLOPE * (severity - CENTRES[finding])))


def plan_studies(stay: Admission, filmed: bool, rng: np.random.Generator) -> list[Study]:
    """Draw an admission's studies in order of time; without ``filmed``, none in intensive care.

    The first of intensive care is 2 to 5.5 h after admission to it, the others about a day apart.
    """
    hours: list[tuple[float, bool]] = []
    first, last = stay.course.icu_in, stay.course.icu_out
    if rng.random() < (0.78 if filmed else 0.4):
        hours.append((rng.random() * min(20, (first or 8)) - 0.5, False))
    if filmed and first is not None and last is not None:
        hour = first + 2 + 3.5 * rng.random()
        most = len(hours) + MAX_ICU_STUDIES
        while hour < last - 0.1 and len(hours) < most:
            hours.append((hour, True))
            hour += float(rng.lognormal(math.log(20 / stay.patient.watched), 0.5))
    after = (last or 12) + 10 + 30 * rng.random()
    if after < stay.course.end and rng.random() < 0.3:
        hours.append((after, False))
    number = stay.hadm_id % 10_000_000 * 10
    return [_study(stay, 50_000_001 + number + at, hour, icu, rng) for at, (hour, icu) in enumerate(hours)]


def _study(stay: Admission, study_id: int, hour: float, in_icu: bool, rng: np.random.Generator) -> Study:
    state = stay.state(hour)
    severity = {finding: float(state[DIMENSIONS.index(finding)]) for finding in CENTRES}
    risk = {finding: finding_risk(finding, value) for finding, value in severity.items()}
    portable = in_icu or rng.random() < 0.5
    return Study(
        study_id=study_id,
        hour=hour,
        time=stay.at(hour),
        in_icu=in_icu,
        severity=severity,
        probability={finding: FLIPPED + (1 - 2 * FLIPPED) * r for finding, r in risk.items()},
        label={finding: draw_label(r, rng) for finding, r in risk.items()},
        frontal="AP" if portable and rng.random() < 0.93 else "PA",
        lateral=not portable or rng.random() < 0.06,
        devices=ventilated(stay, hour),
    )


def draw_label(risk: float, rng: np.random.Generator) -> int | None:
    """Draw the observed label of a finding whose probability is ``risk``."""
    there = rng.random() < risk
    flipped = rng.random() < FLIPPED
    doubt = rng.random()
    if doubt < 0.08 + 0.16 * 4 * risk * (1 - risk):
        return -1
    if doubt > 0.87:
        return None
    return int(there != flipped)


def write_study(
    tables: Tables, study: Study, subject_id: int, images: dict[str, str], rng: np.random.Generator
) -> None:
    """Write a study's rows of metadata, split and CheXpert labels. ``images``: view -> dicom_id."""
    for view, dicom_id in images.items():
        tables.add(
            "metadata",
            dicom_id=dicom_id,
            subject_id=subject_id,
            study_id=study.study_id,
            PerformedProcedureStepDescription=study.exam,
            ViewPosition=view,
            Rows=160,
            Columns=160,
            StudyDate=f"{study.time:%Y%m%d}",
            StudyTime=f"{int(f'{study.time:%H%M%S}')}.0",
            ProcedureCodeSequence_CodeMeaning=study.exam,
            ViewCodeSequence_CodeMeaning={"AP": "antero-posterior", "PA": "postero-anterior"}.get(view, "lateral"),
            PatientOrientationCodeSequence_CodeMeaning="Recumbent" if view == "AP" else "Erect",
        )
        tables.add("split", dicom_id=dicom_id, study_id=study.study_id, subject_id=subject_id, split="train")
    label: dict[str, int | None] = {NAMES[finding]: value for finding, value in study.label.items()}
    label["Support Devices"] = 1 if study.devices else None
    label["Lung Opacity"] = 1 if 1 in (study.label["pneumonia"], study.label["edema"]) and rng.random() < 0.6 else None
    label["Pneumothorax"] = 0 if rng.random() < 0.6 else None
    label["No Finding"] = 1 if not {1, -1} & set(label.values()) else None
    shown = {name: f"{label[name]:.1f}" for name in CHEXPERT_FINDINGS if label.get(name) is not None}
    tables.add("chexpert", subject_id=subject_id, study_id=study.study_id, **shown)


def report_delay(rng: np.random.Generator) -> timedelta:
    """Return how long after a study its report is stored: 1 to 12 h, a few later."""
    hours = float(np.clip(rng.lognormal(math.log(4.0), 0.6), 1.0, 30.0))
    return timedelta(minutes=round(hours * 60))


def finding_state(state: Array, finding: str) -> float:
    """Return the severity of a finding in a state."""
    return float(state[DIMENSIONS.index(finding)])
