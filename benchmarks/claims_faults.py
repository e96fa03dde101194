"""Faults put into a true sentence, one at a time: what ``claims`` must find.

Written apart from what the detector was fitted to.

A fault counts only where the evidence does not happen to say the changed thing: what changed is looked for there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from benchmarks.claims_sources import Truth, draw
from xhaim.llm.dates import find_dates, moved

_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBER = re.compile(
    r"(?<![\w./-])\d+(?:\.\d+)?(?![\w/+]|\.\d|[.)]\s)(?!-(?:view|lead|vessel)\b)|(?<![\w./-])\d+(?=-(?:year|month|week|day)\b)"
)
_SIDES = {
    "left": ("right",), "right": ("left",), "bilateral": ("left", "right"),
    "bilaterally": ("on the left", "on the right"),
    "left-sided": ("right-sided",), "right-sided": ("left-sided",),
}  # fmt: skip
_UNITS = {
    "mg": ("mcg", "g"), "mcg": ("mg",), "g": ("mg",), "cm": ("mm",), "mm": ("cm",), "ml": ("L",), "mL": ("L",),
    "L": ("mL",),
    "hours": ("days",), "hour": ("day",), "days": ("weeks", "months"), "day": ("week",), "weeks": ("months", "days"),
    "week": ("month",), "months": ("years", "weeks"), "month": ("year",), "years": ("months",), "year": ("month",),
    "minutes": ("hours",), "kg": ("lb",), "lb": ("kg",), "pounds": ("kg",), "F": ("C",), "C": ("F",),
    "mg/dL": ("g/dL",),
    "g/dL": ("mg/dL",), "mEq/L": ("mg/dL",), "units": ("mg",), "percent": ("mg",), "packs": ("cigarettes",),
}  # fmt: skip
_SEVERITY = {
    "mild": ("severe", "moderate"), "mildly": ("severely", "markedly"), "minimal": ("marked", "moderate"),
    "small": ("large", "moderate"), "slight": ("marked",), "slightly": ("markedly",), "moderate": ("mild", "severe"),
    "moderately": ("mildly",), "severe": ("mild", "moderate"), "severely": ("mildly",), "marked": ("mild",),
    "markedly": ("slightly",), "large": ("small", "tiny"), "trace": ("large",), "massive": ("small",),
    "tiny": ("large",),
    "extensive": ("minimal",), "huge": ("small",), "minimally": ("severely",), "subtle": ("marked",),
}  # fmt: skip
_TREND = {
    "improved": ("worsened",), "improving": ("worsening",), "improvement": ("worsening",), "worsened": ("improved",),
    "worsening": ("improving",), "worse": ("better",), "better": ("worse",), "increased": ("decreased", "unchanged"),
    "increasing": ("decreasing",), "decreased": ("increased",), "decreasing": ("increasing",), "elevated": ("reduced",),
    "unchanged": ("increased", "improved"), "stable": ("worsening", "enlarging"), "higher": ("lower",),
    "enlarged": ("smaller",),
    "high": ("low",), "low": ("high",), "larger": ("smaller",), "smaller": ("larger",), "resolved": ("worsened",),
    "increase": ("decrease",), "decrease": ("increase",), "progressed": ("regressed",), "diminished": ("increased",),
}  # fmt: skip
_NEGATION: tuple[tuple[str, str], ...] = (
    (r"\bThere (?:is|are) no\b", "There is"), (r"\bthere (?:is|are) no\b", "there is"),
    (r"\bNo (?!known|other|longer)", ""),
    (r"\bno evidence of\b", "evidence of"), (r"\bdenies\b", "reports"), (r"\bdenied\b", "reported"),
    (r"\bDenies\b", "Reports"), (r"\bwithout\b(?! (?:difficulty|contrast))", "with"),
    (r"\b(is|are|was|were|has|have|does|did|do) not\b", r"\1"),
    (r"\bhas no\b", "has"), (r"\bhad no\b", "had"), (r"\bnegative for\b", "positive for"),
    (r"\bunremarkable\b", "abnormal"),
    (r"\bafebrile\b", "febrile"), (r"\bare clear\b", "are not clear"), (r"\bwithin normal limits\b", "abnormal"),
    (r"\bThere (is|are|was|were)\b(?! no)", r"There \1 no"), (r"\bthere (is|are|was|were)\b(?! no)", r"there \1 no"),
    (r"\b(reports|endorses)\b", "denies"), (r"\bcomplains of\b", "denies"),
    (r"\bhas a history of\b", "has no history of"),
    (r"\bpositive for\b", "negative for"), (r"\bis normal\b", "is abnormal"), (r"\bare normal\b", "are abnormal"),
    (r"\b(is|are|was|were) (?!no|not\b)", r"\1 not "), (r"\bhas (?=a|an\b)", "does not have "),
    (r"\bshows?\b", "does not show"),
    (r"\bdemonstrates?\b", "does not demonstrate"), (r"\bHistory of\b", "No history of"), (r"\bnormal\b", "abnormal"),
    (r"\btakes\b", "does not take"), (r"\bwith (?=a|mild|small|left|right)", "without "),
)  # fmt: skip
_INVENTED = (
    "a pneumothorax", "hemoptysis", "atrial flutter", "a pulmonary embolism", "ascites", "a splenic infarct",
    "hydronephrosis",
    "melena", "a hip fracture", "diverticulitis", "aortic dissection", "hyperkalemia", "a subdural hematoma",
    "gallstones",
    "meningitis", "endocarditis", "jaundice", "cellulitis of the foot", "a seizure", "ventricular tachycardia",
    "peripheral neuropathy",
    "psoriasis", "a thyroid nodule", "optic neuritis", "glaucoma", "lymphoma", "osteomyelitis",
    "a deep vein thrombosis",
    "pancreatitis", "vertigo", "a pericardial effusion", "bronchiectasis", "sarcoidosis", "tuberculosis", "hematuria",
)  # fmt: skip
_INVENTED_DRUGS = (
    "amiodarone",
    "methotrexate",
    "lithium",
    "digoxin",
    "clozapine",
    "rifampin",
    "phenytoin",
    "tamoxifen",
    "colchicine",
)
KINDS = (
    "number", "unit", "date", "side", "negation", "severity", "trend", "invented finding", "other patient",
    "wrong citation",
)  # fmt: skip


def faulted(truth: Truth, kind: str, others: Sequence[Truth]) -> tuple[str, str] | None:
    """Return (sentence, evidence) with one fault of the kind; ``None`` where the sentence has no place for it.

    ``others``: true sentences of the same corpus, from which another patient's, or another passage, is taken.
    """
    if kind == "other patient":
        other = _unlike(truth, [one for one in others if one.doc_id != truth.doc_id], truth.evidence)
        return None if other is None else (other.sentence, truth.evidence)
    if kind == "wrong citation":
        far = [one for one in others if one.doc_id == truth.doc_id and abs(one.place - truth.place) > 4]
        cited = next((one for one in _from(truth, far) if _overlap(truth.sentence, one.evidence) < 0.4), None)
        return None if cited is None else (truth.sentence, cited.evidence)
    changed = _CHANGES[kind](truth)
    return None if changed is None or changed == truth.sentence else (changed, truth.evidence)


def _from(truth: Truth, options: Sequence[Truth]) -> list[Truth]:
    start = draw(truth.key, len(options)) if options else 0
    return [*options[start:], *options[:start]][:60]


def _unlike(truth: Truth, options: Sequence[Truth], evidence: str) -> Truth | None:
    return next((one for one in _from(truth, options) if _overlap(one.sentence, evidence) < 0.4), None)


def _overlap(sentence: str, evidence: str) -> float:
    ours, theirs = ({word.lower()[:5] for word in _WORD.findall(text)} for text in (sentence, evidence))
    return len(ours & theirs) / len(ours) if len(ours) >= 3 else 1.0


def _number(truth: Truth) -> str | None:
    dates = [(start, end) for start, end, _ in find_dates(truth.sentence)]
    places = [m for m in _NUMBER.finditer(truth.sentence) if not any(a <= m.start() < b for a, b in dates)]
    if not places:
        return None
    match = places[draw(truth.key, len(places))]
    old = match.group()
    digits = old.replace(".", "")
    new = [
        f"{float(old) * 10:g}",
        f"{float(old) + 1 + draw(old, 7):g}",
        digits[::-1].lstrip("0"),
        f"{float(old) + 20:g}",
    ]
    new = new[draw(truth.key + old, 4) :] + new
    told = next(
        (one for one in new if one and one != old and not re.search(rf"(?<!\d){re.escape(one)}(?!\d)", truth.evidence)),
        None,
    )
    return None if told is None else truth.sentence[: match.start()] + told + truth.sentence[match.end() :]


def _unit(truth: Truth) -> str | None:
    listed = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
    places = list(re.finditer(rf"(?<=\d)([ -]?)({listed})(?![\w/]| ?Hg)", truth.sentence))
    return _swapped(truth, [(m.start(2), m.end(2), _UNITS[m[2]]) for m in places])


def dated(truth: Truth) -> Truth:
    """Return a truth with a day before it, in its evidence too: the notes themselves have hardly any, for privacy."""
    number = draw(truth.key, 28 * 12 * 9)
    day = date(2012 + number % 9, 1 + number // 9 % 12, 1 + number // 108)
    opening = (f"On {day:%m/%d/%Y}: ", f"{day:%B} {day.day}, {day.year}: ")[number % 2]
    flat = " ".join(truth.evidence.split())
    return replace(
        truth, sentence=opening + truth.sentence, evidence=flat.replace(truth.sentence, opening + truth.sentence, 1)
    )


def _date(truth: Truth) -> str | None:
    found = find_dates(truth.sentence)
    clocks = list(re.finditer(r"\b(\d{1,2}):([0-5]\d)\b", truth.sentence))
    if found:
        start, end, match = found[draw(truth.key, len(found))]
        new = moved(match, (3, 31, 40, 370, -9)[draw(truth.key, 5)])
        return None if new is None or new in truth.evidence else truth.sentence[:start] + new + truth.sentence[end:]
    if clocks:
        match = clocks[0]
        new = f"{(int(match[1]) + 3) % 24}:{match[2]}"
        return None if new in truth.evidence else truth.sentence[: match.start()] + new + truth.sentence[match.end() :]
    return None


def _table(table: dict[str, tuple[str, ...]]) -> Callable[[Truth], str | None]:
    pattern = re.compile(rf"\b(?:{'|'.join(sorted(table, key=len, reverse=True))})\b(?!-\w)(?! \(?(?:away|now|handed))")
    return lambda truth: _swapped(truth, [(*m.span(), table[m.group()]) for m in pattern.finditer(truth.sentence)])


def _swapped(truth: Truth, places: Sequence[tuple[int, int, Sequence[str]]]) -> str | None:
    """Put another word at one of the places, if the evidence does not say the same there."""
    for start, end, options in places[draw(truth.key, len(places)) :] + places[:1] if places else ():
        new = options[draw(truth.key, len(options))]
        behind, before = truth.sentence[end : end + 14], truth.sentence[max(0, start - 8) : start]
        flat = " ".join(truth.evidence.split()).lower()
        if f"{new}{behind}".lower() not in flat and f"{before}{new}".lower() not in flat:
            return truth.sentence[:start] + new + truth.sentence[end:]
    return None


def _negation(truth: Truth) -> str | None:
    for old, new in _NEGATION:
        changed = re.sub(old, new, truth.sentence, count=1)
        if changed != truth.sentence:
            changed = changed.lstrip()
            return changed[:1].upper() + changed[1:]
    return None


def _invented(truth: Truth) -> str | None:
    drugs = re.search(r"\b(?:\d mg|tablet|takes|medications?)\b", truth.sentence) is not None
    options = _INVENTED_DRUGS if drugs else _INVENTED
    start = draw(truth.key, len(options))
    absent = (
        o for o in [*options[start:], *options[:start]] if o.split()[-1].lower()[:6] not in truth.document.lower()
    )
    new = next(absent, None)
    if new is None or re.search(r"(?i)\b(?:no|not|denies|without|negative|denied)\b", truth.sentence):
        return None
    body = truth.sentence.rstrip(". ")
    return (f"{body} and {new}.", f"{body}, as well as {new}.", f"{body}, with {new}.")[draw(truth.key, 3)]


_CHANGES: dict[str, Callable[[Truth], str | None]] = {
    "number": _number, "unit": _unit, "date": _date, "side": _table(_SIDES), "negation": _negation,
    "severity": _table(_SEVERITY), "trend": _table(_TREND), "invented finding": _invented,
}  # fmt: skip
