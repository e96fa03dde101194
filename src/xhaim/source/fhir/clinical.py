"""Observation, Condition, medications and Procedure: which events they become, and when those were known."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from xhaim import events as ev
from xhaim.source.fhir.events import Event, Here, Known, needed, refuse
from xhaim.source.fhir.happened import happened, minutes
from xhaim.source.fhir.names import reference
from xhaim.source.fhir.unused import NotUsedError, SetAsideError
from xhaim.source.fhir.values import (
    NOT_A_NUMBER,
    OBSERVATION,
    Code,
    Json,
    at,
    coded,
    each,
    has_code,
    number,
    said,
    unit_of,
    words,
)

RESULT_LAG = timedelta(hours=6)
IMAGING_LAG = timedelta(hours=24)
CODING_LAG = timedelta(days=30)

CLOCK: dict[str, str] = {
    "Observation": "issued, never before effective[x]; without issued: vital signs at effective[x], imaging 24 h after "
    "its end, all others 6 h after it",
    "Condition": "recordedDate; without it, the end of its encounter + 30 days: codes are assigned after discharge",
    "MedicationRequest": "authoredOn",
    "MedicationAdministration": "the end of effective[x]: the dose is an amount, known at its end",
    "Procedure": "the end of performed[x]; of a period without an end, the end of its encounter",
}


def observation(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return an event for the value, and one for each component that has one."""
    refuse(resource, "entered-in-error", "cancelled", "registered")
    issued = known.clock.moment(resource.get("issued"))
    effective = "effectiveDateTime", "effectiveInstant", "effectivePeriod"
    if any(name in resource for name in effective) or issued is None:
        start, over, _ = happened(resource, "effective", known.clock, here)
    else:
        start, over = issued, issued.known
    known_at = max(over, issued.known) if issued else over + _lag(resource)
    made: list[Event] = []
    for part in (resource, *each(resource, "component")):
        value = _value(part)
        if value is None:
            continue
        code = coded(OBSERVATION, part.get("code"))
        if code is None:
            raise SetAsideError("code: missing")
        made.append(
            {**_numbered(value, code), **_timed(start.first, known_at), "code": code.code, "display": code.display}
        )
        made[-1]["code"] += f"//{unit}" if (unit := made[-1].get("unit")) else ""
    if not made:
        panel = each(resource, "hasMember")
        raise NotUsedError(
            "a panel: its members are read by themselves" if panel else "no value of a kind that is read"
        )
    return made


def _lag(resource: dict[str, Any]) -> timedelta:
    kinds = each(resource, "category")
    if any(has_code(kind, "vital-signs") for kind in kinds):
        return timedelta(0)  # seen at the bedside as they are taken
    return IMAGING_LAG if any(has_code(kind, "imaging") for kind in kinds) else RESULT_LAG


def _timed(time: datetime, known_at: datetime) -> Event:
    return {"time": time, "known_at": known_at}


def _value(part: dict[str, Any]) -> Json:
    """Return a Quantity or words; ``None`` for no value, or one of a kind that is not read."""
    if isinstance(quantity := part.get("valueQuantity"), dict) and "value" in quantity:
        return quantity
    if "valueInteger" in part:
        return {"value": part["valueInteger"], "code": "1"}
    if isinstance(flag := part.get("valueBoolean"), bool):
        return "true" if flag else "false"
    ends = [f"{at(part, 'valueRange', end, 'value')}" for end in ("low", "high")] if "valueRange" in part else []
    ratio = [f"{at(part, 'valueRatio', end, 'value')}" for end in ("numerator", "denominator")]
    return (
        words(part.get("valueString"))
        or said(part.get("valueCodeableConcept"))
        or words(part.get("valueDateTime"))
        or words(part.get("valueTime"))
        or (" to ".join(ends) if ends else None)
        or (":".join(ratio) if "valueRatio" in part else None)
    )


