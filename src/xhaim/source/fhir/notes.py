"""DiagnosticReport and DocumentReference: notes, of which kind, and when they were known."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from xhaim import events as ev
from xhaim.source.fhir.events import Event, Here, Known, refuse
from xhaim.source.fhir.happened import happened
from xhaim.source.fhir.names import Name, reference
from xhaim.source.fhir.texts import text_of
from xhaim.source.fhir.unused import SetAsideError
from xhaim.source.fhir.values import Json, at, codings, each, said, slug, words

REPORT_LAG = timedelta(hours=24)

CLOCK: dict[str, str] = {
    "DiagnosticReport": "issued, never before effective[x]; without it, 24 h after effective[x] ended",
    "DocumentReference": "date, or the attachment's creation where that is later; without both, the end of "
    "context.period; without docStatus its text may have grown: never before meta.lastUpdated, and 24 h after its date "
    "without that",
    "discharge summaries": "never before the end of their encounter, nor of an admission that was going on at their "
    "date; set aside where that has no end",
}

RADIOLOGY, DISCHARGE = "radiology", "discharge"
KINDS: dict[str, str] = {
    **dict.fromkeys(("18748-4", "18782-3", "68604-8", "LP29684-5"), RADIOLOGY),
    **dict.fromkeys(("30745-4", "30746-2", "36554-4", "36572-6", "36643-5", "24648-8", "24627-2"), RADIOLOGY),
    **dict.fromkeys(("18842-5", "11490-0", "28655-9", "34105-7", "28574-2", "8648-8", "8653-8"), DISCHARGE),
    "11506-3": "progress",
    "34117-2": "history-and-physical",
    "11488-4": "consult",
    "34746-8": "nursing",
    "34111-5": "emergency",
    "11504-8": "operation",
    "11524-6": "ecg",
    "42148-7": "echo",
}
"""LOINC codes and parts of documents and studies."""
_RADIOLOGY_SERVICES = ("RAD", "RX", "XRC", "CT", "NMR", "RUS")
"""HL7 v2 table 0074: the service that made the report."""
_DISCHARGE = re.compile(
    r"^\W*discharge\b|\bdischarge\W+(summar|note|letter|report|instruction|document|abstract|record)"
    r"|\b(summary|letter) (of|at|on|for) discharge\b|\bhospital\W+course\b"
    r"|\b(death|dismissal|expiration|final hospital)\W+(summary|note)\b"
    r"|entlass|epikrise|epicris|lettre de (sortie|liaison)|informe de alta",
    re.IGNORECASE,
)
"""Names of what tells how a stay in hospital ended. Too many is late, too few is a leak."""
_IMAGING = re.compile(
    r"\b(xr|cxr|x-?\s?rays?)\b|radiograph|\bradiolog|\bimaging\b|r(ö|oe|o)ntgen|\bt(h|ó)?orax\b"
    r"|\bchest\b.*\b(ap|pa|films?|views?|portable)\b|^(ct|cta|mri|mra|us)\b(?!\W*(surg|icu))"
    r"|\b(ct|mri) scan|\btomogra|\bultraso|\bsonogra",
    re.IGNORECASE,
)
"""Names of what reports on pictures."""


def diagnostic_report(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return the report as a note, linked to its imaging study."""
    refuse(resource, "entered-in-error", "cancelled", "registered")
    text = text_of([*each(resource, "presentedForm")], words(resource.get("conclusion")))
    issued = known.clock.moment(resource.get("issued"))
    if issued and not any(name in resource for name in ("effectiveDateTime", "effectivePeriod")):
        start, over = issued, issued.known
    else:
        start, over, _ = happened(resource, "effective", known.clock, here)
    pictures = reference(at(resource, "imagingStudy"))
    kind = _kind(None, bool(pictures), resource.get("code"), *each(resource, "category"))
    name = known.name(pictures) or _pictured(resource, known)
    known_at = max(over, issued.known) if issued else over + REPORT_LAG
    event = _note(kind, said(resource.get("code")), text, start.first, known_at)
    event["study_id"] = known.studies.get(name.name) if name else None
    return [_ended(event, known, here) if kind == DISCHARGE else event]


