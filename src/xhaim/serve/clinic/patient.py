"""A patient's page: one sample and task, the explanation and the sources that it cites."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import polars as pl

from xhaim.evaluate.grids import POLICY_WORDS
from xhaim.evaluate.page import ExplanationView, SampleView, samples
from xhaim.evaluate.sources import Sources, chunk_place, sources
from xhaim.evaluate.wording import before, moment, percent
from xhaim.records import Record
from xhaim.serve.arrivals.view import Arrived
from xhaim.serve.clinic.arrived import ArrivedView, arrived_view
from xhaim.serve.clinic.place import Place, address_of
from xhaim.serve.clinic.risk import RiskView, risk_view
from xhaim.serve.clinic.warm import Told
from xhaim.task import Task

PREFIX = "s1"
"""Begins the id of every element that is a source."""


@dataclass(frozen=True, slots=True)
class Tab:
    """Another task of the same sample."""

    address: str
    title: str
    risk: str
    current: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A document of the record, as the list names it."""

    number: int
    """Place in the record."""
    title: str
    when: str
    use: str
    """``cited [1] [3]``, ``read by the model``, or ``known, not retrieved``."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of the record."""

    number: int
    title: str
    when: str
    before: str
    anchor: str
    """Element id; of one that nothing cites, its place in the record."""
    cited: bool
    index: bool
    """The index image, an input of the model."""


@dataclass(frozen=True, slots=True)
class PatientView:
    """Everything on the page."""

    name: str
    who: str
    when: str
    facts: tuple[tuple[str, str], ...]
    tabs: tuple[Tab, ...]
    arrived: ArrivedView | None
    """``None`` for a patient of the run's own."""
    question: str
    policy: str
    risk: RiskView
    explanation: ExplanationView | None
    sources: Sources
    documents: tuple[Listed, ...]
    pictures: tuple[Picture, ...]
    whole: dict[str, int]
    """Anchor of a shown document -> its place in the record, where the whole of it can be opened."""


def patient_view(place: Place, told: Told | None) -> PatientView:
    """Return the page of a sample; without an explanation its risk and its record."""
    run, task, sample = place.run, place.task, place.sample
    record = run.record(task, sample)
    seen = _shown(place, record, told) if told is not None else None
    risk = risk_view(run, task, sample, told.explanation if told is not None else None)
    found = seen.sources if seen is not None else sources(record, (), (), PREFIX)
    numbers = {document.doc_id: number for number, document in enumerate(record.documents)}
    places = {(key[1]): anchor for key, anchor in found.anchors.items() if key[0] == "span"}
    return PatientView(
        name=place.name,
        who=_who(record),
        when=moment(sample.prediction_time),
        facts=_facts(record),
        tabs=tuple(_tab(place, one) for one in run.tasks),
        arrived=arrived_view(place),
        question=task.question,
        policy=POLICY_WORDS[run.manifest["report_policy"][task.id]],
        risk=risk,
        explanation=seen.explanations[0] if seen is not None else None,
        sources=found,
        documents=_listed(place, record, told),
        pictures=_pictures(record, found),
        whole={
            view.anchor: numbers[doc_id]
            for doc_id, anchor in places.items()
            for view in found.documents
            if anchor.startswith(f"{view.anchor}-")
        },
    )


def _shown(place: Place, record: Record, told: Told) -> SampleView:
    sample_id = place.sample.sample_id
    written = {(sample_id, place.task.id): told.summaries}
    return samples(place.run.header, [place.task], [told.explanation], {sample_id: record}, written)[0]


def _who(record: Record) -> str:
    """Say age and sex, as far as they are recorded."""
    age, sex = record.static.get("age, years"), record.static.get("sex")
    words = {"F": "woman", "M": "man"}.get(str(sex), "patient")
    return f"{int(age)}-year-old {words}" if isinstance(age, float) else words.capitalize()


def _facts(record: Record) -> tuple[tuple[str, str], ...]:
    told = []
    for name, value in sorted(record.static.items()):
        if value is None or name in {"age, years", "sex"}:
            continue
        told.append((name, f"{value:.0f}" if isinstance(value, float) else str(value).capitalize()))
    return tuple(told)


def _tab(place: Place, task: Task) -> Tab:
    """Return the way to another task: of a patient who arrived, to its newest risk."""
    run, name = place.run, place.sample.sample_id
    current = task.id == place.task.id
    if isinstance(run, Arrived) and not current:
        newest = run.newest(task.id)
        if newest is None:
            return Tab(f"/arrivals/{run.key}?sent=true&task={quote(task.id)}", task.title, "no risk", current)
        name = newest.sample.sample_id
    mine = run.predictions.filter((pl.col("sample_id") == name) & (pl.col("task_id") == task.id))
    risk = percent(mine["risk"][0]) if mine.height else "none stored"
    return Tab(address_of(name, task.id), task.title, risk, current)


def _listed(place: Place, record: Record, told: Told | None) -> tuple[Listed, ...]:
    """Return the record's documents, the newest first, and what was made of each."""
    cited: dict[str, list[int]] = {}
    for one in told.explanation.citations if told is not None else ():
        if one.kind == "span":
            cited.setdefault(one.source_id, []).append(one.marker)
    evidence = told.evidence if told is not None else place.run.evidence(place.task, place.sample)
    ids = [one for item in evidence for one in item.chunks]
    chunks = {name for one in ids for name in (one.chunk.chunk_id, *one.also_in)}
    read = {found[0] for name in chunks if (found := chunk_place(name))}
    listed = []
    for number, document in enumerate(record.documents):
        marks = "".join(f" [{marker}]" for marker in sorted(cited.get(document.doc_id, [])))
        use = f"cited{marks}" if marks else "read by the model" if document.doc_id in read else "known, not retrieved"
        listed.append(Listed(number, document.title, moment(document.time), use))
    return tuple(reversed(listed))


def _pictures(record: Record, found: Sources) -> tuple[Picture, ...]:
    pictures = []
    for number, image in enumerate(record.images):
        anchor = found.anchors.get(("image", image.image_id, None, None))
        picture = Picture(
            number,
            f"Chest X-ray ({image.view})" if image.view else "Chest X-ray",
            moment(image.time),
            before(image.time, record.sample.prediction_time),
            anchor or f"{PREFIX}-p{number}",
            anchor is not None,
            image.image_id == record.sample.index_image_id,
        )
        pictures.append(picture)
    return tuple(sorted(pictures, key=lambda one: (not one.cited, -one.number)))
