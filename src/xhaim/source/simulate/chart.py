"""A patient's chart: where documents are written, with their details and the truth of their sentences."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from xhaim.source.simulate.charting import DIRT
from xhaim.source.simulate.latent import Array
from xhaim.source.simulate.layout import Tables
from xhaim.source.simulate.patients import Admission, Patient, pick
from xhaim.source.simulate.radiology import chest_report, other_report, second_read
from xhaim.source.simulate.studies import Study, finding_state, report_delay
from xhaim.source.simulate.writing import Scribe, Sentence, Span, expand, phrases

EXAM_CODES = {"CHEST (PORTABLE AP)": "C13", "CHEST (PA AND LAT)": "C10"}


@dataclass(slots=True)
class Chart:
    """Where a patient's documents go."""

    tables: Tables
    who: Patient
    scribe: Scribe
    written: dict[str, int] = field(default_factory=lambda: {"RR": 0, "DS": 0})

    def note(
        self,
        kind: str,
        sentences: list[Sentence],
        when: datetime,
        stored: datetime | None,
        hadm_id: int | None,
        details: dict[str, str],
    ) -> str:
        """Write a note with its details and the truth of its spans; return its id."""
        counter = "DS" if kind == "DS" else "RR"
        self.written[counter] += 1
        sequence = self.written[counter]
        note_id = f"{self.who.subject_id}-{kind}-{sequence}"
        text, spans = self.scribe.finish(sentences)
        table = "discharge" if kind == "DS" else "radiology"
        self.tables.add(
            table,
            note_id=note_id,
            subject_id=self.who.subject_id,
            hadm_id=hadm_id,
            note_type=kind,
            note_seq=sequence,
            charttime=when,
            storetime=stored,
            text=text,
        )
        for name, value in details.items():
            self.tables.add(
                f"{table}_detail",
                note_id=note_id,
                subject_id=self.who.subject_id,
                field_name=name,
                field_value=value,
                field_ordinal=1,
            )
        self._spans(note_id, spans)
        return note_id

    def _spans(self, note_id: str, spans: list[Span]) -> None:
        for span in spans:
            self.tables.add(
                "spans",
                note_id=note_id,
                start=span.start,
                end=span.end,
                concept=span.concept,
                polarity=span.polarity,
                is_copy=int(span.is_copy),
            )

    def film(self, study: Study, state: Array, hadm_id: int | None) -> str:
        """Write the report of a chest film; return its note id."""
        sentences = chest_report(self.scribe, study, state, self.who.age, self.who.side, inpatient=hadm_id is not None)
        details = {"exam_code": EXAM_CODES[study.exam], "exam_name": study.exam}
        when = study.time.replace(second=0)
        return self.note("RR", sentences, when, _stored(when, self.scribe.rng), hadm_id, details)

    def again(self, study: Study, hadm_id: int | None) -> None:
        """Write a second report of a chest film, stored after the first."""
        details = {"exam_code": EXAM_CODES[study.exam], "exam_name": study.exam}
        when = study.time.replace(second=0)
        stored = when + report_delay(self.scribe.rng) + timedelta(hours=8)
        self.note("RR", second_read(self.scribe, study, self.who.side), when, stored, hadm_id, details)

    def other(self, exam: str, when: datetime, state: Array, hadm_id: int | None) -> None:
        """Write the report of another examination."""
        sentences = other_report(self.scribe, exam, state, self.who.age, self.who.side, inpatient=hadm_id is not None)
        details = {"exam_code": str(phrases()["exams"][exam]["code"]), "exam_name": exam}
        self.note("RR", sentences, when, _stored(when, self.scribe.rng), hadm_id, details)

    def electrocardiogram(self, stay: Admission, hour: float, number: int) -> None:
        """Write the machine's lines of an electrocardiogram."""
        rng, book, state = self.scribe.rng, phrases()["ecg"], stay.state(hour)
        fibrillates = "fibrillation" in self.who.conditions and rng.random() < 0.7
        lines = ["Atrial fibrillation" if fibrillates else pick(rng, book["rhythm"])]
        for part, finding in (("heart", "cardiomegaly"), ("fluid", "effusion")):
            if finding_state(state, finding) + 0.8 * float(rng.standard_normal()) > 1.2:
                lines.append(pick(rng, book[part]))
        lines += [expand(pick(rng, book["filler"]), rng) for _ in range(int(rng.random() * 3))]
        lines.append("Abnormal ECG" if len(lines) > 2 else "Borderline ECG" if len(lines) > 1 else "Normal ECG")
        rate = float(np.clip(rng.normal(88, 16), 45, 170))
        self.tables.add(
            "machine_measurements",
            subject_id=self.who.subject_id,
            study_id=40_000_000 + stay.hadm_id % 10_000_000 * 10 // 2 + number,
            cart_id=6_000_000 + int(rng.integers(0, 100)),
            ecg_time=stay.at(hour),
            bandwidth="0.005-150 Hz",
            filtering="60 Hz notch Baseline filter",
            rr_interval=round(60000 / rate),
            p_onset=40,
            p_end=150,
            qrs_onset=200,
            qrs_end=294 + int(rng.integers(0, 30)),
            t_end=590 + int(rng.integers(0, 40)),
            p_axis=int(rng.integers(20, 80)),
            qrs_axis=int(rng.integers(-40, 90)),
            t_axis=int(rng.integers(0, 120)),
            **{f"report_{at}": line for at, line in enumerate(lines)},
        )


def _stored(when: datetime, rng: np.random.Generator) -> datetime | None:
    """Return when a report is stored; a few have lost it."""
    return None if rng.random() < 2 * DIRT else when.replace(second=0) + report_delay(rng)
