"""Rewordings and faults that the shipped detector is fitted to; ``claims`` tests with others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from benchmarks.claims_sources import Truth, draw
from xhaim.llm.identifiers import words
from xhaim.verify.facets import facets
from xhaim.verify.lexicon import entries

_CHANGES: tuple[tuple[str, str], ...] = (
    (r"^There (?:is|are) no ([^.;]+)\.$", r"No \1."), (r"^No ([^.;,]+)\.$", r"There is no \1."),
    (r"^No ([^.;,]+)\.$", r"\1: none."),
    (r"^There (?:is|are) (?!no)([^.;]+)\.$", r"\1 is present."), (r"\bdenies (?:any )?([^.;,]+)\.$", r"reports no \1."),
    (r"\bdenies ([^.;,]+)", r"has no \1"), (r"\breports no\b", "denies"), (r"\bhas no\b", "is without"),
    (r"\bwithout\b", "with no"),
    (r"\b[Tt]he patient (?=\w+s\b)", "this patient "), (r"\bHe (?=\w)", "The patient "),
    (r"\bShe (?=\w)", "The patient "),
    (r"\breports\b", "states"), (r"\bstates that\b", "says"), (r"\bcomplains of\b", "has"),
    (r"\bpresents with\b", "has"),
    (r"\bis normal\b", "is unremarkable"), (r"\bunremarkable\b", "normal"), (r"\bwithin normal limits\b", "normal"),
    (r"\bshows\b", "demonstrates"), (r"\breveals\b", "shows"), (r"\bshowed\b", "revealed"), (r"\bhistory of\b", "h/o"),
    (r"\b(left|right) ([a-z]{3,12})\b(?! (?:and|or))", r"\1-sided \2"),
    (r"\b(left|right) ([a-z]{3,12})(?=[.,])", r"\2 on the \1"),
    (r"\bbilaterally\b", "in both"), (r"\bbilateral\b", "left and right"),
    (r"\b(mild|moderate|severe) ([a-z]+)(?=[.,])", r"\2, which is \1"),
    (r"\bmild\b", "minor"), (r"\bmildly\b", "slightly"), (r"\bsevere\b", "serious"), (r"\bsmall\b", "minor"),
    (r"\blarge\b", "big"),
    (r"\bmoderate\b", "moderately severe"), (r"\bincreased\b", "higher"), (r"\bdecreased\b", "reduced"),
    (r"\bunchanged\b", "stable"),
    (r"\bstable\b", "unchanged"), (r"\bimproved\b", "improving"), (r"\bimproving\b", "has improved"),
    (r"\bworse\b", "worsened"),
    (r"\bworsened\b", "deteriorated"), (r"\belevated\b", "high"), (r"\bhigh\b", "elevated"),
    (r"\b(\d+)-year-old\b", r"\1 y/o"),
    (r"\btwice (?:a day|daily)\b", "b.i.d."), (r"\bonce (?:a day|daily)\b", "q.d."), (r"\bdaily\b", "every day"),
    (r"\bhours\b", "hrs"),
    (r"\b(\d+) ?mg\b", r"\1 milligrams"), (r"\b(\d+) ?cm\b", r"\1 centimeter"), (r"\byears\b", "yrs"),
    (r"\bweeks\b", "wks"),
    (r"\btwo\b", "2"), (r"\bthree\b", "3"), (r"\bfour\b", "4"), (r"\bfive\b", "5"), (r"\bapproximately\b", "around"),
    (r"^(.{12,60}), (but|and) (.{12,})\.$", r"\3, \2 \1."),
    (r"^([A-Z][a-z]+ [^,.]{8,40}), ([^,.]{8,60})\.$", r"\2; \1."),
    (r", which [^,.]+\.$", "."), (r"\bphysical exam(?:ination)?\b", "examination"), (r"\bdue to\b", "because of"),
    (r"\bas well as\b", "and"),
    (r"\bpatient's\b", "person's"), (r"\bapproximately\b", "roughly"), (r"\bbegan\b", "started"),
    (r"\bstarted\b", "commenced"),
    (r"\bmedications\b", "meds"), (r"\bwalk\b", "ambulate"), (r"\bwoman\b", "lady"), (r"\bman\b", "gentleman"),
    (r"\bchild\b", "youngster"), (r"\bwork\b", "employment"), (r"\bsleep\b", "rest"), (r"\bhelp\b", "aid"),
    (r"\bbrought\b", "taken"), (r"\bfamily\b", "relatives"), (r"\bhusband\b", "spouse"), (r"\bwife\b", "spouse"),
    (r"\bfall\b", "tumble"), (r"\bphysician\b", "MD"), (r"\bhospital\b", "clinic"), (r"\bprocedure\b", "intervention"),
    (r"\bincision\b", "cut"), (r"\bnotable for\b", "remarkable for"), (r"\bconsistent with\b", "in keeping with"),
    (r"\bappear(s|ed)?\b", "look"), (r"\bwell-developed\b", "developed well"), (r"\bfrequent(ly)?\b", "often"),
    (r"\bdifficulty\b", "trouble"), (r"\bunable to\b", "cannot"), (r"\bability\b", "capacity"),
    (r"\brequires?\b", "needs"),
    (r"\bimaging\b", "scan"), (r"\btube\b", "line"), (r"\bcontrast\b", "dye"), (r"\bsurgical\b", "operative"),
    (r"\bassociated with\b", "together with"), (r"\bfollow-?up\b", "recheck"), (r"\bresidual\b", "remaining"),
    (r"\bprominent\b", "conspicuous"), (r"\bsoft\b", "supple"), (r"\bfocal\b", "localised"),
    (r"\bdiffuse\b", "generalised"),
    (r"\blimited\b", "restricted"), (r"\bcomplete(ly)?\b", "full"), (r"\bprimary\b", "main"),
    (r"\bmultiple\b", "several"), (r"\bdiagnosed with\b", "known to have"), (r"\bevidence of\b", "sign of"),
    (r"\bwas\b", "had been"),
)  # fmt: skip
_FRAMES = (
    "{}",
    "{}",
    "{}",
    "Chart: {}",
    "It is noted that {}",
    "Per report {}",
    "The note states: {}",
    "{} (as recorded)",
)
_FAULTS: dict[str, tuple[tuple[str, str], ...]] = {
    "side": ((r"\bleft\b", "right"), (r"\bright\b", "left"), (r"\bbilateral\b", "right"),
             (r"\bbilaterally\b", "on the right"), (r"\bboth\b", "left")),
    "severity": (
        (r"\bmild\b", "severe"), (r"\bmildly\b", "severely"), (r"\bsevere\b", "mild"), (r"\bmoderate\b", "mild"),
        (r"\bsmall\b", "large"),
        (r"\blarge\b", "small"), (r"\bslight\b", "severe"), (r"\bslightly\b", "markedly"), (r"\bminimal\b", "severe"),
        (r"\bmoderately\b", "severely"),
    ),
    "trend": (
        (r"\bimproved\b", "deteriorated"), (r"\bimproving\b", "deteriorating"), (r"\bworsen\w*\b", "improved"),
        (r"\bworse\b", "improved"),
        (r"\bincreas\w+\b", "reduced"), (r"\bdecreas\w+\b", "elevated"), (r"\belevated\b", "decreased"),
        (r"\bstable\b", "worse"),
        (r"\bunchanged\b", "worse"), (r"\bresolved\b", "increased"), (r"\bbetter\b", "worse"), (r"\bhigh\b", "low"),
        (r"\blow\b", "high"),
    ),
    "negation": (
        (r"^No ", ""), (r"\bThere (is|are) no\b", r"There \1"), (r"\bdenies\b", "has"), (r"\bdenied\b", "had"),
        (r"\bwithout\b", "with"),
        (r"\b(is|was|are|were) not\b", r"\1"), (r"\bnot\b ", ""), (r"\bno\b ", ""), (r"\breports\b", "denies"),
        (r"\bcomplains of\b", "has no"),
        (r"\bThere (is|are)\b", r"There \1 no"), (r"\bhas had\b", "has not had"), (r"\bhas\b", "has no"),
        (r"\bhad\b", "had no"), (r"\bis\b", "is not"),
        (r"\bare\b", "are not"), (r"\bwas\b", "was not"), (r"\bwith\b", "without"), (r"\bnormal\b", "abnormal"),
        (r"\b(shows|showed|reveals|revealed)\b", r"\1 no"),
    ),
    "unit": (
        (r"(?<=\d)( ?)mg\b", r"\1g"), (r"(?<=\d)( ?)cm\b", r"\1mm"), (r"(?<=\d)( ?)mm\b(?! ?Hg)", r"\1cm"),
        (r"\bdays\b", "hours"), (r"\bweeks\b", "days"),
        (r"\bmonths\b", "weeks"), (r"\byears\b", "weeks"), (r"\bhours\b", "minutes"), (r"-year-old", "-week-old"),
        (r"(?<=\d)( ?)mL\b", r"\1mg"), (r"\bday\b", "month"),
    ),
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w./-])\d+(?:\.\d+)?(?![\w/]|[.)]\s)")
KINDS = (
    "number",
    "unit",
    "date",
    "side",
    "negation",
    "severity",
    "trend",
    "invented finding",
    "other patient",
    "wrong citation",
)


def turned(sentence: str, key: str) -> str:
    """Return the sentence in other words, true as before; it may come back with few changes."""
    text = sentence
    for place, (old, new) in enumerate(_CHANGES):
        if draw(f"{key}{place}", 10) < 7:
            after = re.sub(old, new, text, count=1)
            text = after[:1].upper() + after[1:]
    text = _strange(_synonyms(text, key), key)
    return _FRAMES[draw(key + "f", len(_FRAMES))].format(text)


def _strange(text: str, key: str) -> str:
    """Put any common word in the place of some that no list knows: a rewording that the lexicon has never met."""
    rate = (0, 15, 30, 50)[draw(key + "rate", 4)]
    pool = _unknown()
    for one in reversed(facets(text[:2000]).concepts):
        if one.kind == "word" and draw(f"{key}s{one.start}", 100) < rate:
            text = text[: one.start] + pool[draw(f"{key}w{one.start}", len(pool))] + text[one.end :]
    return text


@cache
def _unknown() -> tuple[str, ...]:
    """Return common words that are no term of the lexicon, no number and not plain."""
    told = ((word, facets(word)) for word in sorted(words("common_words")))
    return tuple(word for word, one in told if [concept.kind for concept in one.concepts] == ["word"])


def _synonyms(text: str, key: str) -> str:
    """Put another wording of the lexicon for half of what it knows."""
    for one in reversed(facets(text[:2000]).concepts):
        if one.kind == "word" or one.polarity != "affirmed" or draw(f"{key}{one.start}", 2):
            continue
        ways = _ways().get(one.name, ())
        if ways and one.end - one.start >= 4:
            text = text[: one.start] + ways[draw(f"{key}{one.name}", len(ways))] + text[one.end :]
    return text


def _ways() -> dict[str, tuple[str, ...]]:
    if not _KNOWN:
        for name, kind, wording in entries():
            if (
                kind in ("finding", "drug", "procedure")
                and wording[0] != "-"
                and "~" not in wording
                and len(wording) > 3
            ):
                _KNOWN[name] = (*_KNOWN.get(name, ()), wording)
    return _KNOWN


_KNOWN: dict[str, tuple[str, ...]] = {}


def corrupted(truth: Truth, kind: str, others: Sequence[Truth], salt: str) -> tuple[str, str] | None:
    """Return (sentence, evidence) with a fault of the kind, or ``None``."""
    key = truth.key + salt
    if kind in ("other patient", "wrong citation"):
        return _elsewhere(truth, others, key, patient=kind == "other patient")
    if kind == "invented finding":
        return _added(truth, others, key)
    changed = _number(truth, key) if kind == "number" else _by_table(truth, _FAULTS.get(kind, ()), key)
    return None if changed is None else (changed, truth.evidence)


def _by_table(truth: Truth, table: Sequence[tuple[str, str]], key: str) -> str | None:
    """Apply one of the changes that fit, such that the evidence does not say it."""
    fitting = [(old, new) for old, new in table if re.search(old, truth.sentence)]
    if not fitting:
        return None
    old, new = fitting[draw(key, min(3, len(fitting)))]
    changed = re.sub(old, new, truth.sentence, count=1)
    return None if changed.lower() in " ".join(truth.evidence.split()).lower() else changed


def _number(truth: Truth, key: str) -> str | None:
    places = list(_NUMBER.finditer(truth.sentence))
    if not places:
        return None
    match = places[draw(key, len(places))]
    new = f"{float(match.group()) * (2, 10, 0.5)[draw(key, 3)] + (0, 1, 3)[draw(key + 'n', 3)]:g}"
    told = re.search(rf"(?<!\d){re.escape(new)}(?!\d)", truth.evidence)
    return None if told else truth.sentence[: match.start()] + new + truth.sentence[match.end() :]


def _elsewhere(truth: Truth, others: Sequence[Truth], key: str, *, patient: bool) -> tuple[str, str] | None:
    """Cite the sentence from another patient's words, or from another passage of the same text."""
    start = draw(key, len(others))
    for other in [*others[start : start + 80], *others[:40]]:
        same = other.doc_id == truth.doc_id
        far = not same if patient else same and abs(other.place - truth.place) > 4
        words, theirs = ({w[:5] for w in re.findall(r"[a-z]{4,}", t.lower())} for t in (truth.sentence, other.evidence))
        if far and len(words) >= 3 and len(words & theirs) < 0.5 * len(words):
            return truth.sentence, other.evidence
    return None


def _added(truth: Truth, others: Sequence[Truth], key: str) -> tuple[str, str] | None:
    """Add, or put in the place of another, a finding or drug of somebody else."""
    mine = facets(truth.sentence[:2000])
    known = {one.name for one in facets(" ".join(truth.evidence.split())[:5000]).concepts}
    start = draw(key, len(others))
    for other in others[start : start + 60]:
        theirs = facets(other.sentence[:2000])
        for one in theirs.concepts:
            if one.kind in ("finding", "drug", "procedure") and one.polarity == "affirmed" and one.name not in known:
                new = theirs.text[one.start : one.end]
                swap = [c for c in mine.concepts if c.kind == one.kind and c.polarity == "affirmed"]
                if swap and draw(key, 2):
                    return mine.text[: swap[0].start] + new + mine.text[swap[0].end :], truth.evidence
                if not re.search(r"(?i)\b(?:no|not|denies|without)\b", truth.sentence):
                    body = truth.sentence.rstrip(". ")
                    return (f"{body} and {new}.", f"{body}; {new} is noted.", f"{body} {new}.")[
                        draw(key, 3)
                    ], truth.evidence
    return None
