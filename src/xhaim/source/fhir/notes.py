"""DiagnosticReport and DocumentReference: notes, with the text that stands in the resource itself.

What an attachment's url points at is never fetched. HTML becomes its words; scripts, styles and entities of its own do
nothing. PDF and other formats are counted as not used.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from xhaim import events as ev
from xhaim.source.fhir.events import Event, Here, Known, NotUsedError, SetAsideError, happened, refuse
from xhaim.source.fhir.names import reference
from xhaim.source.fhir.values import Json, at, codings, each, said, slug, words

MAX_TEXT_BYTES = 16 << 20
"""Of one attachment, decoded."""
REPORT_LAG = timedelta(hours=24)

CLOCK: dict[str, str] = {
    "DiagnosticReport": "issued, never before effective[x]; without it, 24 h after effective[x] ended",
    "DocumentReference": "date, or the attachment's creation where that is later; without both, the end of "
    "context.period; a discharge summary never before the end of its encounter",
}

RADIOLOGY, DISCHARGE = "radiology", "discharge"
KINDS: dict[str, str] = {
    **dict.fromkeys(("18748-4", "18782-3", "68604-8", "LP29684-5"), RADIOLOGY),
    **dict.fromkeys(("30745-4", "30746-2", "36554-4", "36572-6", "36643-5", "24648-8", "24627-2"), RADIOLOGY),
    **dict.fromkeys(("18842-5", "11490-0", "28655-9", "34105-7"), DISCHARGE),
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
_PLAIN = ("text/plain", "text/html", "application/xhtml+xml")
_CHARSETS = {"utf-8": "utf-8", "us-ascii": "utf-8", "iso-8859-1": "latin-1", "windows-1252": "cp1252"}
_SPACES = re.compile(r"\s+")


def diagnostic_report(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return the report as a note, linked to its imaging study."""
    refuse(resource, "entered-in-error", "cancelled", "registered")
    text = _texts([*each(resource, "presentedForm")], words(resource.get("conclusion")))
    issued = known.clock.moment(resource.get("issued"))
    if issued and not any(name in resource for name in ("effectiveDateTime", "effectivePeriod")):
        start, over = issued, issued.known
    else:
        start, over, _ = happened(resource, "effective", known.clock, here)
    kind = _kind(resource.get("code"), *each(resource, "category"))
    name = known.name(reference(at(resource, "imagingStudy")))
    title = said(resource.get("code"))
    return [
        {
            "code": f"{ev.NOTE}//{kind}",
            "time": start.first,
            "known_at": max(over, issued.known) if issued else over + REPORT_LAG,
            "text_value": text,
            "title": f"Radiology: {title}" if kind == RADIOLOGY and title else title,
            "study_id": known.studies.get(name.name) if name else None,
        }
    ]


def document_reference(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return the document as a note."""
    refuse(resource, "entered-in-error")
    refuse(resource, "entered-in-error", key="docStatus")
    attached = [part for content in each(resource, "content") for part in each(content, "attachment")]
    text = _texts(attached, None)
    clock = known.clock
    dates = [clock.moment(resource.get("date")), *(clock.moment(part.get("creation")) for part in attached)]
    period = clock.period(at(resource, "context", "period"))
    said_at = [moment for moment in dates if moment] or [moment for moment in (period.end,) if moment]
    if not said_at:
        raise SetAsideError("date: missing, or not a date or time")
    kind = _kind(resource.get("type"), *each(resource, "category"))
    known_at = max(moment.known for moment in said_at)
    if kind == DISCHARGE and here.place and here.place.end:
        known_at = max(known_at, here.place.end)
    title = words(resource.get("description")) or said(resource.get("type"))
    time: datetime = min(moment.first for moment in said_at)
    return [
        {"code": f"{ev.NOTE}//{kind}", "time": time, "known_at": known_at, "text_value": text, "title": title},
    ]


def _kind(*concepts: Json) -> str:
    """Return the kind of a note: by a known code of any concept, else the words of the first that has some."""
    for concept in concepts:
        for system, code, display in codings(concept):
            if code in KINDS:
                return KINDS[code]
            if "radiology" in (display or "").lower() or (code in _RADIOLOGY_SERVICES and "0074" in system):
                return RADIOLOGY
    named = next((name for concept in concepts if (name := said(concept))), "")
    return slug(named) or "other"


# ---- text ---------------------------------------------------------------------------------------------------------


def _texts(attached: list[dict[str, Any]], conclusion: str | None) -> str:
    """Return the words of the attachments, and the conclusion where they lack it.

    Raises NotUsedError where there are none, SetAsideError where an attachment cannot be read.
    """
    found: list[str] = []
    reasons = ["no text"]
    for part in attached:
        kind = (words(part.get("contentType")) or "text/plain").lower()
        if kind.split(";")[0].strip() not in _PLAIN:
            reasons.append("an attachment that is neither plain text nor HTML")
        elif words(part.get("data")):
            text = _decoded(part["data"], kind).strip()
            if text and text not in found:
                found.append(text)
        elif words(part.get("url")):
            reasons.append("an attachment by url: never fetched")
    if conclusion and not any(conclusion in text for text in found):
        found.append(f"CONCLUSION: {conclusion}" if found else conclusion)
    if not found:
        raise NotUsedError(max(reasons, key=lambda reason: (reason != "no text", reason)))
    return "\n\n".join(found)


def _decoded(data: str, kind: str) -> str:
    if len(data) > MAX_TEXT_BYTES * 4 // 3 + 1024:
        raise SetAsideError("attachment: more than 16 MiB")
    stated = re.search(r"charset\s*=\s*\"?([\w-]+)", kind)
    charset = _CHARSETS.get(stated[1] if stated else "utf-8")
    if charset is None:
        raise SetAsideError("attachment: a charset that is not read")
    try:
        text = base64.b64decode("".join(data.split()), validate=True).decode(charset)
    except (binascii.Error, ValueError):
        raise SetAsideError("attachment: not base64, or not text in its charset") from None
    if "\0" in text:
        raise SetAsideError("attachment: text with NUL")
    return _Words.of(text) if kind.startswith(_PLAIN[1:]) else text


class _Words(HTMLParser):
    """The words of HTML, a line for each block."""

    _BLOCKS = frozenset(
        ("p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "pre", "hr", "title")
    )
    _SILENT = frozenset(("script", "style", "head", "template"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._silent = 0

    @classmethod
    def of(cls, html: str) -> str:
        """Return the words of a page."""
        parser = cls()
        parser.feed(html)
        parser.close()
        lines = (_SPACES.sub(" ", line).strip() for line in "".join(parser._parts).split("\n"))
        text = "\n".join(line for line in lines if line)
        return "".join(char for char in text if not "\ud800" <= char <= "\udfff" and char != "\0")  # from &#xD800;

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line with a block."""
        del attrs  # no link, image or handler of a page matters
        self._silent += tag in self._SILENT
        self._parts.append("\n" if tag in self._BLOCKS else " " if tag in {"td", "th"} else "")

    def handle_endtag(self, tag: str) -> None:
        """End a block's line."""
        self._silent -= tag in self._SILENT and self._silent > 0
        self._parts.append("\n" if tag in self._BLOCKS else "")

    def handle_data(self, data: str) -> None:
        """Keep words that a reader would see."""
        if not self._silent:
            self._parts.append(data.replace("\n", " ").replace("\r", " "))
