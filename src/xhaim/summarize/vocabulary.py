"""Words that a summary may use only where the chart does: what weighs, places, treats or foretells a finding."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WEIGHING = (
    r"now|today|current(?:ly)?|new(?:ly)?|acute|chronic|mild(?:ly)?|moderate(?:ly)?|severe(?:ly)?|small|large|trace|"
    r"minimal|massive|increas\w+|decreas\w+|worse\w*|improv\w+|resol\w+|unchanged|stable|enlarg\w+|never|always"
)
_PLACES = (
    r"upper|lower|middle|mid|lob(?:e|es|ar)|bas(?:e|es|al|ilar)|bibasilar|bibasal|ap(?:ex|ices|ical)|lingula\w*|hil\w{1,2}|"
    r"perihilar|retrocardiac|mediastin\w+|subpulmonic|fissur\w+|anterior|posterior|medial|lateral|abdom\w+|pelvi\w+|"
    r"brain|head|neck|liver|hepatic|kidneys?|renal|spleen|splenic|bowels?|stomach|gastric|arms?|legs?|knees?|hips?|"
    r"spin(?:e|al)|ribs?|shoulders?|foot|feet|hands?|skull|femur|femoral|jugular|subclavian"
)
_DEVICES = (
    r"catheters?|tubes?|lines?|drains?|pigtails?|pacemakers?|pacer|icd|defibrillators?|picc|stents?|valves?|clips?|wires?|"
    r"leads?|ports?|foley|ventilat\w+|intubat\w+|extubat\w+|tracheostom\w+|bronchoscop\w+|thoracentes\w+|paracentes\w+|"
    r"biops\w+|surger\w+|surgical\w*|operat\w+|dialy\w+|transfus\w+|ecmo|bipap|cpap|oxygen|cannula|chest\ tubes?"
)
_DRUGS = (
    r"\w{3,}(?:olol|pril|sartan|statin|mycin|micin|cillin|azole|oxacin|parin|clovir|navir|tidine|setron|dipine|semide|"
    r"thiazide|zepam|zolam|barbital|caine|curonium|gliptin|gliflozin|glitazone|phylline|(?<!s)terol|sone|solone|triptan|"
    r"xaban|gatran|penem|cycline|phrine|oxetine|zosin|dronate|umab|ximab|tinib|profen|fentan[iy]l|formin|lukast|"
    r"tanide|actone)|cef\w{3,}|insulin|heparin|warfarin|coumadin|aspirin|digoxin|lasix|amiodarone|morphine|propofol|"
    r"diuretics?|antibiotics?|steroids?|acetaminophen|hydralazine|nitroglycerin|diltiazem|verapamil|clopidogrel|"
    r"dobutamine|dopamine|milrinone|vasopressin|levophed|pressors?|anticoagula\w+|chemotherap\w+|metoclopramide"
)
_FORETELLING = r"probabilit\w*|likelihood|risks?|scores?|predict\w*|chances?|confidence|prognos\w*"
_KINDS: tuple[tuple[str, re.Pattern[str], int], ...] = tuple(
    (what, re.compile(rf"\b(?:{words})\b", re.IGNORECASE), letters)
    for what, words, letters in (
        ("a degree, a change or a time such as 'now'", _WEIGHING, 5),
        ("a part of the body", _PLACES, 3),
        ("a device or a procedure", _DEVICES, 4),
        ("a drug", _DRUGS, 99),
        ("a probability or risk", _FORETELLING, 5),
    )
)
"""What the words are, the words, and how many of their first letters must be the same."""


def foreign(sentence: str, cited: Sequence[str]) -> list[str]:
    """Return of which kinds the sentence has a word that no cited text has."""
    return [
        what
        for what, pattern, letters in _KINDS
        if _of(sentence, pattern, letters) - {word for text in cited for word in _of(text, pattern, letters)}
    ]


def _of(text: str, pattern: re.Pattern[str], letters: int) -> set[str]:
    return {word.lower()[:letters].rstrip("s" if letters > 9 else "") for word in pattern.findall(text)}
