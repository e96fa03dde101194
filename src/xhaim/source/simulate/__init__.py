"""Patients who do not exist, in the official file layouts, with the truth about them beside.

``simulate`` writes a folder that the MIMIC-IV source reads like the real thing: ``hosp/``, ``icu/``, ``note/``,
``mimic-cxr-jpg/``, ``mimic-iv-ecg/``, and ``truth/`` for evaluation alone. Stays are drawn in blocks that know nothing
of each other (``blocks.py``), so that memory is bounded and several processes write the same bytes as one.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xhaim.errors import DataError
from xhaim.ports import Progress, silent
from xhaim.source.simulate.blocks import STAYS_PER_BLOCK, Block, write_blocks
from xhaim.source.simulate.chart import Chart
from xhaim.source.simulate.charting import write_values
from xhaim.source.simulate.documents import write_documents, write_old_documents
from xhaim.source.simulate.hospital import write_admission, write_dictionaries, write_patient
from xhaim.source.simulate.images import draw, image_path, save
from xhaim.source.simulate.layout import Tables
from xhaim.source.simulate.patients import Admission, Patient, admission, patient
from xhaim.source.simulate.planted import canary_sentence
from xhaim.source.simulate.studies import Study, plan_studies, write_study
from xhaim.source.simulate.support import write_support
from xhaim.source.simulate.truth import write_latent, write_words
from xhaim.source.simulate.writing import Scribe

MAX_STAYS = 90_000
"""Ids run out above."""
FILMED = 0.88
EARLIER_ADMISSION = 0.4
CANARIES = 0.12
"""Shares of stays with a chest film, of patients with an admission before their first stay, of stays with canaries."""


def simulate(
    out: Path, *, stays: int = 400, seed: int = 0, images: bool = True, workers: int = 1, progress: Progress = silent
) -> dict[str, Any]:
    """Write a cohort of ``stays`` intensive-care stays at ``out`` and return counts of what was written.

    The same seed gives the same bytes, whatever ``workers`` (processes); a stay is the same whatever the number of
    stays. Without ``images`` everything is written but the JPGs. Times are naive local times of invented years. The
    folder appears only when it is whole. Memory: about 150 MB for each process, whatever the number of stays.
    Raises DataError where ``out`` holds something already, or for a number that is not between 1 and 90,000.
    """
    if not 1 <= stays <= MAX_STAYS:
        raise DataError("cannot simulate this many stays", got=stays, expected=f"1 to {MAX_STAYS}")
    if seed < 0 or workers < 1:
        raise DataError(
            "a seed must not be negative, and somebody must do the work",
            got=f"seed {seed}, workers {workers}",
            expected="0 or more, 1 or more",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(
            f"{out} is there already", expected="a folder that does not exist yet", do="name another folder"
        )
    part = out.with_name(f".{out.name}.partial")
    shutil.rmtree(part, ignore_errors=True)
    told = write_blocks(part, partial(write_block, part, seed, images, stays), stays, workers, progress)
    write_words(part)
    if out.exists():
        out.rmdir()
    part.rename(out)
    documents = sum(told["rows"][name] for name in ("radiology", "discharge", "machine_measurements"))
    return {"seed": seed, **told, "documents": documents}


def write_block(root: Path, seed: int, images: bool, stays: int, block: int) -> Block:
    """Draw one block of stays; write its images below ``root`` and return its rows."""
    tables = Tables(root, block)
    counts = {"subjects": 0, "stays": 0, "images": 0, "words": 0, "sentences": 0, "copied_sentences": 0}
    if block == 0:
        write_dictionaries(tables)
    first, end = block * STAYS_PER_BLOCK, min((block + 1) * STAYS_PER_BLOCK, stays)
    while first + counts["stays"] < end:
        _patient(tables, seed, first + counts["stays"], end, counts, images=images)
    return Block(tables.packed(), tables.rows, counts)


def _stream(seed: int, stay: int, part: int) -> np.random.Generator:
    """Return the random stream of one part of one stay, whatever else is drawn."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stay, part)))


def _patient(tables: Tables, seed: int, first: int, end: int, counts: dict[str, int], *, images: bool) -> None:
    """Write the patient whose first stay has this number.

    Old documents, perhaps an earlier admission, then each stay until death, the last, or the end of the block.
    """
    rng = _stream(seed, first, 0)
    who = patient(first, rng)
    start = datetime(who.anchor_year, 1, 1) + timedelta(days=int(rng.integers(0, 300)))
    chart = Chart(tables, who, Scribe(_stream(seed, first, 1)))
    write_old_documents(chart, start)
    if rng.random() < EARLIER_ADMISSION:
        earlier = admission(who, 20_000_000 + (first + 1) * 10, None, start, rng, mortal=False)
        counts["images"] += _write(chart, earlier, [_stream(seed, first, part) for part in range(2, 6)], None, images)
        start = earlier.ended + timedelta(days=20)
    for stay in range(first, min(first + who.planned_stays, end)):
        streams = [_stream(seed, stay, part) for part in range(6, 11)]
        hadm_id, stay_id = 20_000_001 + (stay + 1) * 10, 30_000_001 + stay
        last = admission(who, hadm_id, stay_id, start, streams.pop(), mortal=True)
        plant = who.planned_stays == 1 and streams[0].random() < CANARIES
        canary = canary_sentence(seed, stay, streams[0]) if plant else None
        counts["images"] += _write(chart, last, streams, canary, images)
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
    chart: Chart,
    stay: Admission,
    streams: list[np.random.Generator],
    canary: str | None,
    drawn: bool,
) -> int:
    """Write everything of one admission; return how many images. ``streams``: of values, studies, images, notes."""
    values, films, pixels, notes = streams
    write_admission(chart.tables, stay, values)
    write_values(chart.tables, stay, values)
    write_support(chart.tables, stay, values)
    studies = plan_studies(stay, stay.stay_id is None or films.random() < FILMED, films)
    shown = sum(_images(chart.tables, stay.patient, study, films, pixels if drawn else None) for study in studies)
    chart.scribe.rng = notes
    write_documents(chart, stay, studies, canary)
    write_latent(chart.tables, stay, studies)
    return shown


def _images(
    tables: Tables, who: Patient, study: Study, films: np.random.Generator, pixels: np.random.Generator | None
) -> int:
    views = {view: _dicom_id(study, view) for view in (study.frontal, *(["LATERAL"] if study.lateral else []))}
    write_study(tables, study, who.subject_id, views, films)
    if pixels is None:
        return 0
    for view, dicom_id in views.items():
        path = tables.root / "mimic-cxr-jpg" / image_path(who.subject_id, study.study_id, dicom_id)
        save(draw(study, who.side, view, pixels), path)
    return len(views)


def _dicom_id(study: Study, view: str) -> str:
    """Return an id in MIMIC-CXR's form: five groups of eight hex digits."""
    digits = hashlib.sha256(f"{study.study_id}-{view}".encode()).hexdigest()
    return "-".join(digits[at : at + 8] for at in range(0, 40, 8))
