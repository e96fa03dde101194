"""What only the simulator knows: the best possible risk of every sample, canaries, contradictions, and in words how."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from xhaim.source.simulate.latent import ACUITY, HORIZON_HOURS, RECOVERY, outlook
from xhaim.source.simulate.layout import Tables
from xhaim.source.simulate.patients import Admission
from xhaim.source.simulate.radiology import CONCEPTS
from xhaim.source.simulate.studies import TASKS, Study

LANDMARK_HOURS = 24

SIMULATED = """SIMULATED

Nothing in this folder is about a real person. Every patient, value, note and image was drawn by a computer program
(xhaim simulate). The file layouts are those of MIMIC-IV, MIMIC-IV-Note, MIMIC-CXR-JPG and MIMIC-IV-ECG, so that the
code that reads them is the code that reads the real thing; the contents are not from them. Name these patients
simulated wherever a number made from them appears.
"""

README = """# truth/

What only the simulator knows. Never an input.

- `latent.csv`: for each decision time (each chest X-ray study: anchor `study`; 24 h after admission to intensive care:
  anchor `icu_24h`) and task, the probability of the positive label given the latent state at that time, and what came
  (`outcome`: 1, 0, -1 uncertain, empty blank). The AUC of `probability` against `outcome` is the best that any model
  could reach on average. Pathologies: probability = 0.97 r + 0.03 (1 - r), r = sigmoid(4.3 (severity - centre)).
  Outcomes: cumulative incidence over 48 hours of the competing hourly hazards, averaged over the futures of the state
  at the time. `sample_id` is empty outside intensive care. Drawing one study from each stay favours short stays, so
  deaths and discharges are more frequent among drawn studies than their probabilities say; ranks hardly suffer.
- `spans.csv.gz`: note_id and half-open character offsets of each sentence that says something of a concept; polarity;
  whether it was copied forward from an older document of the patient.
- `canaries.csv`: sentences and values that become known only after every possible decision time of their stay. None
  may come out at the other end of anything that predicts.
- `contradictions.csv`: one report affirms, a later one denies: as an addendum, or as the next film's report.

Some films have a second report (SECOND READ) that says the same and is stored later. Values, gaps and what is missing
are calibrated to summary statistics of the MIMIC-IV demo (`calibration.yaml` of the simulator); no record is copied.

Traps on purpose: the report of a study states that study's label; a discharge summary states the outcome.

Proxy attribute, for the audit of fairness: patients insured by Medicaid are exactly as ill as others, but measured
less often (vital signs, laboratory panels, films and cultures at about 60 % of the usual rate).
"""


def write_words(root: Path) -> None:
    """Write the SIMULATED marker and truth/README.md."""
    (root / "SIMULATED").write_text(SIMULATED, encoding="utf-8")
    (root / "truth" / "README.md").write_text(README, encoding="utf-8")


def write_latent(tables: Tables, stay: Admission, studies: list[Study]) -> None:
    """Write the best possible risks at each study of an admission, and 24 h after admission to intensive care.

    Outcomes are written in intensive care alone: earlier admissions are known to have been survived.
    """
    for study in studies:
        for finding, task_id in TASKS.items():
            _row(
                tables,
                stay if study.in_icu else None,
                study.time,
                subject_id=stay.patient.subject_id,
                hadm_id=stay.hadm_id,
                study_id=study.study_id,
                anchor="study",
                task_id=task_id,
                probability=f"{study.probability[finding]:.6f}",
                severity=f"{study.severity[finding]:.4f}",
                outcome=study.label[finding],
            )
        if study.in_icu:
            _outcomes(tables, stay, study.hour, study.time, study.study_id)
    if stay.course.icu_in is not None and stay.course.icu_in + LANDMARK_HOURS < stay.course.end:
        hour = stay.course.icu_in + LANDMARK_HOURS
        _outcomes(tables, stay, hour, stay.at(hour), None)


def _outcomes(tables: Tables, stay: Admission, hour: float, time: datetime, study_id: int | None) -> None:
    at, died = max(0, int(hour)), stay.course.died
    soon = stay.ended <= time + timedelta(hours=HORIZON_HOURS)
    death, home = outlook(stay.course, at)
    for task_id, risk, dimension, outcome in (
        ("mortality_48h", death, ACUITY, soon and died),
        ("los_48h", home, RECOVERY, soon and not died),
    ):
        _row(
            tables,
            stay,
            time,
            subject_id=stay.patient.subject_id,
            hadm_id=stay.hadm_id,
            study_id=study_id,
            anchor="icu_24h" if study_id is None else "study",
            task_id=task_id,
            probability=f"{risk:.6f}",
            severity=f"{stay.course.states[at, dimension]:.4f}",
            outcome=int(outcome),
        )


def _row(tables: Tables, stay: Admission | None, time: datetime, **fields: object) -> None:
    """Write a row; with a ``stay``, under the id of the sample that is decided at ``time``."""
    sample_id = None if stay is None else f"{stay.stay_id}-{time:%Y%m%dT%H%M%S}"
    tables.add("latent", stay_id=stay.stay_id if stay else None, sample_id=sample_id, time=time, **fields)


def write_contradictions(
    tables: Tables, stay: Admission, studies: list[Study], notes: dict[int, tuple[str, datetime]]
) -> None:
    """Write the pairs of consecutive films of which the first report affirms a finding and the next denies it.

    ``notes``: study_id -> note_id and time of its report.
    """
    for earlier, later in pairwise(studies):
        for finding in TASKS:
            if earlier.label[finding] == 1 and later.label[finding] == 0:
                add_contradiction(tables, stay, finding, "next_report", notes[earlier.study_id], notes[later.study_id])


def add_contradiction(
    tables: Tables,
    stay: Admission,
    finding: str,
    kind: str,
    affirmed: tuple[str, datetime],
    denied: tuple[str, datetime],
) -> None:
    """Write one contradiction between two notes, each given by its id and time."""
    tables.add(
        "contradictions",
        subject_id=stay.patient.subject_id,
        hadm_id=stay.hadm_id,
        concept=CONCEPTS[finding],
        kind=kind,
        affirmed_note_id=affirmed[0],
        affirmed_time=affirmed[1],
        denied_note_id=denied[0],
        denied_time=denied[1],
    )
