"""What somebody sent of one patient: the resources of a FHIR Bundle, or one resource alone; and whose they are.

Nothing that is sent becomes a path or an address. What cannot be read stays an entry, which the FHIR source counts
among what it set aside. No message of ours quotes anything of what was sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from xhaim.errors import DataError
from xhaim.source.fhir.json import TWICE, UnreadableError, fault_of, parse
from xhaim.source.fhir.names import Name, name_of, own_names, reference
from xhaim.source.fhir.values import at

MAX_BYTES = 50_000_000
"""Of one message."""
MAX_ENTRIES = 100_000
"""Of one message, with those of bundles in it: millions of empty ones would fill the memory."""
_EXPECTED = "a FHIR R4 Bundle of one patient, or one resource that refers to them, as JSON"
_NEWEST_FIRST = "history"
"""A bundle of this type lists the newest version of a resource first."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One resource, or that there is none of its name any more."""

    name: str
    """``Observation/7``, an urn, or the hash of what has no name."""
    entry: Json | None
    """Of a Bundle; ``None``: the resource was deleted."""
    turn: int
    """Of several of one name in one message the highest stands."""

    @property
    def resource(self) -> Json:
        """The resource; empty where it was deleted, or is none."""
        found = (self.entry or {}).get("resource")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Sent:
    """One message."""

    items: tuple[Item, ...]
    patient: str | None
    """The name of the one patient whom it holds or refers to; ``None``: of nobody."""
    holds_patient: bool
    servers: frozenset[str]
    """Servers that the patient is said to be of; mostly none is."""
    called: dict[str, str]
    """``urn:uuid:…`` -> the name by id."""


def sent(data: bytes) -> Sent:
    """Read a message. Raises DataError where it is none, or not of one patient and one server."""
    if len(data) > MAX_BYTES:
        raise DataError("the message is too large", expected=f"at most {MAX_BYTES:,} bytes")
    try:
        document = parse(data)
    except UnreadableError as error:
        raise DataError(f"this is no message of FHIR: {error}", expected=_EXPECTED) from None
    if not isinstance(document, dict) or not isinstance(document.get("resourceType"), str):
        raise DataError("this is no message of FHIR: no resourceType", expected=_EXPECTED)
    single = document["resourceType"] != "Bundle"
    if single and fault_of(document):
        raise DataError("the resource cannot be read", expected=_EXPECTED)
    if TWICE in document or not isinstance(document.get("entry", []), list):
        raise DataError("this is no bundle: its entries are not one list", expected=_EXPECTED)
    entries = [{"resource": document}] if single else list(islice(_entries(document), MAX_ENTRIES + 1))
    if len(entries) > MAX_ENTRIES:
        raise DataError("the message holds too many entries", expected=f"at most {MAX_ENTRIES:,}")
    named = [_named(entry) for entry in entries]
    called = {one.urn: one.name.name for one in named if one.name and one.urn and one.urn != one.name.name}
    backwards = document.get("type") == _NEWEST_FIRST
    items = tuple(_item(one, called, -place if backwards else place) for place, one in enumerate(named))
    return _of_one(named, items, called)


def _entries(bundle: Json) -> Iterator[Json]:
    """Yield the entries of a bundle, and of bundles in it; what is no entry as one that holds it."""
    for entry in bundle.get("entry", []):
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inner, dict) and inner.get("resourceType") == "Bundle" and isinstance(inner.get("entry"), list):
            yield from _entries(inner)
        else:
            yield entry if isinstance(entry, dict) else {"unreadable": entry}


class _Named(NamedTuple):
    """An entry, and what its resource is called; no name where it has none, or cannot be read."""

    entry: Json
    name: Name | None
    urn: str | None


def _named(entry: Json) -> _Named:
    resource, url = entry.get("resource"), entry.get("fullUrl")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str) or fault_of(entry):
        return _Named(entry, None, None)
    return _Named(entry, *own_names(resource, url if isinstance(url, str) else None))


def _item(one: _Named, called: dict[str, str], turn: int) -> Item:
    if one.name is None and (deleted := _deleted(one.entry)):
        return Item(deleted, None, turn)
    return Item(one.name.name if one.name else f"#{digest(one.entry)}", resolve(one.entry, called), turn)


def _deleted(entry: Json) -> str | None:
    if "resource" in entry or at(entry, "request", "method") != "DELETE":
        return None
    name = name_of(at(entry, "request", "url"))
    return name.name if name else None


def resolve(value: Any, called: dict[str, str]) -> Any:  # noqa: ANN401  (any JSON)
    """Return JSON whose references by urn are by name, as far as ``called`` has them."""
    if not called:
        return value
    if isinstance(value, dict):
        return {
            key: called[one] if key == "reference" and isinstance(one, str) and one in called else resolve(one, called)
            for key, one in value.items()
        }
    return [resolve(one, called) for one in value] if isinstance(value, list) else value


def digest(content: Json) -> str:
    """Return 32 hex digits of JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _of_one(named: list[_Named], items: tuple[Item, ...], called: dict[str, str]) -> Sent:
    own, theirs = list[Name](), list[Name]()
    for one, item in zip(named, items, strict=True):
        if item.resource.get("resourceType") == "Patient":
            if one.name is None:
                raise DataError("its Patient cannot be read, or has neither id nor fullUrl", expected=_EXPECTED)
            own.append(one.name)
        elif name := name_of(reference(item.resource.get("subject", item.resource.get("patient")))):
            theirs += [name] if name.name.startswith(("Patient/", "urn:")) else []
    names = {one.name for one in (*own, *theirs)}
    servers = frozenset(one.base for one in (*own, *theirs) if one.base)
    if len(names) > 1:
        raise DataError("this is of more than one patient", expected=_EXPECTED)
    if len(servers) > 1:
        raise DataError("this is of more than one server", expected=_EXPECTED)
    return Sent(items, next(iter(names), None), bool(own), servers, called)
