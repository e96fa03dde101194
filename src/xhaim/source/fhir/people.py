"""Patient: birth, sex, race, language and death.

A Patient is what the hospital says today: only what does not change is taken from it. Marital status, address and
insurance are left out, since nothing says since when they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xhaim import events as ev
from xhaim.source.fhir.events import Event
from xhaim.source.fhir.times import Clock, Moment
from xhaim.source.fhir.values import at, codings, each, has_code, said, words

_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_HISPANIC = "2135-2"
_SEX = {"female": "F", "male": "M", "other": "O"}


@dataclass(frozen=True, slots=True)
class Person:
    """What is kept of a Patient until all encounters are read."""

    events: tuple[Event, ...]
    deceased: Moment | None


def read_person(resource: dict[str, Any], clock: Clock) -> Person:
    """Read a Patient. Facts without a time are static: they have no time of knowledge either."""
    made: list[Event] = []
    if birth := clock.moment(resource.get("birthDate")):
        made.append({"code": ev.BIRTH, "time": birth.first, "known_at": birth.first})  # a person here has been born
    if sex := _SEX.get(resource.get("gender") if isinstance(resource.get("gender"), str) else ""):  # type: ignore[arg-type]
        made.append(_static(ev.GENDER, sex))
    if race := _race(resource):
        made.append(_static(ev.RACE, race))
    if language := _language(resource):
        made.append(_static(ev.LANGUAGE, language))
    return Person(tuple(made), clock.moment(resource.get("deceasedDateTime")))


def _static(kind: str, value: str) -> Event:
    return {"code": f"{kind}//{value.upper()[:60]}", "time": None, "known_at": None}


def _race(resource: dict[str, Any]) -> str | None:
    """Return the US Core race in MIMIC's words: Hispanic or Latino ethnicity counts as one, as it does there."""
    parts = {
        name: [
            part.get("valueCoding")
            for extension in each(resource, "extension")
            if extension.get("url") == f"{_US_CORE}{name}"
            for part in each(extension, "extension")
            if part.get("url") == "ombCategory"
        ]
        for name in ("race", "ethnicity")
    }
    if any(has_code(part, _HISPANIC) for part in parts["ethnicity"]):
        return "HISPANIC OR LATINO"
    races = sorted({race for part in parts["race"] if (race := said(part))})
    return "MULTIPLE RACE" if len(races) > 1 else next(iter(races), None)


def _language(resource: dict[str, Any]) -> str | None:
    spoken = each(resource, "communication")
    first = next((item for item in spoken if item.get("preferred") is True), spoken[0] if len(spoken) == 1 else None)
    language = at(first, "language")
    if any(code.lower().split("-")[0] == "en" for _, code, _ in codings(language)):
        return "ENGLISH"
    return words(said(language))
