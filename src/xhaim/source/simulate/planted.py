"""Faults planted on purpose: an addendum that takes a finding back, and canaries that nobody may know in time."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from xhaim.source.simulate.chart import EXAM_CODES, Chart
from xhaim.source.simulate.items import ITEMS
from xhaim.source.simulate.patients import Admission, pick
from xhaim.source.simulate.radiology import addendum
from xhaim.source.simulate.studies import TASKS, Study
from xhaim.source.simulate.truth import LANDMARK_HOURS, add_contradiction
from xhaim.source.simulate.writing import Sentence

CANARY_LACTATE = 37.77
"""No other lactate has two decimals; within the signal's bounds, or its range check alone would hide it."""

_LACTATE = ITEMS["lactate"]
_CANARY_WORDS = ("zeppelin", "marzipan", "accordion", "gondola", "tambourine", "trombone")


def plant_addendum(chart: Chart, stay: Admission, studies: list[Study], notes: dict[int, tuple[str, datetime]]) -> None:
    """Write an addendum that denies a finding which its parent, drawn among the films, affirms."""
    study = pick(chart.scribe.rng, studies)
    affirmed = [finding for finding in TASKS if study.label[finding] == 1]
    if not affirmed:
        return
    finding, parent = pick(chart.scribe.rng, affirmed), notes[study.study_id]
    when = study.time.replace(second=0) + timedelta(hours=int(6 + chart.scribe.rng.random() * 6))
    sentences = addendum(chart.scribe, finding, chart.who.side, when)
    details = {"exam_code": EXAM_CODES[study.exam], "exam_name": study.exam, "parent_note_id": parent[0]}
    note_id = chart.note("AR", sentences, when, when + timedelta(minutes=20), stay.hadm_id, details)
    add_contradiction(chart.tables, stay, finding, "addendum", parent, (note_id, when))


def canary_sentence(seed: int, stay: int, rng: np.random.Generator) -> str:
    """Return a sentence that no clinician writes and no other store holds."""
    return f"The {pick(rng, _CANARY_WORDS)} {seed:04d} of canary {stay:05d} sings to the purple staircase."


def plant_canaries(chart: Chart, stay: Admission, studies: list[Study], sentence: str, *, in_summary: bool) -> None:
    """Plant a laboratory value drawn early and known late; and a note read late, unless the summary has one."""
    if stay.icu is None:
        return
    known = max([stay.icu[0] + timedelta(hours=LANDMARK_HOURS), *(study.time for study in studies)]).replace(second=0)
    drawn, known = stay.icu[0].replace(second=0) + timedelta(hours=1), known + timedelta(hours=2)
    number = chart.tables.number("labevents")
    chart.tables.add(
        "labevents",
        labevent_id=number,
        subject_id=chart.who.subject_id,
        hadm_id=stay.hadm_id,
        itemid=_LACTATE.itemid,
        charttime=drawn,
        storetime=known,
        value=f"{CANARY_LACTATE}",
        valuenum=CANARY_LACTATE,
        valueuom=_LACTATE.unit,
        flag="abnormal",
        priority="STAT",
    )
    source = f"hosp/labevents#{number}"
    canary_row(chart, stay, "value", source, f"{CANARY_LACTATE}", known)
    if not in_summary:
        body = [Sentence("EXAMINATION: PORTABLE ABDOMEN.", lead="\n"), Sentence(sentence, lead="\nFINDINGS: ")]
        details = {"exam_code": "X41", "exam_name": "PORTABLE ABDOMEN"}
        note_id = chart.note("RR", body, drawn, known, stay.hadm_id, details)
        canary_row(chart, stay, "sentence", f"note/radiology#{note_id}", sentence, known)


def canary_row(chart: Chart, stay: Admission, kind: str, source: str, value: str, known: datetime) -> None:
    """Write down a canary and when it can first be known."""
    chart.tables.add(
        "canaries",
        kind=kind,
        subject_id=chart.who.subject_id,
        hadm_id=stay.hadm_id,
        stay_id=stay.stay_id,
        source=source,
        value=value,
        known_at=known,
    )
