"""The same facts in other words, by a grammar of our own; and its control, sentences that say the opposite.

Abbreviations are written out, phrases are put in words that mean the same, short sentences take another form: ``No
evidence of pneumothorax.`` becomes ``Pneumothorax is absent.`` What the rules of negation then read otherwise is
undone, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from xhaim.records import Document
from xhaim.run.stress_facts import Edited, Terms, body, drawn, named, rewritten, spliced, terms_of
from xhaim.task import Task

_LONG = {
    "pt": "patient", "pts": "patients", "w/o": "without", "s/p": "status post", "h/o": "history of",
    "hx": "history", "c/o": "complains of", "sob": "shortness of breath", "b/l": "bilateral", "r/o": "rule out",
    "cxr": "chest radiograph", "pna": "pneumonia", "chf": "congestive heart failure", "rll": "right lower lobe",
    "lll": "left lower lobe", "rul": "right upper lobe", "lul": "left upper lobe", "ett": "endotracheal tube",
    "incr": "increased", "bp": "blood pressure", "hr": "heart rate", "rr": "respiratory rate", "abx": "antibiotics",
    "afib": "atrial fibrillation", "uop": "urine output", "meds": "medications", "htn": "hypertension",
    "copd": "chronic obstructive pulmonary disease", "ckd": "chronic kidney disease", "y/o": "year old",
    "pl effusion": "pleural effusion", "hct": "hematocrit", "wbc": "white blood cell count", "dx": "diagnosis",
}  # fmt: skip
"""Abbreviation -> what it stands for."""
_SAME = (
    ("no evidence of", "no sign of"), ("without evidence of", "with no evidence of"), ("is seen", "is noted"),
    ("are seen", "are noted"), ("is identified", "is found"), ("compared to", "in comparison with"),
    ("as compared with", "in comparison with"), ("probably", "likely"), ("shows", "demonstrates"),
    ("prior", "previous"), ("approximately", "about"), ("owing to", "due to"), ("in keeping with", "consistent with"),
    ("may represent", "could represent"), ("chest x-ray", "chest radiograph"), ("again noted", "again seen"),
    ("hypotensive", "in hypotension"), ("was started on", "was begun on"), ("at this time", "at present"),
)  # fmt: skip
"""Pairs that mean the same; each is written as the other."""
_OTHERWISE = {**_LONG, **dict(_SAME), **{b: a for a, b in _SAME}}
_PHRASE = re.compile(
    r"(?<![\w/])(?:"
    + "|".join(
        re.escape(words).replace(r"\ ", r"\s+") for words in sorted(_OTHERWISE, key=lambda one: (-len(one), one))
    )
    + r")(?![\w/])",
    re.IGNORECASE,
)
_THING = r"(?P<thing>[A-Za-z][A-Za-z\s-]{2,60}?)"
_FORMS = (
    (re.compile(rf"(?:There\s+is\s+)?no\s+(?:evidence|signs?)\s+of\s+(?:an?\s+)?{_THING}\.", re.I),
     "{Thing} is absent."),
    (re.compile(rf"There\s+is\s+no\s+{_THING}\.", re.I), "No {thing} is seen."),
    (re.compile(rf"No\s+{_THING}\s+is\s+(?:seen|noted|identified)\.", re.I), "There is no {thing}."),
    (re.compile(rf"{_THING}\s+is\s+(?:absent|not\s+seen)\.", re.I), "There is no evidence of {thing}."),
    (re.compile(rf"There\s+is\s+(?:an?\s+)?{_THING}\.", re.I), "{Thing} is present."),
    (re.compile(rf"There\s+are\s+{_THING}\.", re.I), "{Thing} are present."),
    (re.compile(rf"{_THING}\s+is\s+(?:present|seen|noted)\.", re.I), "There is {thing}."),
    (re.compile(r"No\s+(?P<thing>[a-z]+(?:\s+[a-z]+){0,2})\.", re.I), "{Thing}: none."),
)  # fmt: skip
"""Whole short sentences -> another form of them; the first that fits."""
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|had|but|and|or|with|which|that)\b", re.IGNORECASE)


def paraphrased(documents: Sequence[Document], task: Task, time: datetime) -> Edited:
    """Put every phrase that the grammar knows in other words."""
    return rewritten(documents, task, otherwise)


def otherwise(sentence: str) -> tuple[str, int]:
    """Return a sentence in other words, and how many rules were used."""
    for form, other in _FORMS:
        found = form.fullmatch(sentence)
        if found and not _VERB.search(found["thing"]):
            thing = found["thing"]
            low = thing if thing[:2].isupper() else thing[0].lower() + thing[1:]
            return other.format(thing=low, Thing=thing[0].upper() + thing[1:]), 1
    return _PHRASE.subn(_in_case, sentence)


def _in_case(found: re.Match[str]) -> str:
    other = _OTHERWISE[" ".join(found[0].lower().split())]
    opens = found.start() == 0 or (found[0][:1].isupper() and not found[0].isupper())
    return other[0].upper() + other[1:] if opens else other


def turned_round(documents: Sequence[Document], task: Task, time: datetime) -> Edited:
    """Control of ``paraphrased``: as many sentences as it has edits say the opposite of a concept, as far as there are.

    What was affirmed is denied; what was denied or doubted is affirmed.
    """
    terms, wanted = terms_of(task), paraphrased(documents, task, time).made
    places = []
    for at, document in enumerate(documents):
        for start, end in body(document.text):
            sentence = document.text[start:end]
            opposite = _opposite(sentence, terms)
            if opposite is not None:
                places.append((drawn("round", sentence).random(), at, start, end, opposite))
    chosen = sorted(sorted(places)[:wanted], key=lambda place: place[1:])
    texts = []
    for at, document in enumerate(documents):
        pieces = [(start, end, new) for _, of, start, end, new in chosen if of == at]
        texts.append(replace(document, text=spliced(document.text, pieces)))
    return Edited(tuple(texts), len(chosen))


def _opposite(sentence: str, terms: Terms) -> str | None:
    said = sorted((one.start, one.end, one.polarity) for _, one in named(sentence, terms))
    if not said:
        return None
    start, end, polarity = said[0]
    thing = " ".join(sentence[start:end].split())
    return f"There is no {thing}." if polarity == "affirmed" else f"There is {thing}."