def _numbered(value: Json, code: Code) -> Event:
    """Return number and unit, or words. ``< 0.01`` is words: a limit is not a measurement."""
    if isinstance(value, str):
        return {"text_value": value}
    amount = number(value["value"])
    if amount is None:
        raise SetAsideError(f"value: {NOT_A_NUMBER}")
    unit = unit_of(value, code.code)
    if comparator := words(value.get("comparator")):
        return {"text_value": " ".join(filter(None, (f"{comparator[:2]}{amount:g}", unit)))}
    return {"numeric_value": amount, "unit": unit}


def condition(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return the diagnosis, at its onset."""
    for status in ("entered-in-error", "refuted"):
        if has_code(resource.get("verificationStatus"), status):
            raise NotUsedError(f"verificationStatus: {status}")
    recorded = known.clock.moment(resource.get("recordedDate"))
    onset = known.clock.moment(resource.get("onsetDateTime")) or known.clock.period(resource.get("onsetPeriod")).start
    if recorded:
        known_at = recorded.known
    elif here.place and here.place.end:
        known_at = here.place.end + CODING_LAG
    else:
        raise SetAsideError("recordedDate: missing, and no end of an encounter")
    time = onset.first if onset else recorded.first if recorded else known_at
    return [{**_code(ev.DIAGNOSIS, resource.get("code")), **_timed(time, known_at)}]


def medication_request(resource: dict[str, Any], known: Known, _: Here) -> list[Event]:
    """Return the prescription, when it was written."""
    refuse(resource, "entered-in-error", "cancelled", "draft")
    refuse(resource, "proposal", "plan", "option", key="intent")
    if resource.get("doNotPerform") is True:
        raise NotUsedError("doNotPerform")
    written = needed(known.clock.moment(resource.get("authoredOn")), "authoredOn")
    dose = words(at(resource, "dosageInstruction", "text"))
    return [{**_drug(ev.PRESCRIPTION, resource, known), **_timed(written.first, written.known), "text_value": dose}]


def medication_administration(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return the drug that was given, with its dose."""
    refuse(resource, "entered-in-error", "not-done", "unknown")
    start, over, _ = happened(resource, "effective", known.clock, here)
    dose = at(resource, "dosage", "dose")
    amount = number(at(dose, "value"))
    event: Event = {**_drug(ev.MEDICATION, resource, known), **_timed(start.first, over)}
    if amount is not None:
        event |= {"numeric_value": amount, "unit": words(at(dose, "unit")) or words(at(dose, "code"))}
    return [event]


def procedure(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return the procedure, with its minutes where it has a beginning and an end to the minute."""
    refuse(resource, "entered-in-error", "not-done", "preparation")
    start, over, period = happened(resource, "performed", known.clock, here)
    event: Event = {**_code(ev.PROCEDURE, resource.get("code")), **_timed(start.first, over)}
    if (lasted := minutes(period)) is not None:
        event |= {"numeric_value": lasted, "unit": "min"}
    return [event]


def _code(kind: str, concept: Json) -> Event:
    code = coded(kind, concept)
    if code is None:
        raise SetAsideError("code: missing")
    return {"code": code.code, "display": code.display}


def _drug(kind: str, resource: dict[str, Any], known: Known) -> Event:
    """Return the drug: as a concept, in the resource itself, or in a Medication."""
    concept = resource.get("medicationCodeableConcept")
    if concept is None and (link := reference(resource.get("medicationReference"))):
        own = [item.get("code") for item in each(resource, "contained") if f"#{item.get('id')}" == link]
        name = known.name(link)
        concept = own[0] if own else known.medications.get(name.name) if name else None
        concept = concept or {"text": words(at(resource, "medicationReference", "display"))}
    code = coded(kind, concept)
    if code is None:
        raise SetAsideError("medication: no code, no words, or a Medication that is not there")
    return {"code": code.code, "display": code.display}
