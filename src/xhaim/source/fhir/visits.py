"""Encounter: hospital admissions, ICU stays and other visits.

The rule. Encounters are taken together by ``partOf``; the topmost is a hospital admission if one of them is inpatient
(``INPATIENT``) or has an ICU stay. An ICU is a Location, or an encounter's type, whose code is ``ICU_CODES`` or whose
name holds ``_ICU``. An encounter that is ICU by its type, or that is part of another and only ever in ICUs, is one
stay, with its own period. Else a stay is a run of an encounter's locations in ICUs that touch or overlap, unless it
overlaps a stay that is an encounter of the same admission: some hospitals write both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xhaim.source.fhir.events import needed, refuse
from xhaim.source.fhir.names import reference
from xhaim.source.fhir.times import Clock, Moment
from xhaim.source.fhir.unused import SetAsideError
from xhaim.source.fhir.values import Json, at, codings, each, has_code, said, words

INPATIENT = ("IMP", "ACUTE", "NONAC", "OBSENC", "inpatient")
ICU_CODES = ("ICU", "PEDICU", "PEDNICU", "309904001", "305351004")
"""v3-RoleCode; SNOMED CT: intensive care unit, admission to it."""
_ICU = re.compile(r"intensive care|critical care unit|coronary care unit|intensivstation|\b[A-Z]{0,5}ICU\b|\bCCU\b")
_CASELESS = re.compile(r"intensive care|critical care unit|coronary care unit|intensivstation", re.IGNORECASE)
_ADMISSION = {"EM": "EMERGENCY", "UR": "URGENT", "EL": "ELECTIVE"}
_DIED = ("exp", "419099009")


def is_icu(*concepts: Json) -> bool:
    """Say whether a concept, or a name in words, is of intensive care."""
    for concept in concepts:
        name = concept if isinstance(concept, str) else said(concept) or ""
        if has_code(concept, *ICU_CODES) or _ICU.search(name) or _CASELESS.search(name):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Spot:
    """One entry of Encounter.location."""

    location: str | None
    """Its reference."""
    display: str | None
    start: Moment | None
    end: Moment | None


UnitOf = Callable[[Spot], str | None]
"""Gives the name of the ICU that a location is; ``None`` where it is none."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What is kept of an Encounter until all are read."""

    start: Moment
    end: Moment | None
    kind: str
    part_of: str | None
    icu: str | None
    """The unit, where the encounter's own type is of intensive care."""
    spots: tuple[Spot, ...]
    admission: str
    origin: str | None
    disposition: str | None
    died: bool


def read_visit(resource: dict[str, Any], clock: Clock) -> Visit:
    """Read an Encounter. Raises NotUsedError or SetAsideError."""
    refuse(resource, "planned", "cancelled", "entered-in-error")
    period = clock.period(resource.get("period"))
    start = needed(period.start, "period.start")
    if period.end and period.end.last < start.first:
        raise SetAsideError("period: it ends before it starts")
    kind = (codings(at(resource, "class")) or [("", words(at(resource, "class")) or "UNK", None)])[0][1]
    stay = resource.get("hospitalization")
    types = [*each(resource, "type"), at(resource, "serviceType"), at(resource, "class")]
    return Visit(
        start=start,
        end=period.end,
        kind=kind[:40],
        part_of=reference(at(resource, "partOf")),
        icu=next((said(concept) or "ICU" for concept in types if is_icu(concept)), None),
        spots=tuple(_spot(entry, clock) for entry in each(resource, "location")),
        admission=_admission(resource, kind),
        origin=said(at(stay, "admitSource")),
        disposition=said(at(stay, "dischargeDisposition")),
        died=has_code(at(stay, "dischargeDisposition"), *_DIED),
    )


def _spot(entry: dict[str, Any], clock: Clock) -> Spot:
    period = clock.period(entry.get("period"))
    where = entry.get("location")
    return Spot(reference(where), words(at(where, "display")), period.start, period.end)


def _admission(resource: dict[str, Any], kind: str) -> str:
    """Return the admission's type in MIMIC's words, which the tabular block knows."""
    urgency = [code for _, code, _ in codings(at(resource, "priority"))]
    known = next((_ADMISSION[code] for code in urgency if code in _ADMISSION), None)
    if known is None and (kind == "EMER" or has_code(at(resource, "hospitalization", "admitSource"), "emd")):
        known = "EMERGENCY"
    return known or {"OBSENC": "OBSERVATION"}.get(kind) or "UNK"


@dataclass(frozen=True, slots=True)
class Stay:
    """One ICU stay."""

    id: str
    unit: str
    start: Moment
    end: Moment | None
    visit: str
    """Name of the encounter that says so."""


def stays_of(visits: Mapping[str, Visit], unit_of: UnitOf) -> list[Stay]:
    """Return the ICU stays of the encounters of one admission, sorted."""
    whole: list[Stay] = []
    runs: list[Stay] = []
    for name, visit in visits.items():
        units = [unit_of(spot) for spot in visit.spots]
        only_there = visit.part_of is not None and bool(units) and all(units)
        if only_there or (visit.icu and (visit.part_of or not any(units))):
            unit = next((unit for unit in units if unit), visit.icu) or "ICU"
            whole.append(Stay(name, unit, visit.start, visit.end, name))
        elif any(units):
            runs += _runs(name, visit, unit_of)
    apart = [run for run in runs if not any(_overlap(run, stay) for stay in whole)]
    return sorted([*whole, *apart], key=lambda stay: (stay.start.first, stay.id))


def _runs(name: str, visit: Visit, unit_of: UnitOf) -> list[Stay]:
    """Return the locations in ICUs, those that touch or overlap as one."""
    spots = sorted(visit.spots, key=lambda spot: ((spot.start or visit.start).first, spot.location or "", repr(spot)))
    made: list[Stay] = []
    for n, spot in enumerate(spots):
        unit = unit_of(spot)
        if unit is None:
            continue
        start = spot.start or visit.start
        # a location without an end is left when the next is entered, or with the encounter
        stated = spot.end if spot.end and spot.end.last >= start.first else None
        end = stated or next((later.start for later in spots[n + 1 :] if later.start), visit.end)
        if made and (made[-1].end is None or start.first <= made[-1].end.last):
            last = made[-1]
            made[-1] = Stay(last.id, last.unit, last.start, _later(last.end, end), name)
        else:
            made.append(Stay(f"{name}@{start.first.isoformat()}", unit, start, end, name))
    return made


def _later(one: Moment | None, other: Moment | None) -> Moment | None:
    return max(one, other, key=lambda moment: moment.last) if one and other else None


def _overlap(one: Stay, other: Stay) -> bool:
    return _begins_within(one, other) or _begins_within(other, one)


def _begins_within(one: Stay, other: Stay) -> bool:
    return one.start.first >= other.start.first and (other.end is None or one.start.first <= other.end.last)
