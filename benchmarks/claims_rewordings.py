"""Rewordings of a sentence that leave it true: the grammar that ``claims`` tests with.

Written apart from the faults and from the grammar that the detector was fitted to (``claims_training_grammar``), with
other words and other turns; by the same hand, though, and partly in words that the lexicon knows: the three kinds of
real rewordings (``claims_pairs``) are the harder test. Deterministic: what is done depends on the sentence's key alone.
"""

from __future__ import annotations

import re

from benchmarks.claims_sources import draw
from xhaim.llm.dates import MONTHS, find_dates, parts_of

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TURNS: tuple[tuple[str, str], ...] = (
    (r"^No (?:evidence of )?([a-z][\w -]+?)(?: (?:is|are) (?:seen|identified)| identified| seen)?\.$",
     r"One does not see any \1."),
    (r"^There (?:is|are) no (?:evidence of )?([^,.]+)\.$", r"The examination is free of \1."),
    (r"^There (?:is|are|was|were) (?!no\b)(?:an? )?([^,.]+)\.$", r"One finds \1."),
    (r"^(?:The )?[Pp]atient denies ([^.;]+)\.$", r"When asked, the patient said there was no \1."),
    (r"^(?:The )?[Pp]atient (?:reports|states) ([^.;]+)\.$", r"In the patient's own account: \1."),
    (r"^(?:He|She) denies ([^.;]+)\.$", r"The person does not suffer from \1."),
    (r"^(?:He|She) has an? (\S+(?: \S+){0,3})\.$", r"There is a \1 in this person."),
    (r"^(?:The )?([A-Za-z]+(?: [a-z]+)?) (?:is|are) normal\.$", r"Nothing is wrong with the \1, which appears normal."),
    (r"^(?:The )?([A-Za-z]+(?: [a-z]+)?) (?:is|are) clear\.$",
     r"Nothing abnormal is seen in the \1, which look clear."),
    (r"^(?:The )?(?!Her|His)([A-Za-z]+(?: [a-z]+){0,3}) (?:is|are|appears?) within normal limits\.$",
     r"A normal \1 is described."),
    (r"\b([Ll]eft|[Rr]ight) (pleural effusion|effusion|pneumothorax|pneumonia|lung|arm|leg|knee|hip|shoulder|hand|foot|"
     r"ear|eye)(?=[.,;]| (?:is|are|was|has|and|with)\b)",
     r"\2 on the \1 side"),
    (r"\b(mild|moderate|severe) (cardiomegaly|pain|edema|effusion|dyspnea|swelling|tenderness|stenosis|atelectasis)\b",
     r"\2 of \1 degree"),
    (r"\b(\d+)-year-old\b", r"person \1 years of age who is a"),
    (r"\b(denies|no|without|reports|of) ([a-z]{4,}), ([a-z]{4,}),? (and|or) ([a-z]{4,})(?=[.,])", r"\1 \3, \5 \4 \2"),
    (r"\b(denies|no|without|reports|of) ([a-z]{5,}) (and|or) ([a-z]{5,})(?=[.,])", r"\1 \4 \3 \2"),
)  # fmt: skip
_SYNONYMS: tuple[tuple[str, str], ...] = (
    (r"shortness of breath", "breathlessness"), (r"hypertension", "high blood pressure"),
    (r"high blood pressure", "hypertension"),
    (r"cardiomegaly", "enlarged heart"),
    (r"[Hh]eart (?:size )?is (mildly )?enlarged", r"there is \1cardiac enlargement"),
    (r"pleural effusions?", "fluid in the pleural space"), (r"pneumothorax", "collapsed lung"),
    (r"nausea", "queasiness"),
    (r"vomiting", "throwing up"), (r"fever", "raised body temperature"), (r"headaches?", "pain in the head"),
    (r"fatigue", "tiredness"), (r"chest pain", "pain in the chest"), (r"abdominal pain", "pain in the belly"),
    (r"swelling", "edema"), (r"edema", "swelling"), (r"diarrhea", "loose stools"), (r"dizziness", "light-headedness"),
    (r"surgery", "operation"), (r"myocardial infarction", "heart attack"), (r"stroke", "cerebrovascular accident"),
    (r"bilateral(?:ly)?", "on both sides"), (r"pulmonary", "lung"), (r"cardiac", "heart"), (r"renal", "kidney"),
    (r"hepatic", "liver"), (r"osseous|bony", "bone"), (r"abdomen", "belly"), (r"tobacco", "cigarettes"),
    (r"physician", "doctor"),
    (r"erythema", "redness"), (r"pruritus", "itching"), (r"infiltrates?", "opacity"), (r"opacity", "opacification"),
    (r"increased", "risen"), (r"enlarged", "increased in size"), (r"small", "little"), (r"mild(?!ly)", "slight"),
    (r"mildly", "somewhat"),
    (r"severe(?!ly)", "pronounced"),
    (r"large", "sizeable"), (r"minimal", "very slight"), (r"marked(?!ly)", "pronounced"),
    (r"moderate(?!ly)", "medium-grade"),
    (r"unchanged", "the same as before"), (r"stable", "steady"), (r"decreased", "fallen"),
    (r"improved", "got better"), (r"worsened|worsening", "getting worse"), (r"elevated", "above normal"),
    (r"acute", "sudden-onset"),
    (r"bid|b\.i\.d\.|twice daily|twice a day", "two times a day"), (r"once daily|every day|q\.?d\.?", "one time a day"),
    (r"t\.i\.d\.|three times a day", "thrice daily"), (r"approximately", "about"),
    (r"demonstrates?|shows?", "discloses"),
    (r"presents? (?:today )?with", "comes in with"), (r"complains of", "is troubled by"),
    (r"(?<!family )history of", "past record of"),
    (r"physical examination|physical exam", "bodily examination"), (r"was diagnosed with", "was found to suffer from"),
    (r"was admitted", "was taken into hospital"), (r"medications?", "drugs"), (r"lasix", "furosemide"),
    (r"tylenol", "acetaminophen"),
    (r"CT", "computed tomography"), (r"MRI", "magnetic resonance imaging"),
    (r"chest x-?ray", "radiograph of the chest"),
    (r"[Cc]ardiomediastinal silhouette", "outline of heart and mediastinum"), (r"fractures?", "broken bone"),
    (r"lesions?", "sore"),
    (r"[Ll]ungs are clear", "lung fields are free"), (r"mother", "mom"), (r"father", "dad"), (r"alcohol", "drink"),
    (r"difficulty", "trouble"), (r"began|started", "set in"), (r"diabetes(?: mellitus)?", "diabetic disease"),
    (r"gentleman", "man"), (r"lady", "woman"), (r"tender", "painful to touch"), (r"lower extremit(?:y|ies)", "legs"),
    (r"upper extremit(?:y|ies)", "arms"), (r"coronary artery disease", "coronary heart disease"),
    (r"cough", "coughing"),
)  # fmt: skip
_UNITS = {
    "mg": "milligrams",
    "cm": "centimeters",
    "mm": "millimeters",
    "%": " percent",
    "kg": "kilograms",
    "mL": "milliliters",
}
_ITEM = re.compile(r"^(?:\d{1,2}[.)]|[-*•])\s+")
_FRAMES = (
    "As documented, {}", "From the notes: {}", "The written record has it that {}", "It was put down that {}", "{}",
    "In this case {}", "Of note, {}", "One reads that {}", "{}",
)  # fmt: skip


