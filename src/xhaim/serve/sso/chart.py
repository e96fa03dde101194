"""A patient's chart read from a FHIR server, by the access token of a launch.

Nothing is asked of any other server, whatever an answer names; what is more than a page can take is refused whole,
since a chart that was cut off would give a wrong risk.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

from xhaim.errors import BackendError
from xhaim.run.apply_bundle import MAX_BYTES
from xhaim.serve.sso.client import is_safe, origin
from xhaim.serve.sso.fetch import AnswerError, Limits, get, json_of
from xhaim.source.fhir.names import name_of, reference
from xhaim.source.fhir.values import at, each

KINDS = ("Encounter", "Observation", "DocumentReference", "DiagnosticReport", "ImagingStudy", "Media")
"""What is searched for, beside the Patient."""
CATEGORIES = {"Observation": ("vital-signs", "laboratory")}
"""What servers ask for that tell of no resource of a type without a category."""
_NOT_SO = 400
FHIR_JSON = "application/fhir+json"
PAGE = 500
"""Resources that a page is asked to hold."""
MOST_PAGES = 100
MOST_NOTES = 500
"""Texts that lie apart from their resource (Binary)."""
MOST_S = 60.0
TOO_MUCH = "the chart is more than can be read at once"
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_TEXTS = ("text/plain", "text/html", "application/xhtml+xml")
_NOT_GIVEN = frozenset({400, 401, 403, 404, 405, 410, 501})
"""What a server answers that keeps no such resource, or may not tell of it."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chart:
    """What the server told of one patient."""

    resources: tuple[Json, ...]
    """The Patient, and what refers to them."""
    not_given: tuple[str, ...]
    """Types of resources that the server does not tell of."""
    others: int
    """Resources that were of somebody else, and were left out."""


@dataclass
class _Left:
    """What may still be read: by all questions together."""

    deadline: float
    bytes: int
    pages: int
    notes: int


def is_id(patient: object) -> bool:
    """Say whether this is the id of a resource: it becomes part of an address."""
    return isinstance(patient, str) and bool(_ID.fullmatch(patient)) and patient.strip(".") != ""


def read_chart(base: str, patient: str, token: str) -> Chart:
    """Read a patient's chart. ``patient``: an id (``is_id``); ``token``: of the launch, kept nowhere.

    Raises BackendError where the server does not answer as it should, does not give the Patient, or gives too much.
    """
    base = base.rstrip("/")
    left = _Left(time.monotonic() + MOST_S, MAX_BYTES, MOST_PAGES, MOST_NOTES)
    who = f"Patient/{patient}"
    found = [_get(f"{base}/{who}", token, left)]
    if found[0].get("resourceType") != "Patient" or found[0].get("id") != patient:
        raise AnswerError("the FHIR server gave another patient than was asked for")
    not_given, others = [], 0
    for kind in KINDS:
        try:
            for resource in _all_of(base, kind, {"patient": patient, "_count": str(PAGE)}, token, left):
                mine = _subject(resource) == who
                others += not mine
                found += [resource] if mine else []
        except AnswerError as error:
            if error.status not in _NOT_GIVEN:
                raise
            not_given.append(kind)
    for resource in found:
        _fill(base, resource, token, left)
    return Chart(tuple(found), tuple(not_given), others)


def bundle_of(base: str, resources: Sequence[Json]) -> bytes:
    """Return resources of a FHIR server as one Bundle, JSON."""
    entries = [
        {"fullUrl": f"{base.rstrip('/')}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def _get(address: str, token: str, left: _Left) -> Json:
    seconds = left.deadline - time.monotonic()
    if seconds <= 0 or left.bytes <= 0:
        raise BackendError(TOO_MUCH)
    body = get(address, FHIR_JSON, token, Limits(seconds, left.bytes))
    left.bytes -= len(body)
    got = json_of(body)
    if not isinstance(got, dict):
        raise AnswerError("the FHIR server answered with what is no resource")
    return got


def _all_of(base: str, kind: str, query: Mapping[str, str], token: str, left: _Left) -> list[Json]:
    """Return all resources of a type; by category where the server will not tell of all at once."""
    try:
        return list(_search(base, kind, query, token, left))
    except AnswerError as error:
        if error.status != _NOT_SO or kind not in CATEGORIES:
            raise
        ways = [{**query, "category": category} for category in CATEGORIES[kind]]
        return [one for way in ways for one in _search(base, kind, way, token, left)]


def _search(base: str, kind: str, query: Mapping[str, str], token: str, left: _Left) -> Iterator[Json]:
    """Yield the resources that a search finds, page after page."""
    address: str | None = f"{base}/{kind}?{urlencode(query)}"
    while address is not None:
        left.pages -= 1
        if left.pages < 0:
            raise BackendError(TOO_MUCH)
        page = _get(address, token, left)
        if page.get("resourceType") != "Bundle":
            raise AnswerError("the FHIR server answered with what is no list")
        for entry in each(page, "entry"):
            resource = entry.get("resource")
            if isinstance(resource, dict) and resource.get("resourceType") == kind and is_id(resource.get("id")):
                yield resource
        address = _next(base, page)


def _next(base: str, page: Json) -> str | None:
    """Return where the next page lies: on the same server, or the token would go elsewhere."""
    for link in each(page, "link"):
        if link.get("relation") == "next":
            there = _here(base, link.get("url"))
            if there is None:
                raise AnswerError("the FHIR server's next page lies on another server")
            return there
    return None


def _here(base: str, url: object) -> str | None:
    """Return the address that an url means on this server; ``None``: it is of another one, or none."""
    if not isinstance(url, str):
        return None
    try:
        address = urljoin(f"{base}/", url)
    except ValueError:
        return None
    return address if is_safe(address) and origin(address) == origin(base) else None


def _subject(resource: Json) -> str | None:
    name = name_of(reference(resource.get("subject", resource.get("patient"))))
    return name.name if name is not None else None


def _fill(base: str, resource: Json, token: str, left: _Left) -> None:
    """Put the texts of a note that lie on this server into it; what is not given stays an address."""
    attached = [*each(resource, "presentedForm"), *(at(one, "attachment") for one in each(resource, "content"))]
    for part in attached:
        if not isinstance(part, dict) or part.get("data") or part.get("contentType") is None:
            continue
        address = _here(base, part.get("url"))
        if address is None or str(part["contentType"]).partition(";")[0].strip().lower() not in _TEXTS:
            continue
        left.notes -= 1
        if left.notes < 0:
            raise BackendError(TOO_MUCH)
        try:
            binary = _get(address, token, left)
        except AnswerError:
            continue
        if binary.get("resourceType") == "Binary" and isinstance(binary.get("data"), str):
            part["data"] = binary["data"]
