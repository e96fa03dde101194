"""What FHIR resources are called, and how they refer to each other: relative, absolute, versioned, or by urn.

A name never becomes a path or an address: nothing is opened or fetched because a resource says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from xhaim.source.fhir.values import Json, at, words

_REST = re.compile(
    r"(?:(?P<base>[!-~]{1,900})/)?(?P<type>[A-Z][A-Za-z]{1,40})/(?P<id>[\w.-]{1,128})(?:/_history/[\w.-]+)?"
)
_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Name:
    """What a resource is called: ``Patient/7`` or ``urn:uuid:…``, and the server that calls it so where it is said."""

    name: str
    base: str | None = None


def name_of(url: Json) -> Name | None:
    """Return the name in a relative, absolute or versioned reference, or in an urn; ``None`` for any other."""
    if not isinstance(url, str) or len(url) > 1024:
        return None
    if url.startswith(("urn:uuid:", "urn:oid:")):
        return Name(url) if _ID.fullmatch(url) else None
    found = _REST.fullmatch(url)
    return Name(f"{found['type']}/{found['id']}", found["base"]) if found else None


def own_names(resource: dict[str, Any], full_url: str | None) -> tuple[Name | None, str | None]:
    """Return a resource's name, by its id where it has one, and the urn that its bundle calls it by."""
    called = name_of(full_url)
    own = resource.get("id")
    urn = called.name if called and called.name.startswith("urn:") else None
    if isinstance(own, str) and _ID.fullmatch(own) and "/" not in own:
        return Name(f"{resource['resourceType']}/{own}", called.base if called else None), urn
    return called, urn


def reference(value: Json) -> str | None:
    """Return the words of a Reference."""
    return words(at(value, "reference"))
