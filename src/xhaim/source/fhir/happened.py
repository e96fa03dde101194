"""When something happened, and since when a resource says so that was changed after its first issue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from xhaim.source.fhir.events import Event, Here, needed
from xhaim.source.fhir.times import Clock, Moment, Period
from xhaim.source.fhir.unused import SetAsideError

CHANGED = ("amended", "corrected", "appended")
"""What ``status`` or ``docStatus`` says of a resource that was changed after it was first seen."""


def changed(resource: dict[str, Any], here: Here, events: list[Event]) -> list[Event]:
    """Date what was changed after its first issue: its dates may still be those of the first version.

    Raises SetAsideError where nothing says when it was changed.
    """
    if not any(isinstance(word := resource.get(key), str) and word in CHANGED for key in ("status", "docStatus")):
        return events
    if here.updated is None:
        raise SetAsideError("status: changed after its first issue, and no meta.lastUpdated says when")
    since = here.updated.known
    return [{**event, "known_at": max(event.get("known_at") or since, since)} for event in events]


def happened(resource: dict[str, Any], what: str, clock: Clock, here: Here) -> tuple[Moment, datetime, Period | None]:
    """Return when something of ``what``DateTime, ``what``Instant or ``what``Period began and when it was over.

    A period without an end is over when its admission is. Raises SetAsideError where that is not known either.
    """
    for kind in ("DateTime", "Instant"):
        if moment := clock.moment(resource.get(f"{what}{kind}")):
            return moment, moment.known, None
    period = clock.period(resource.get(f"{what}Period"))
    start = needed(period.start or period.end, what)
    if period.end:
        return start, max(start.known, period.end.known), period
    if here.place is None or here.place.end is None:
        raise SetAsideError(f"{what}Period.end: missing, and no end of an encounter")
    return start, max(start.known, here.place.end), period


def minutes(period: Period | None) -> float | None:
    """Return how long a period with two exact ends lasted."""
    if period is None or period.start is None or period.end is None or not (period.start.exact and period.end.exact):
        return None
    lasted = period.end.first - period.start.first
    return lasted / timedelta(minutes=1) if lasted >= timedelta(0) else None
