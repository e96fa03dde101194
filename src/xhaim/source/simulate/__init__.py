"""Patients who do not exist, in the official file layouts, with the truth about them beside.

``simulate`` writes a folder that the MIMIC-IV source reads like the real thing: ``hosp/``, ``icu/``, ``note/``,
``mimic-cxr-jpg/``, ``mimic-iv-ecg/``, and ``truth/`` for evaluation alone.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from xhaim.errors import DataError
from xhaim.ports import Progress, silent
from xhaim.source.simulate.chart import Chart
from xhaim.source.simulate.documents import write_documents, write_old_documents
from xhaim.source.simulate.hospital import write_admission, write_dictionaries, write_patient
from xhaim.source.simulate.images import draw, image_path, save
from xhaim.source.simulate.layout import Tables
from xhaim.source.simulate.patients import Admission, Patient, admission, patient
from xhaim.source.simulate.planted import canary_sentence
from xhaim.source.simulate.studies import Study, plan_studies, write_study
from xhaim.source.simulate.support import write_support
from xhaim.source.simulate.truth import write_latent, write_words
from xhaim.source.simulate.values import write_values
from xhaim.source.simulate.writing import Scribe

MAX_STAYS = 90_000
"""Ids run out above."""
FILMED = 0.88
EARLIER_ADMISSION = 0.4
CANARIES = 0.12
"""Shares of stays with a chest film, of patients with an admission before their first stay, of stays with canaries."""


def simulate(out: Path, *, stays: int = 400, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
    """Write a cohort of ``stays`` intensive-care stays at ``out`` and return counts of what was written.

    The same seed gives the same bytes; a stay is the same whatever the number of stays. Times are naive local times
    of invented years. The folder appears only when it is whole. Raises DataError where ``out`` holds something
    already, or for a number that is not between 1 and 90,000.
    """
    if not 1 <= stays <= MAX_STAYS:
        raise DataError("cannot simulate this many stays", got=stays, expected=f"1 to {MAX_STAYS}")
    if seed < 0:
        raise DataError("a seed must not be negative", got=seed, expected="0 or more")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(
            f"{out} is there already", expected="a folder that does not exist yet", do="name another folder"
        )
    part = out.with_name(f".{out.name}.partial")
    shutil.rmtree(part, ignore_errors=True)
    counts = {"subjects": 0, "stays": 0, "images": 0, "words": 0, "sentences": 0, "copied_sentences": 0}
    with Tables(part) as tables:
        write_dictionaries(tables)
        while counts["stays"] < stays:
            _patient(tables, seed, stays, counts)
            progress(counts["stays"], stays)
    write_words(part)
    if out.exists():
        out.rmdir()
    part.rename(out)
    documents = sum(tables.rows[name] for name in ("radiology", "discharge", "machine_measurements"))
    return {"seed": seed, **counts, "documents": documents, "rows": dict(tables.rows)}


def _stream(seed: int, stay: int, part: int) -> np.random.Generator:
    """Return the random stream of one part of one stay, whatever else is drawn."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stay, part)))


def _patient(tables: Tables, seed: int, stays: int, counts: dict[str, int]) -> None:
    """Write one patient: old documents, perhaps an earlier admission, then each stay until death or the last."""
    first = counts["stays"]
    rng = _stream(seed, first, 0)
    who = patient(counts["subjects"], rng)
    start = datetime(who.anchor_year, 1, 1) + timedelta(days=int(rng.integers(0, 300)))
    chart = Chart(tables, who, Scribe(_stream(seed, first, 1)))
    write_old_documents(chart, start)
    if rng.random() < EARLIER_ADMISSION:
        earlier = admission(who, 20_000_000 + (first + 1) * 10, None, start, rng, mortal=False)
        _write(chart, earlier, [_stream(seed, first, part) for part in range(2, 6)], None, counts)
        start = earlier.ended + timedelta(days=20)
    for stay in range(first, min(first + who.planned_stays, stays)):
        streams = [_stream(seed, stay, part) for part in range(6, 11)]
        hadm_id, stay_id = 20_000_001 + (stay + 1) * 10, 30_000_001 + stay
        last = admission(who, hadm_id, stay_id, start, streams.pop(), mortal=True)
        plant = who.planned_stays == 1 and streams[0].random() < CANARIES
        _write(chart, last, streams, canary_sentence(seed, stay, streams[0]) if plant else None, counts)
        counts["stays"] += 1
        start = last.ended + timedelta(days=25)
        if last.course.died:
            break
    write_patient(tables, who, last)
    counts["subjects"] += 1
    counts["words"] += chart.scribe.words
    counts["sentences"] += chart.scribe.sentences
    counts["copied_sentences"] += chart.scribe.copied


def _write(
    chart: Chart, stay: Admission, streams: list[np.random.Generator], canary: str | None, counts: dict[str, int]
) -> None:
    """Write everything of one admission. ``streams``: of values, studies, images, notes."""
    values, films, pixels, notes = streams
    write_admission(chart.tables, stay, values)
    write_values(chart.tables, stay, values)
    write_support(chart.tables, stay, values)
    studies = plan_studies(stay, stay.stay_id is None or films.random() < FILMED, films)
    for study in studies:
        counts["images"] += _images(chart.tables, stay.patient, study, films, pixels)
    chart.scribe.rng = notes
    write_documents(chart, stay, studies, canary)
    write_latent(chart.tables, stay, studies)


def _images(tables: Tables, who: Patient, study: Study, films: np.random.Generator, pixels: np.random.Generator) -> int:
    views = {view: _dicom_id(study, view) for view in (study.frontal, *(["LATERAL"] if study.lateral else []))}
    write_study(tables, study, who.subject_id, views, films)
    for view, dicom_id in views.items():
        path = tables.root / "mimic-cxr-jpg" / image_path(who.subject_id, study.study_id, dicom_id)
        save(draw(study, who.side, view, pixels), path)
    return len(views)


def _dicom_id(study: Study, view: str) -> str:
    """Return an id in MIMIC-CXR's form: five groups of eight hex digits."""
    digits = hashlib.sha256(f"{study.study_id}-{view}".encode()).hexdigest()
    return "-".join(digits[at : at + 8] for at in range(0, 40, 8))
