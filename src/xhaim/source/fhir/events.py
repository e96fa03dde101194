"""What every kind of FHIR resource becomes: events, or a reason why none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypedDict

from xhaim.source.fhir.names import Name, name_of, reference
from xhaim.source.fhir.pictures import Picture, Shelf
from xhaim.source.fhir.times import Clock, Moment
from xhaim.source.fhir.unused import NotUsedError, SetAsideError
from xhaim.source.fhir.values import Json, at


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
class Films:
    """The pictures that resources carry, and of which study each is."""

    shelf: Shelf | None = None
    studies: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name of what carries it -> ``pictures.key_of`` -> name of its study: ``ImagingStudy/7``, ``urn:oid:…``, a report,
    or what carries it."""
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    """Imaging study and UID of an image that it lists -> file name in ``images/``."""
    told: set[tuple[str, str]] = field(default_factory=set)
    """Carrier and key of these: their study tells them."""
    pictured: set[str] = field(default_factory=set)
    """Studies of pictures that no study lists by UID."""
    about: dict[str, tuple[str | None, Json]] = field(default_factory=dict)
    """Imaging study of chest films -> its view, where it has one alone, and when it was started, in words."""

    def of(self, attachment: dict[str, Any]) -> Picture:
        """Return the picture of an attachment. Raises SetAsideError, or NotUsedError: no film."""
        assert self.shelf is not None  # noqa: S101  (the first pass has seen every attachment)
        return self.shelf.get(attachment)


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
    films: Films = field(default_factory=Films)

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

    def whose(self, about: dict[str, Any], base: str | None) -> int | None:
        """Return the subject's number; ``None`` where there is none."""
        try:
            return self.subject(about, base)
        except SetAsideError:
            return None

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
