"""Encounters put together: which belong to one admission, its ICU stays, and the death in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from xhaim import events as ev
from xhaim.source.fhir.books import Book, Found
from xhaim.source.fhir.events import Known, Place, Span
from xhaim.source.fhir.times import Moment
from xhaim.source.fhir.unused import SetAsideError
from xhaim.source.fhir.visits import INPATIENT, Spot, Stay, Visit, is_icu, stays_of
from xhaim.source.identity import number_of

VISIT = "VISIT"
"""Kind of an encounter that is neither an admission nor an ICU stay: ``VISIT//AMB``."""


class Death(NamedTuple):
    """When somebody died, when that could be known, and in which admission."""

    time: datetime
    known_at: datetime
    hadm_id: int | None


class Admissions:
    """Turns encounters into places (``Known.places``) and events."""

    def __init__(
        self, known: Known, icus: Mapping[str, str], deceased: Mapping[int, Moment | None], book: Book
    ) -> None:
        """``icus``: names of Locations that are ICUs -> unit; ``deceased``: what Patient says, by subject."""
        self._known, self._icus, self._deceased, self._book = known, icus, deceased, book
        self._inside: dict[int, list[tuple[Visit, int]]] = {}
        self.admissions: dict[str, int] = {}
        """Name -> number."""
        self.stays: dict[str, int] = {}

    def tell(self, found: dict[str, Found]) -> dict[int, Death]:
        """Book all encounters; return the death of each subject that died."""
        subjects: dict[str, int] = {}
        for name, item in found.items():
            try:
                subjects[name] = self._known.subject(item.about, item.base)
            except SetAsideError as error:
                self._book.set_aside(item, str(error))
        groups: dict[str, dict[str, Found]] = {}
        for name in sorted(subjects):
            groups.setdefault(self._root(name, found, subjects), {})[name] = found[name]
        told = [
            (root, group, stays_of({n: f.content for n, f in group.items()}, self._unit))
            for root, group in groups.items()
        ]
        for root, group, stays in told:
            if stays or any(item.content.kind in INPATIENT for item in group.values()):
                self.admissions[root] = number_of(_id(root))
                self._inside.setdefault(subjects[root], []).append((found[root].content, self.admissions[root]))
        deaths = {subject: death for subject in self._deceased if (death := self._death(subject))}
        for root, group, stays in told:
            self._tell(root, group, stays, subjects[root], deaths)
        return deaths

    def _root(self, name: str, found: Mapping[str, Found], subjects: Mapping[str, int]) -> str:
        """Return the topmost encounter of the same subject; of a circle, the first by name."""
        seen = [name]
        while parent := self._known.name(found[seen[-1]].content.part_of):
            if subjects.get(parent.name) != subjects[name]:
                break
            if parent.name in seen:
                return min(seen[seen.index(parent.name) :])
            seen.append(parent.name)
        return seen[-1]

    def _unit(self, spot: Spot) -> str | None:
        """Return the name of the ICU that a location is; ``None`` where it is none."""
        name = self._known.name(spot.location)
        if name and name.name in self._icus:
            return self._icus[name.name]
        return spot.display if spot.display and is_icu(spot.display) else None

    def _death(self, subject: int) -> Death | None:
        """Return when a subject died, and in which admission.

        A discharge as dead tells the admission, and the time where Patient has none to the minute. Else a death to
        the minute belongs to the admission that it lies in; a day, to one that goes on after that day.
        """
        deceased = self._deceased[subject]
        inside = sorted(self._inside.get(subject, []), key=lambda item: (item[0].start.first, item[1]))
        for visit, hadm_id in inside:
            if visit.died and (visit.end or deceased):
                exact = deceased is not None and deceased.exact and deceased.last >= visit.start.first
                moment = deceased if deceased and (exact or not visit.end) else visit.end
                return Death(moment.last, moment.known, hadm_id) if moment else None
        if deceased is None:
            return None
        for visit, hadm_id in inside:
            if visit.start.first <= deceased.last and (visit.end is None or deceased.last <= visit.end.last):
                return Death(deceased.last, deceased.known, hadm_id)
        return Death(deceased.last, deceased.known, None)

    def _tell(
        self,
        root: str,
        group: Mapping[str, Found],
        stays: list[Stay],
        subject: int,
        deaths: Mapping[int, Death],
    ) -> None:
        top: Visit = group[root].content
        hadm_id = self.admissions.get(root)
        self.stays |= {stay.id: number_of(_id(stay.id)) for stay in stays}
        for name, item in group.items():
            visit: Visit = item.content
            ends = [moment.known for moment in (top.end, visit.end) if moment]
            self._known.places[name] = Place(subject, hadm_id, self.stays.get(name), max(ends, default=None))
            if name not in self.stays and (name != root or hadm_id is None):
                kind = f"{VISIT}//{visit.kind}"
                self._book.event(
                    subject, item, {"code": kind, "time": visit.start.first, "known_at": visit.start.known}, hadm_id
                )
            self._book.used += 1
        if hadm_id is not None:
            over = max((place.end for name in group if (place := self._known.places[name]).end), default=None)
            span = Span(top.start.first, over if top.end else None, hadm_id)
            self._known.admissions.setdefault(subject, []).append(span)
            died = deaths.get(subject)
            self._admission(
                top, group[root], subject, hadm_id, died.known_at if died and died.hadm_id == hadm_id else None
            )
        for stay in stays:
            self._stay(stay, group[stay.visit], subject, hadm_id)

    def _admission(self, visit: Visit, item: Found, subject: int, hadm_id: int, died: datetime | None) -> None:
        start, end = visit.start, visit.end
        self._book.event(
            subject,
            item,
            {
                "code": f"{ev.HOSPITAL_ADMISSION}//{visit.admission}",
                "time": start.first,
                "known_at": start.known,
                "text_value": visit.origin,
            },
            hadm_id,
        )
        if end:
            where = "DIED" if visit.died else visit.disposition or "UNK"
            known = max(end.known, died or end.known)  # a discharge must not tell the death before it
            code = f"{ev.HOSPITAL_DISCHARGE}//{where}"
            self._book.event(subject, item, {"code": code, "time": end.last, "known_at": known}, hadm_id)

    def _stay(self, stay: Stay, item: Found, subject: int, hadm_id: int | None) -> None:
        in_out = [(ev.ICU_ADMISSION, stay.start.first, stay.start.known)]
        if stay.end:
            in_out.append((ev.ICU_DISCHARGE, stay.end.last, stay.end.known))
        for kind, time, known in in_out:
            self._book.event(
                subject,
                item,
                {"code": f"{kind}//{stay.unit}", "time": time, "known_at": known, "stay_id": self.stays[stay.id]},
                hadm_id,
            )


def _id(name: str) -> str:
    return name.split("/", 1)[-1]


def as_begun(newest: Found, versions: list[Found]) -> Visit:
    """Return a visit as its newest version has it, but its urgency and origin as the first did: known at its start."""
    read = [found for found in versions if isinstance(found.content, Visit)]
    first: Visit = min(read, key=lambda found: found.version).content
    visit: Visit = newest.content
    return replace(visit, admission=first.admission, origin=first.origin)
