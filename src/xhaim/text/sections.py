"""Sections of clinical notes by their headings: ``FINDINGS:``, ``Past Medical History:``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A named stretch of a note, its heading included; half-open offsets in characters."""

    name: str
    """Upper case, without the colon; empty for what stands before the first heading."""
    start: int
    end: int


_KNOWN = """
addendum|admission diagnosis|admission labs|admission medications|admission physical exam(?:ination)?|allergies
assessment|assessment and plan|assessment & plan|attending|brief hospital course|chief complaint
clinical (?:history|indication|information|statement)|clinical data|comparisons?|conclusions?|date of birth
discharge condition|discharge diagnos[ie]s|discharge disposition|discharge exam|discharge instructions|discharge labs
discharge medications|discharge physical exam(?:ination)?|discharge status|disposition|ecg|echocardiogram|events
examination|exam|facility|family history|final diagnosis|final report|findings|follow-?up instructions|follow-?up
follow up instructions|follow up
history|history of (?:the )?present illness|home medications|hospital course|hpi|imaging|impression|indications?
interval history|labs|laboratory data|major surgical or invasive procedure|medications|medications on admission
microbiology|notification|past medical history|past surgical history|pertinent results|physical exam(?:ination)?|plan
pmh|procedures?|psh|reason for exam(?:ination)?|reason for this examination|recommendations?|review of systems|ros
service|social history|studies|technique|transitional issues|wet read
"""
_NAMES = _KNOWN.strip().replace("\n", "|").replace(" ", "[ ]")
# Longer runs of capitals are headings too, but labels of organs and vital signs belong to their sentence.
_LABELS = (
    "LUNGS LUNG HEART HEENT NEURO ABDOMEN PLEURA BONES CHEST CARDIAC MEDIASTINUM EXTREMITIES GENERAL VITALS NECK "
    "PULMONARY CARDIOVASCULAR RESPIRATORY SKELETAL SPINE VASCULATURE TUBES LINES DEVICES OTHER DIAPHRAGM HILA "
    "AIRWAYS TRACHEA AORTA LIVER SPLEEN KIDNEYS PANCREAS PELVIS PSYCH NEUROLOGIC NEUROLOGICAL GASTROINTESTINAL "
    "PLATELETS GLUCOSE SODIUM POTASSIUM LACTATE CREATININE TROPONIN"
)
_NOT_A_SECTION = frozenset(_LABELS.split())
_HEADING = re.compile(
    rf"""
      (?im:^[ \t]*(?P<known>{_NAMES})[ \t]*:)                                 # a known name opens a line
    | (?<![^\s.;])(?P<caps>(?-i:{_NAMES.upper()}))[ \t]*:                     # or stands in capitals anywhere
    | (?m:^[ \t]*(?P<run>[A-Z][A-Z0-9 ,/&()\-]{{4,60}})[ \t]*:)               # a run of capitals opens a line
    | (?m:^[ \t]*(?P<alone>[A-Z][A-Za-z]+(?:[ /][A-Za-z]+){{0,5}})[ \t]*:[ \t]*$)  # a title has a line to itself
    """,
    re.VERBOSE,
)


def headings(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end after the colon, NAME) of every section heading, in order of the text."""
    found = []
    for match in _matches(text):
        kind = str(match.lastgroup)
        name = " ".join(match[kind].split()).upper()
        if name not in _NOT_A_SECTION:
            found.append((match.start(kind), match.end(), name))
    return found


def _matches(text: str) -> Iterator[re.Match[str]]:
    """Find headings where there is a colon, one line at a time: none goes over the end of its line."""
    end = 0
    while (colon := text.find(":", end)) >= 0:
        start, end = text.rfind("\n", 0, colon) + 1, text.find("\n", colon)
        end = end if end >= 0 else len(text)
        yield from _HEADING.finditer(text, start, end)


def sections(text: str) -> list[Section]:
    """Return the sections of a note; they tile ``[0, len(text))``, so no text is lost."""
    if not text:
        return []
    marks = headings(text)
    starts = [start for start, _, _ in marks]
    names = [name for _, _, name in marks]
    if not starts or text[: starts[0]].strip():
        starts, names = [0, *starts], ["", *names]
    else:
        starts[0] = 0
    return [Section(name, start, end) for name, start, end in zip(names, starts, [*starts[1:], len(text)], strict=True)]