def _pictured(resource: dict[str, Any], known: Known) -> Name | None:
    """Return the study of the pictures that a report links."""
    links = (known.name(reference(one.get("link"))) for one in each(resource, "media"))
    studies = [study for link in links if link for study in known.films.studies.get(link.name, {}).values()]
    return Name(min(studies)) if studies else None


def document_reference(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return the document as a note."""
    refuse(resource, "entered-in-error")
    refuse(resource, "entered-in-error", key="docStatus")
    attached = [part for content in each(resource, "content") for part in each(content, "attachment")]
    text = text_of(attached, None)
    clock = known.clock
    dates = [clock.moment(resource.get("date")), *(clock.moment(part.get("creation")) for part in attached)]
    period = clock.period(at(resource, "context", "period"))
    said_at = [moment for moment in dates if moment] or [moment for moment in (period.end,) if moment]
    if not said_at:
        raise SetAsideError("date: missing, or not a date or time")
    known_at = max(moment.known for moment in said_at)
    if words(resource.get("docStatus")) is None:
        known_at = max(known_at, here.updated.known) if here.updated else known_at + REPORT_LAG
    title = words(resource.get("description"))
    kind = _kind(title, False, resource.get("type"), *each(resource, "category"))
    time: datetime = min(moment.first for moment in said_at)
    event = _note(kind, title or said(resource.get("type")), text, time, known_at)
    return [_ended(event, known, here, period.end.known if period.end else None) if kind == DISCHARGE else event]


def _note(kind: str, title: str | None, text: str, time: datetime, known_at: datetime) -> Event:
    title = f"Radiology: {title}" if kind == RADIOLOGY and title else title
    return {"code": f"{ev.NOTE}//{kind}", "time": time, "known_at": known_at, "text_value": text, "title": title}


def _ended(summary: Event, known: Known, here: Here, served: datetime | None = None) -> Event:
    """Return a discharge summary as known at the end of its stay, and as of that stay.

    Its stay: the encounter it names, and any admission that was going on at its date. ``served``: the end of the time
    it says it is about. Raises SetAsideError where the stay has no end.
    """
    dated: datetime = summary["known_at"]  # type: ignore[assignment]  # a note has one
    spans = known.admissions.get(here.subject, [])
    open_then = sorted(span for span in spans if span.start <= dated and (span.end is None or span.end > dated))
    ends = [span.end for span in open_then] + ([here.place.end] if here.place else [])
    stated = [end for end in ends if end]
    if len(stated) < len(ends):
        raise SetAsideError("a discharge summary, and its encounter has no end")
    hadm_id = here.place.hadm_id if here.place else None
    hadm_id = hadm_id or (open_then[-1].hadm_id if open_then else None)
    return {**summary, "known_at": max(dated, served or dated, *stated), "hadm_id": hadm_id}


def _kind(title: str | None, pictures: bool, *concepts: Json) -> str:
    """Return the kind of a note: discharge by any name; else by a known code; else imaging, by link, code or name.

    Else the words of the first concept that has some. ``pictures``: whether an imaging study is linked.
    """
    names = [name for concept in concepts for name in _names(concept)]
    if any(_DISCHARGE.search(name) for name in (title or "", *names)):
        return DISCHARGE
    for concept in concepts:
        for system, code, _ in codings(concept):
            if code in KINDS:
                return KINDS[code]
            if code in {"RAD", "imaging"} or (code in _RADIOLOGY_SERVICES and "0074" in system):
                return RADIOLOGY
    if pictures or any(_IMAGING.search(name) for name in (title or "", *names)):
        return RADIOLOGY
    return slug(next((name for concept in concepts if (name := said(concept))), "")) or "other"


def _names(concept: Json) -> list[str]:
    """Return every name of a concept: its text, and what its codings display."""
    displays = [
        words(coding.get("display")) for coding in (concept, *each(concept, "coding")) if isinstance(coding, dict)
    ]
    return [name for name in (words(at(concept, "text")), *displays) if name]
