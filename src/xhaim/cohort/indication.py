"""What a report says before the film was read: the indication, in its strictest reading.

To lose an indication is harmless, to show a reading is not. So much of a report is trusted as a heading says, and no
more: a section runs to the next heading, and a reading may stand below the indication without a heading of its own.
"""

from __future__ import annotations

import re

from xhaim.text.sections import Section, sections

BEFORE_READING = frozenset(
    {
        "INDICATION",
        "INDICATIONS",
        "CLINICAL INDICATION",
        "CLINICAL INDICATIONS",
        "HISTORY",
        "CLINICAL HISTORY",
        "CLINICAL INFORMATION",
        "REASON FOR EXAM",
        "REASON FOR EXAMINATION",
        "REASON FOR THIS EXAMINATION",
    }
)
"""Sections that are written before the film is read."""
_ABOUT_THE_FILM = BEFORE_READING | {"TECHNIQUE", "EXAMINATION", "EXAM"}
_HEADING = re.compile(r"\s*[^:\n]*:[ \t]*(?:\r?\n)?")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_OF_A_READING = re.compile(
    r"\b(?:reads?|prelim\w*|reports?|findings?|impression|conclusion|pfi|addendum|interpretation|compar\w+"
    r"|there (?:is|are|has|have)|views?)\b",
    re.IGNORECASE,
)


def before_reading(text: str) -> str:
    """Return the indication of a report with its heading, or ``""``.

    Kept is the first sentence of the first line of each of BEFORE_READING above a FINDINGS section: without one, the
    reading stands nobody knows where. A sentence with a colon or a word of readings in it is lost whole.
    """
    parts = sections(text)
    above = parts[: _findings(parts) or 0]
    return "\n".join(kept for part in above if part.name in BEFORE_READING and (kept := _asked(text, part)))


def reading(text: str) -> str:
    """Return a report without the sections about patient and film above its FINDINGS; all of it without FINDINGS."""
    parts = sections(text)
    place = _findings(parts) or 0
    kept = [part for n, part in enumerate(parts) if n >= place or part.name not in _ABOUT_THE_FILM]
    return " ".join(text[part.start : part.end] for part in kept)


def _findings(parts: list[Section]) -> int | None:
    return next((place for place, part in enumerate(parts) if part.name.startswith("FINDING")), None)


def _asked(text: str, part: Section) -> str:
    whole = text[part.start : part.end]
    heading = _HEADING.match(whole)
    if heading is None:
        return ""
    line = next(iter(whole[heading.end() :].splitlines()), "")
    end = _SENTENCE_END.search(line)
    said = (line[: end.end()] if end else line).strip()
    if not said or ":" in said or _OF_A_READING.search(said):
        return ""
    return f"{' '.join(heading.group().split())} {said}"
