"""A patient's documents in the order in which they were written, so that later ones can copy from earlier ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial

import numpy as np

from xhaim.source.simulate.chart import Chart
from xhaim.source.simulate.latent import Array
from xhaim.source.simulate.patients import Admission, pick
from xhaim.source.simulate.planted import canary_row, plant_addendum, plant_canaries
from xhaim.source.simulate.radiology import ELSEWHERE
from xhaim.source.simulate.studies import CENTRES, Study, draw_label, finding_risk, finding_state
from xhaim.source.simulate.summaries import discharge_summary
from xhaim.source.simulate.truth import write_contradictions
from xhaim.source.simulate.writing import STYLES, Reader, Sentence

MAX_OLD_DOCUMENTS = 300
SECOND_READS = 0.06
NO_SUMMARY = 0.04
"""Shares of films and of admissions."""
ADDENDA = 0.12
"""Share of stays with a planted addendum."""


def write_old_documents(chart: Chart, before: datetime) -> None:
    """Write a heavy-tailed number of reports from the years before the first admission."""
    rng = chart.scribe.rng
    count = min(int(rng.lognormal(math.log(2.0), 1.6)), MAX_OLD_DOCUMENTS)
    days = np.sort(rng.uniform(15, 1000, count))[::-1]
    for day in days:
        when = before - timedelta(minutes=round(float(day) * 1440))
        state = chart.who.base + rng.normal(0.0, 0.6, len(chart.who.base))
        chart.scribe.sit(chart.who.site)
        if rng.random() < 0.3:
            film = _film_without_image(when, state, rng)
            chart.film(film, state, None)
        else:
            chart.other(pick(rng, ELSEWHERE), when, state, None)


def _film_without_image(when: datetime, state: Array, rng: np.random.Generator) -> Study:
    severity = {finding: finding_state(state, finding) for finding in CENTRES}
    risk = {finding: finding_risk(finding, value) for finding, value in severity.items()}
    label = {finding: draw_label(value, rng) for finding, value in risk.items()}
    return Study(0, 0.0, when, False, severity, risk, label, "PA", True, False)


def write_documents(chart: Chart, stay: Admission, studies: list[Study], canary: str | None) -> None:
    """Write an admission's reports, electrocardiograms and discharge summary in order of time.

    ``canary``: a nonsense sentence to be planted where it is known only after every decision time.
    """
    rng = chart.scribe.rng
    notes: dict[int, tuple[str, datetime]] = {}
    drafts: list[tuple[datetime, int, Callable[[], object]]] = []
    for study in studies:
        drafts.append((study.time, len(drafts), partial(_film, chart, stay, study, notes)))
    for exam, hour in _other_exams(stay, studies, rng):
        when = stay.at(hour).replace(second=0)
        drafts.append((when, len(drafts), partial(chart.other, exam, when, stay.state(hour), stay.hadm_id)))
    for number in range(int(rng.random() * 3.4)):
        hour = rng.random() * 30 - 1 if number else rng.random() * 2 - 1
        if hour < stay.course.end:
            drafts.append((stay.at(hour), len(drafts), partial(chart.electrocardiogram, stay, hour, number)))
    for _, _, write in sorted(drafts, key=lambda draft: draft[:2]):
        chart.scribe.sit(chart.who.site)
        write()
    if studies and rng.random() < ADDENDA:
        plant_addendum(chart, stay, studies, notes)
    write_contradictions(chart.tables, stay, studies, notes)
    in_summary = canary is not None and rng.random() < 0.5
    if canary is not None:
        plant_canaries(chart, stay, studies, canary, in_summary=in_summary)
    if in_summary or rng.random() > NO_SUMMARY:
        _summary(chart, stay, studies, canary if in_summary else None)


def _film(chart: Chart, stay: Admission, study: Study, notes: dict[int, tuple[str, datetime]]) -> None:
    """Write a film's report and note under which id."""
    notes[study.study_id] = (chart.film(study, stay.state(study.hour), stay.hadm_id), study.time.replace(second=0))
    if chart.scribe.rng.random() < SECOND_READS:
        chart.again(study, stay.hadm_id)


def _other_exams(stay: Admission, studies: list[Study], rng: np.random.Generator) -> list[tuple[str, float]]:
    """Draw other examinations, none within half an hour of a chest film (whose report it could be taken for)."""
    planned = []
    for _ in range(int(rng.poisson(1.5))):
        hour = rng.random() * min(60, stay.course.end)
        exam = ELSEWHERE[0] if stay.reason == "neurologic" and rng.random() < 0.6 else pick(rng, ELSEWHERE)
        if all(abs(study.hour - hour) > 0.5 for study in studies):
            planned.append((exam, hour))
    return planned


def _summary(chart: Chart, stay: Admission, studies: list[Study], canary: str | None) -> None:
    """Write the discharge summary: its charttime is the day of discharge, it is stored later."""
    chart.scribe.reader = Reader(pick(chart.scribe.rng, STYLES))
    sentences = discharge_summary(chart.scribe, stay, studies)
    if canary is not None:
        sentences.append(Sentence(canary))
    stored = stay.ended.replace(second=0) + timedelta(hours=int(6 + 60 * chart.scribe.rng.random()))
    day = datetime.combine(stay.ended.date(), time())
    note_id = chart.note("DS", sentences, day, stored, stay.hadm_id, {"author": "___"})
    if canary is not None:
        canary_row(chart, stay, "sentence", f"note/discharge#{note_id}", canary, stored)