def reworded(sentence: str, key: str) -> str | None:
    """Return the sentence in other words; ``None`` where fewer than two turns were possible or too much stayed."""
    text, changes = _restructured(_ITEM.sub("", sentence.strip()))
    for old, new in _SYNONYMS:
        after = re.sub(rf"\b(?:{old})\b", new, text, count=2)
        if after != text and draw(key + old, 4) > 0:
            text, changes = after, changes + 1
    text, more = _figures(text, key)
    framed = _framed(text, key)
    changes += more + (framed != text)
    return framed if changes >= 2 and _likeness(sentence, framed) < 0.85 else None


def _restructured(text: str) -> tuple[str, int]:
    changes = 0
    for old, new in _TURNS:
        after = re.sub(old, new, text, count=1)
        changes += after != text
        text = after
    return text, changes


def _figures(text: str, key: str) -> tuple[str, int]:
    """Write units out, small numbers in words, and dates in another form."""
    before = text
    for start, end, match in reversed(find_dates(text)):
        year, month, day = parts_of(match)
        if year and month and day and not match.groupdict().get("short"):
            text = f"{text[:start]}{day} {MONTHS[month - 1]} {year}{text[end:]}"
    text = re.sub(r"(?<=\d) ?(mg|cm|mm|%|kg|mL)(?![\w/]| Hg)", lambda m: f" {_UNITS[m[1]].strip()}", text)
    text = re.sub(
        r"(?<![\w./:-])(\d)(?= (?:days|weeks|months|years|hours|times|cm)\b)", lambda m: _WORDS[int(m[1])], text
    )
    if draw(key, 2):
        text = re.sub(r"\b(\d+(?:\.\d+)?) centimeters", lambda m: f"{float(m[1]) * 10:g} millimeters", text)
    return text, int(text != before)


def _framed(text: str, key: str) -> str:
    frame = _FRAMES[draw(key + "frame", len(_FRAMES))]
    opens = text.split(maxsplit=1)[0] if text.strip() else ""
    lower = frame != "{}" and opens.isalpha() and not opens.isupper() and opens[1:].islower()
    return frame.format(text[0].lower() + text[1:] if lower else text)


def _likeness(one: str, other: str) -> float:
    ours, theirs = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(ours & theirs) / len(ours | theirs)
