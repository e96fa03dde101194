"""The data types of FHIR that resources are made of, read tolerantly: what is not as it should be is not there."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from xhaim.signals import catalogue, signal_of_code

Json = Any
"""What a JSON text holds; nothing of it is trusted to be of the type that FHIR says."""

_MIMIC = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-"
SYSTEMS: dict[str, str] = {
    # what the store calls them, the first that a concept is coded in is taken
    f"{_MIMIC}d-labitems": "LAB",
    f"{_MIMIC}chartevents-d-items": "CHART",
    f"{_MIMIC}outputevents-d-items": "OUTPUT",
    f"{_MIMIC}procedureevents-d-items": "PROCEDURE",
    "http://loinc.org": "LOINC",
    "urn:oid:2.16.840.1.113883.6.1": "LOINC",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD//10",
    "http://hl7.org/fhir/sid/icd-10": "ICD//10",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": "ICD//10",
    "urn:oid:2.16.840.1.113883.6.90": "ICD//10",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD//9",
    "urn:oid:2.16.840.1.113883.6.103": "ICD//9",
    f"{_MIMIC}diagnosis-icd10": "ICD//10",
    f"{_MIMIC}diagnosis-icd9": "ICD//9",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
    "urn:oid:2.16.840.1.113883.6.88": "RXNORM",
    "http://snomed.info/sct": "SNOMED",
    "urn:oid:2.16.840.1.113883.6.96": "SNOMED",
    "http://www.whocc.no/atc": "ATC",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://www.ama-assn.org/go/cpt": "CPT",
}
_RANK = {name: rank for rank, name in enumerate(dict.fromkeys(SYSTEMS.values()))}
_OWN_KIND = {"LAB", "CHART", "OUTPUT", "PROCEDURE"}
MAX_CODE = 120
"""Characters of a code made from words."""


def at(value: Json, *path: str) -> Json:
    """Return what lies at a path of keys, of a list the first; ``None`` where there is nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, list):
            value = value[0] if value else None
    return value


def each(value: Json, key: str) -> list[dict[str, Any]]:
    """Return the objects in the list at a key; one that stands without a list counts as a list of one."""
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, dict)]


def words(value: Json) -> str | None:
    """Return text without the blanks around it; ``None`` for no text."""
    return value.strip() or None if isinstance(value, str) else None


# ---- codes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Code:
    """A concept as the store codes it, and in words."""

    code: str
    display: str | None


def codings(concept: Json) -> list[tuple[str, str, str | None]]:
    """Return system, code and display of those codings of a CodeableConcept that have a code."""
    return [
        (words(item.get("system")) or "", code, words(item.get("display")))
        for item in _codings(concept)
        if (code := words(item.get("code")))
    ]


def _codings(concept: Json) -> list[dict[str, Any]]:
    """Return the codings of a concept; a Coding is one itself."""
    return [concept] if isinstance(concept, dict) and "coding" not in concept else each(concept, "coding")


def has_code(concept: Json, *wanted: str) -> bool:
    """Say whether one of a concept's codes is among those wanted."""
    return any(code in wanted for _, code, _ in codings(concept))


def said(concept: Json) -> str | None:
    """Return a concept in words: its text, else the display of a coding, else a code."""
    displays = [words(item.get("display")) for item in _codings(concept)]
    said_by = [words(at(concept, "text")), *displays, *(code for _, code, _ in codings(concept))]
    return next(filter(None, said_by), None)


def coded(kind: str, concept: Json) -> Code | None:
    """Return a concept's code: of the first system in ``SYSTEMS``, else of any with its name, else its words.

    ``LOINC//2345-7`` for an observation, ``KIND//SNOMED//38341003`` for others, ``KIND//host/path|code`` for a system
    that is not listed, ``KIND//words-of-it`` for a concept without codes.
    """
    known = codings(concept)
    listed = [item for item in known if item[0] in SYSTEMS]
    if listed:
        system, code, _ = min(listed, key=lambda item: _RANK[SYSTEMS[item[0]]])
        name = SYSTEMS[system]
        code = code.replace(".", "").upper() if name.startswith("ICD") else code
        prefix = name if name in _OWN_KIND or kind == OBSERVATION else f"{kind}//{name}"
        return Code(f"{prefix}//{_plain(code)}", said(concept))
    if known:
        system, code, _ = known[0]
        where = system.split("//", 1)[-1]
        return Code(f"{kind}//{_plain(f'{where}|{code}' if where else code)}", said(concept))
    text = words(at(concept, "text"))
    return Code(f"{kind}//{slug(text)}", text) if text and slug(text) else None


OBSERVATION = "OBSERVATION"


def slug(text: str) -> str:
    """Return words in lower case, joined by hyphens."""
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")[:MAX_CODE]


def _plain(code: str) -> str:
    return re.sub(r"/{2,}|\s+", "/", code)[:MAX_CODE]


# ---- quantities ---------------------------------------------------------------------------------------------------

_DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)
_ANNOTATION = re.compile(r"\{[^{}]*\}|1")
_LARGEST = float(np.finfo(np.float32).max)
NOT_A_NUMBER = "not a finite number of 32 bits"


def number(value: Json) -> float | None:
    """Return a number, also one written in quotes; ``None`` for none, or one that 32 bits cannot hold."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and abs(value) <= _LARGEST else None


def unit_of(quantity: Json, code: str) -> str | None:
    """Return a quantity's unit: its UCUM code, else its unit in words; none for a bare number or an annotation.

    A quantity without a unit, of a signal that the catalogue knows in more than one scale, has the unit ``unknown``:
    mg/dL must not be guessed where it may be mmol/L.
    """
    ucum = words(at(quantity, "code")) if at(quantity, "system") == "http://unitsofmeasure.org" else None
    unit = ucum or words(at(quantity, "unit")) or words(at(quantity, "code"))
    if unit is None:
        signal = signal_of_code().get("//".join(code.split("//")[:2]))
        scales = catalogue()[signal].also.values() if signal else ()
        return "unknown" if any(scale != (1.0, 0.0) for scale in scales) else None
    return None if _ANNOTATION.fullmatch(unit) else unit[:60]
