"""What is told of one patient by now: of every resource the version that stands, as a FHIR server would keep it.

A resource sent again replaces the one of its type and id; one that was deleted goes. Which of two versions stands is
for ``meta.lastUpdated`` and ``versionId`` to say, whichever came first; a version that says nothing of it is as old as
its arrival. A lastUpdated after the arrival is a clock's fault, and counts as the arrival.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from xhaim.serve.arrivals.sent import Item, Json, Sent, resolve
from xhaim.source.fhir.versions import nameless, version_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Rank = tuple[int, int, int, int]
"""Since when in microseconds, versionId, number of the message, place in it."""


@dataclass(frozen=True, slots=True)
class Held:
    """The version of a resource that stands."""

    rank: Rank
    content: int | None
    """Digest of it without meta; ``None``: the resource was deleted."""
    entry: Json | None
    arrived: datetime
    """When this content came first, in UTC."""


@dataclass
class Chart:
    """Every resource of one patient, message after message."""

    held: dict[str, Held] = field(default_factory=dict)
    called: dict[str, set[str]] = field(default_factory=dict)
    """``urn:uuid:…`` -> every name by id that some message has for it."""
    number: int = 0
    """Of the last message that was added."""
    arrived: datetime = _EPOCH
    """The latest arrival, in UTC: a clock that goes back does not unmake what was known."""

    def add(self, message: Sent, number: int, arrived: datetime) -> None:
        """Take a message. ``arrived``: in UTC."""
        self.number, self.arrived = max(self.number, number), max(self.arrived, arrived)
        for urn, name in message.called.items():
            self.called.setdefault(urn, set()).add(name)
        for item in message.items:
            fresh, before = replace(_held(item, number, self.arrived), arrived=arrived), self.held.get(item.name)
            self.held[item.name] = fresh if before is None else _standing(before, fresh)

    def bundle(self) -> bytes:
        """Return what stands as one bundle: the same bytes for any order of arrival."""
        same = {urn: next(iter(names)) for urn, names in self.called.items() if len(names) == 1}
        entries = [resolve(self._entry(one.entry), same) for _, one in sorted(self.held.items()) if one.entry]
        return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()

    def arrivals(self) -> dict[str, datetime]:
        """Return when each resource came, by its name and by what its bundle calls it, in UTC."""
        found = {name: one.arrived for name, one in self.held.items()}
        for name, one in self.held.items():
            resource = (one.entry or {}).get("resource")
            if name.startswith("#") and isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
                found[nameless(resource).name] = one.arrived  # as its events are called
            url = (one.entry or {}).get("fullUrl")
            if isinstance(url, str):
                found[url] = one.arrived
        return found

    def _entry(self, entry: Json) -> Json:
        """Return an entry as it was sent, but for an urn that several resources were called by: it is nobody's."""
        unclear = len(self.called.get(str(entry.get("fullUrl")), ())) > 1
        return {key: value for key, value in entry.items() if key != "fullUrl" or not unclear}


def _held(item: Item, number: int, arrived: datetime) -> Held:
    came = (arrived - _EPOCH) // _MICROSECOND
    if item.entry is None:
        return Held((came, 0, number, item.turn), None, None, arrived)
    version = version_of(item.resource or item.entry)
    return Held(
        (min(version.updated or came, came), version.number, number, item.turn), version.digest, item.entry, arrived
    )


def _standing(before: Held, fresh: Held) -> Held:
    """Return which of two stands; of the same content the later, known since the first came."""
    late = max(before, fresh, key=lambda one: one.rank)
    if before.content != fresh.content:
        return late
    return Held(late.rank, late.content, late.entry, min(before.arrived, fresh.arrived))
