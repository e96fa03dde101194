"""The first pass: who there is, when they were in hospital, and what else other resources refer to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from xhaim import events as ev
from xhaim.source.account import Outcome
from xhaim.source.fhir.admissions import Admissions, as_begun
from xhaim.source.fhir.books import Book, Found
from xhaim.source.fhir.events import Known
from xhaim.source.fhir.films import Filming
from xhaim.source.fhir.names import Name
from xhaim.source.fhir.people import Person, read_person
from xhaim.source.fhir.pictures import Shelf
from xhaim.source.fhir.times import Clock
from xhaim.source.fhir.unused import NotUsedError, SetAsideError
from xhaim.source.fhir.values import at, each, words
from xhaim.source.fhir.visits import is_icu, read_visit
from xhaim.source.identity import numbers_of

CORE = ("Patient", "Encounter", "Location", "Medication")
"""Resources that the first pass reads; all others wait for the second."""


@dataclass(frozen=True, slots=True)
class Core:
    """What the first pass gives."""

    known: Known
    subjects: pl.Series
    """Int64, ascending."""
    outcomes: tuple[Outcome, ...]
    ids: pl.DataFrame
    """``kind``, ``number``, ``id``: how to go back from the store's numbers."""
    stays: int
    servers: tuple[str, ...]


class Gathering:
    """Resources of ``CORE`` as they come, in any order; and the names that others have."""

    def __init__(self, clock: Clock, images: dict[str, str], shelf: Shelf) -> None:
        self._clock, self._images, self._filming = clock, images, Filming(shelf)
        self._found: dict[str, dict[str, list[Found]]] = {kind: {} for kind in CORE}
        self._same: dict[str, str] = {}
        self._studies: set[str] = set()

    def meet(self, kind: str, name: Name | None, urn: str | None, resource: dict[str, Any]) -> None:
        """Remember what a resource is called, and what it says of films."""
        if name and urn and urn != name.name:
            self._same[urn] = name.name
        if name and kind == "ImagingStudy":
            self._studies.add(name.name)
        self._filming.see(kind, name, resource)

    def add(self, kind: str, name: str, found: Found, resource: dict[str, Any]) -> None:
        """Read a resource of ``CORE``."""
        content: Any
        try:
            content = self._read(kind, resource)
        except (SetAsideError, NotUsedError) as error:
            content = error
        about = {key: resource[key] for key in ("subject", "patient") if key in resource}
        self._found[kind].setdefault(name, []).append(found._replace(content=content, about=about))

    def _read(self, kind: str, resource: dict[str, Any]) -> Any:  # noqa: ANN401
        if kind == "Patient":
            return read_person(resource, self._clock)
        if kind == "Encounter":
            return read_visit(resource, self._clock)
        if kind == "Medication":
            return resource.get("code")
        name = words(resource.get("name"))
        return (name or "ICU") if is_icu(at(resource, "physicalType"), *each(resource, "type"), name) else ""

    def finish(self) -> Core:
        """Put together what came. Of several versions of a resource the newest is taken."""
        books = {kind: Book(kind) for kind in CORE}
        newest = {kind: books[kind].newest(found) for kind, found in self._found.items()}
        for name, item in newest["Encounter"].items():
            newest["Encounter"][name] = item._replace(content=as_begun(item, self._found["Encounter"][name]))
        people = newest["Patient"]
        for name, found in self._found["Patient"].items():
            if name in people and len({item.base for item in found if item.base}) > 1:
                books["Patient"].set_aside(people.pop(name), "id: the same on two servers")
        subjects = _numbers(people)
        known = Known(
            clock=self._clock,
            subjects={name: (subjects[name], found.base) for name, found in people.items()},
            medications={name: found.content for name, found in newest["Medication"].items()},
            same=self._same,
            images=self._images,
        )
        films = self._filming.finish(known.whose, known.name)
        studies = _numbers(self._studies, {one for some in films.studies.values() for one in some.values()})
        known = replace(known, studies=studies, films=films)
        icus = {name: found.content for name, found in newest["Location"].items() if found.content}
        deceased = {subjects[name]: found.content.deceased for name, found in people.items()}
        admissions = Admissions(known, icus, deceased, books["Encounter"])
        deaths = admissions.tell(newest["Encounter"])
        for name, one in people.items():
            person: Person = one.content
            for event in person.events:
                books["Patient"].event(subjects[name], one, event)
            if died := deaths.get(subjects[name]):
                event = {"code": ev.DEATH, "time": died.time, "known_at": died.known_at}
                books["Patient"].event(subjects[name], one, event, died.hadm_id)
        for kind in ("Patient", "Location", "Medication"):
            books[kind].used += len(newest[kind])
        numbers = {"subject": subjects, "study": studies, "admission": admissions.admissions, "stay": admissions.stays}
        return Core(
            known=known,
            subjects=pl.Series(sorted(subjects.values()), dtype=pl.Int64),
            outcomes=tuple(book.outcome() for book in books.values()),
            ids=pl.concat([_ids(kind, names) for kind, names in numbers.items()]).sort("kind", "number"),
            stays=len(admissions.stays),
            servers=tuple(sorted({found.base for found in people.values() if found.base})),
        )


def _numbers(names: Collection[str], others: Collection[str] = ()) -> dict[str, int]:
    """Return the number of each name: that of its id, so that ``Patient/10000032`` stays 10000032.

    ``others`` are of other types, and may have the same ids: the whole name is theirs.
    """
    ids = {name: name for name in others} | {name: name.split("/", 1)[-1] for name in names}
    number = dict(numbers_of(pl.Series("id", list(ids.values()), pl.String)).select("id", "number").iter_rows())
    return {name: number[own] for name, own in ids.items()}


def _ids(kind: str, numbers: Mapping[str, int]) -> pl.DataFrame:
    rows = [(kind, number, name) for name, number in numbers.items()]
    return pl.DataFrame(rows, schema={"kind": pl.String(), "number": pl.Int64(), "id": pl.String()}, orient="row")
