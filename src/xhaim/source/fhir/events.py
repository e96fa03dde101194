"""What every kind of FHIR resource becomes: events, or a reason why none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict

from xhaim.source.fhir.names import Name, name_of, reference
from xhaim.source.fhir.times import Clock, Moment, Period
from xhaim.source.fhir.values import Json, at


class SetAsideError(Exception):
    """A resource that cannot be used; the reason goes into the quarantine and holds none of its values."""


class NotUsedError(Exception):
    """A good resource of which no event is made; the reason is counted."""


class Event(TypedDict, total=False):
    """One row of the store, without what is the same for all events of a resource."""

    code: str
    time: datetime | None
    known_at: datetime | None
    numeric_value: float | None
    text_value: str | None
    unit: str | None
    title: str | None
    study_id: int | None
    image_path: str | None
    source: str
    hadm_id: int | None
    stay_id: int | None
    display: str | None
    """Of the code: goes into codes.parquet."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an encounter belongs."""

    subject: int
    hadm_id: int | None
    stay_id: int | None
    end: datetime | None
    """The end of its hospital admission, or its own, as late as the words allow."""


@dataclass(frozen=True, slots=True)
class Here:
    """What is known of one resource beside its content."""

    name: str
    url: str
    place: Place | None
    """Of the encounter that it names."""
    subject: int
    updated: Moment | None
    """meta.lastUpdated."""


class Span(NamedTuple):
    """An admission of a subject."""

    start: datetime
    end: datetime | None
    """As late as the words allow."""
    hadm_id: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the first pass learned, by name (``Patient/7``): small, and only numbers for each subject."""

    clock: Clock
    subjects: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """The number, and the server of the resource where one is named."""
    places: dict[str, Place] = field(default_factory=dict)
    admissions: dict[int, list[Span]] = field(default_factory=dict)
    """Of each subject."""
    studies: dict[str, int] = field(default_factory=dict)
    medications: dict[str, Json] = field(default_factory=dict)
    """Concepts of Medication resources."""
    same: dict[str, str] = field(default_factory=dict)
    """``urn:uuid:…`` of a bundle -> the name by id."""
    images: dict[str, str] = field(default_factory=dict)
    """SOP instance UID -> file name in ``images/``."""

    def subject(self, resource: dict[str, Any], base: str | None) -> int:
        """Return the subject's number. Raises SetAsideError where there is none."""
        value = resource.get("subject", resource.get("patient"))
        words = reference(value)
        if words is None:
            raise SetAsideError("subject: missing, or not a literal reference")
        if words.startswith("#"):
            raise SetAsideError("subject: contained, not a Patient of its own")
        name = self.name(words)
        found = self.subjects.get(name.name) if name else None
        if name is None or found is None:
            raise SetAsideError("subject: not among the patients")
        server = name.base or base
        if server and found[1] and server != found[1]:
            raise SetAsideError("subject: a patient of another server")
        return found[0]

    def place(self, resource: dict[str, Any], subject: int) -> Place | None:
        """Return where the encounter that a resource names belongs, if it is the same subject's."""
        for value in (at(resource, "encounter"), at(resource, "context"), at(resource, "context", "encounter")):
            name = self.name(reference(value))
            found = self.places.get(name.name) if name else None
            if found and found.subject == subject:
                return found
        return None

    def name(self, words: str | None) -> Name | None:
        """Return the name in a reference; an urn as the name by id where the resource has one."""
        name = name_of(words)
        return Name(self.same[name.name]) if name and name.name in self.same else name


def needed(moment: Moment | None, where: str) -> Moment:
    """Return a time that must be there. Raises SetAsideError."""
    if moment is None:
        raise SetAsideError(f"{where}: missing, or not a date or time")
    return moment


def refuse(resource: dict[str, Any], *statuses: str, key: str = "status") -> None:
    """Leave out a resource of these statuses. Raises NotUsedError."""
    status = resource.get(key)
    if isinstance(status, str) and status in statuses:
        raise NotUsedError(f"{key}: {status}")


CHANGED = ("amended", "corrected", "appended")
"""What ``status`` or ``docStatus`` says of a resource that was changed after it was first seen."""


def changed(resource: dict[str, Any], here: Here, events: list[Event]) -> list[Event]:
    """Date what was changed after its first issue: its dates may still be those of the first version.

    Raises SetAsideError where nothing says when it was changed.
    """
    if not any(isinstance(word := resource.get(key), str) and word in CHANGED for key in ("status", "docStatus")):
        return events
    if here.updated is None:
        raise SetAsideError("status: changed after its first issue, and no meta.lastUpdated says when")
    since = here.updated.known
    return [{**event, "known_at": max(event.get("known_at") or since, since)} for event in events]


def happened(resource: dict[str, Any], what: str, clock: Clock, here: Here) -> tuple[Moment, datetime, Period | None]:
    """Return when something of ``what``DateTime, ``what``Instant or ``what``Period began and when it was over.

    A period without an end is over when its admission is. Raises SetAsideError where that is not known either.
    """
    for kind in ("DateTime", "Instant"):
        if moment := clock.moment(resource.get(f"{what}{kind}")):
            return moment, moment.known, None
    period = clock.period(resource.get(f"{what}Period"))
    start = needed(period.start or period.end, what)
    if period.end:
        return start, max(start.known, period.end.known), period
    if here.place is None or here.place.end is None:
        raise SetAsideError(f"{what}Period.end: missing, and no end of an encounter")
    return start, max(start.known, here.place.end), period


def minutes(period: Period | None) -> float | None:
    """Return how long a period with two exact ends lasted."""
    if period is None or period.start is None or period.end is None or not (period.start.exact and period.end.exact):
        return None
    lasted = period.end.first - period.start.first
    return lasted / timedelta(minutes=1) if lasted >= timedelta(0) else None
