"""Names of people in clinical text, by titles, labels, relations, credentials and a list of given names.

A language model for names was not taken: its weights cannot be had without a model hub, and a rule says why it fired.
What medicine calls by a name (Parkinson, Foley, Swan-Ganz) stays, unless a title or a label makes it a person's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from xhaim.llm.identifiers import words

_U, _L = "A-ZÀ-ÖØ-ÞĀ-Ž", "a-zß-öø-ÿā-ž"
_WORD = rf"(?:[{_U}]['\u2019][{_U}]?[{_L}]+|(?:Ma?c|De|La|Le|Van|Di)?[{_U}][{_L}]+)(?:[-'\u2019][{_U}][{_L}]+)*"
_CAPS = rf"[{_U}]{{2,}}(?:[-'\u2019][{_U}]{{2,}})*"
_INITIAL = rf"[{_U}]\.(?:[ ]?[{_U}]\.)*"
_OF = r"(?:(?:van|von|de|der|den|del|la|le|el|al|bin|ibn|da|dos|du|di|ter)[ ]|al-)*"
_FULL = rf"(?:{_INITIAL}[ ]?)?{_OF}(?:{_WORD})(?:[ ](?:{_INITIAL}|[{_U}](?=[ ])|{_OF}{_WORD}))*"
_LOUD = rf"(?:{_CAPS}(?:,)?(?:[ ](?:[{_U}]\.?(?![{_U}])|{_CAPS})){{0,3}})"
_REVERSED = rf"(?:{_WORD}|{_CAPS}),[ ]?(?:{_WORD}|{_CAPS})(?:[ ](?:{_INITIAL}|[{_U}]\b))?"
_TITLE = (
    r"(?:Drs?|DRS?|Doctor|Mr|MR|Mrs|MRS|Ms|MS|Miss|Mx|Prof|Professor|Nurse|Sister|Brother|Rev|Reverend|Fr|Rabbi|"
    r"Pastor|Sgt|Capt|Officer|Hon|Sr|Sra|dr|mr|mrs|ms)"
)
_DEGREE = (
    r"(?:M\.?D\.?|D\.?O\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|Ph\.?D\.?|MBBS|BSN|LPN|CRNA|APRN|FNP|RRT|DPT|LCSW|"
    r"PharmD|RPh|FACC|FACS|FRCS|MRCP|RD|OTR|MSW|DPM|DDS)"
)
_PERSON = (
    r"patient(?:['\u2019]s)?(?: full)?(?: name)?|pt(?: name)?|name|full name|(?:referring|attending|ordering|primary "
    r"care|"
    r"consulting|admitting|interpreting|requesting)(?: (?:physician|provider|doctor|radiologist|surgeon|md))?|"
    r"attending|"
    r"provider|physician|surgeon|radiologist|resident|pcp|dictated by|signed by|electronically signed by|approved by|"
    r"verified by|reviewed by|interpreted by|transcribed by|authenticated by|read by|performed by|prepared by|"
    r"entered by|next of kin|nok|emergency contact|contact|spouse|guardian|hcp|health care proxy|healthcare proxy|"
    r"cc|to|from|re|author|nurse|rn|technologist|operator|anesthesiologist|assistant|interpreter|informant|mother|"
    r"father|wife|husband|son|daughter|sister|brother|witness|caregiver|scribe|co-?signer|a\.k\.a\.|aka"
)
_RELATIVE = (
    r"wife|husband|spouse|partner|son|daughter|mother|father|brother|sister|aunt|uncle|niece|nephew|cousin|grandson|"
    r"granddaughter|grandmother|grandfather|friend|neighbou?r|roommate|caregiver|guardian|proxy|boyfriend|girlfriend|"
    r"fiancée?|pcp|cardiologist|surgeon|oncologist|neurologist|nurse|therapist|social worker|case manager|interpreter|"
    r"lawyer|landlord|teacher|employer|physician|provider|midwife|chaplain|named|called|patient|baby|twin"
)
_DID = (
    r"(?:is|was) (?:an?\b|seen|admitted|evaluated|here|brought|transferred|discharged|accompanied|contacted|notified|"
    r"informed|called|paged|present|at bedside|the)|presents|presented|returns|reports|states|denies|underwent|comes|"
    r"came|has (?:a|been)|agreed|requested|called|,? ?(?:an? )?\d{1,3}[ -]?(?:y|yr|year)"
)
_SURE = (
    rf"\b{_TITLE}\b\.?\s+(?:and[ ](?:Mrs|Ms)\.?\s+)?(?P<x>{_FULL}|{_LOUD})",
    rf"(?:\b[Dd]r|\b[Mm]rs?|\b[Mm]s)\.[ ](?P<x>[{_L}]{{3,}}(?:['\u2019-][{_L}]+)*)",
    rf"(?i:(?:^|(?<=[\n.;(]))[ \t]*(?:{_PERSON})[ \t]*(?::|--)[ \t]*)(?P<x>{_REVERSED}|{_FULL}|{_LOUD})",
    rf"(?i:\b(?:patient name|name|attending|signed by|dictated by|next of kin|contact|proxy|pcp|provider|physician)[ "
    rf"\t]*[:=][ \t]*)(?P<x>{_REVERSED}|{_FULL}|{_LOUD})",
    rf"(?P<x>{_FULL}),?[ ]{_DEGREE}(?![\w.]|,[ ]\d)",
    rf"(?:/s/|\bDear|\bSincerely,|\bRegards,|\bThank you,|\bATTENDING|\bAttn:?)\s+(?P<x>{_FULL})",
)
"""What stands here is a person, whatever the word."""
_LIKELY = (
    rf"(?i:\b(?:{_RELATIVE})(?:,| is| was|\s*\()? ?(?:named |called )?)(?P<x>(?:{_INITIAL}[ ])?{_WORD}(?:[ "
    rf"]{_INITIAL})?(?:[ ]{_WORD})?)",
    rf"(?i:\b(?:by|with|per|from|to|via|of|for|see|and|cc)[ ])(?P<x>{_WORD}(?:[ ]{_INITIAL})?(?:[ ]{_OF}{_WORD})"
    rf"{{1,2}})",
    rf"(?P<x>{_WORD}(?:[ ]{_INITIAL})?[ ]{_OF}{_WORD}(?:[ ]{_WORD})?)(?=,?[ ](?:{_DID}))",
    rf"(?P<x>\b{_INITIAL}[ ]{_WORD})",
    rf"(?i:\b(?:named|called|goes by|nicknamed|prefers)[ ])[\"\u201c']?(?P<x>{_WORD})",
)
"""A person where no word of it is a common or a medical one."""
_MEDICAL = re.compile(r"(?:['\u2019]?s)?(?:[ -](?:Ganz|Pratt|Barr|Barre|Jakob|Lewy)|[ -]?\w* ?(?:disease|syndrome|"
                      r"sign|catheter|score|scale|criteria|test|maneuver|tube|lymphoma|sarcoma|palsy|ulcer|esophagus|"
                      r"hernia|fracture|contracture|thyroiditis|cyst|monitor|class|stage|phenomenon|phenomena|drain|"
                      r"line|reflex|nodes?|bodies|lines|effusion|nodules?|position|stain|block|angina|respirations?|"
                      r"arthropathy|foot|joint|nodule|lesion|tumou?r|agitans|coma|"
                      r"ultrasound))", re.IGNORECASE)  # fmt: skip
_ROLES = frozenset(
    ("Practitioner", "Assistant", "Manager", "Anesthetist", "Educator", "Specialist", "Midwife", "Call", "Rx")
)


def find_names(text: str) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of what looks like a person's name; overlaps are for the caller to join."""
    found: list[tuple[int, int]] = []
    sure, likely = _patterns()
    for pattern in sure:
        found += [cut for match in pattern.finditer(text) if (cut := _trimmed(text, match.span("x")))]
    for pattern in likely:
        found += [match.span("x") for match in pattern.finditer(text) if _uncommon(match["x"], text, match.end("x"))]
    found += _listed(text)
    yield from found
    yield from _again(text, {word for start, end in found for word in re.findall(r"[\w'\u2019-]{3,}", text[start:end])})


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], ...], tuple[re.Pattern[str], ...]]:
    return tuple(re.compile(one, re.MULTILINE) for one in _SURE), tuple(re.compile(one) for one in _LIKELY)


def _common(word: str) -> bool:
    return word.lower().removesuffix("'s").removesuffix("\u2019s") in words("common_words")


def _eponym(word: str) -> bool:
    return word.removesuffix("'s").removesuffix("\u2019s") in words("eponyms")


def _trimmed(text: str, span: tuple[int, int]) -> tuple[int, int] | None:
    """Cut a sure name before the first common word after its first; nothing where the first one is a role."""
    parts = list(re.finditer(r"\S+", text[span[0] : span[1]]))
    first = parts[0].group().strip(",.")
    if (
        first in _ROLES
        or (first.islower() and _common(first))
        or (first.isupper() and len(parts) == 1 and _common(first))
    ):
        return None
    end = parts[0].end()
    for before, part in pairwise(parts):
        if _common(part.group().strip(",.")) and not _opens(before.group().strip(",")):
            break
        end = part.end()
    if not re.sub(r"[X_\W]", "", text[span[0] : span[0] + end]):  # what others took out before
        return None
    return (span[0], span[0] + end) if not (len(parts) > 1 and _common(first) and end == parts[0].end()) else None


def _opens(word: str) -> bool:
    """Say whether a surname must follow: an initial, or a given name that is no word."""
    return re.fullmatch(_INITIAL, word) is not None or word.capitalize() in words("given_names")


def _uncommon(name: str, text: str, end: int) -> bool:
    parts = re.findall(r"[\w'\u2019-]{2,}", name)
    if not re.sub(r"[X_\W]", "", name) or _MEDICAL.match(text, end):
        return False
    first = _opens(name.split(maxsplit=1)[0])
    return not any(_common(part) or _eponym(part) for part in parts[first:]) or (first and len(parts) > 1)


def _listed(text: str) -> list[tuple[int, int]]:
    """Find given names of the list, with the surname behind or before them."""
    found: list[tuple[int, int]] = []
    for match in re.finditer(rf"\b(?:{_WORD}|{_CAPS})", text):
        word = match.group().removesuffix("'s").removesuffix("\u2019s")
        given = word.capitalize()
        sure = given in words("given_names") and not _eponym(given)
        if not sure and given not in words("given_names_and_words"):
            continue
        end = _surname(text, match.end(), loud=word.isupper() and len(word) > 1, sure=sure)
        before = re.search(rf"({_WORD}|{_CAPS}),[ ]?$", text[max(0, match.start() - 30) : match.start()])
        if before and sure and not _common(before[1]) and not _MEDICAL.match(text, match.end()):
            found.append((match.start() - len(before.group()), end or match.end()))
        elif end:
            found.append((match.start(), end))
        elif sure and not word.isupper() and not _MEDICAL.match(text, match.start() + len(word)):
            found.append((match.start(), match.start() + len(word)))
    return found


def _surname(text: str, at: int, *, loud: bool, sure: bool) -> int | None:
    """Return where the surname behind a given name ends; ``None`` where none follows."""
    word = _CAPS if loud else _WORD
    follows = re.compile(
        rf"(?:[ ](?:{_INITIAL}|[{_U}](?=[ ])))?(?:[ ]{_OF}(?P<x>{word})){{1}}(?:[ ](?P<y>{word}))?"
    ).match(text, at)
    if (
        not follows
        or _common(follows["x"])
        or (_eponym(follows["x"]) and (not sure or _MEDICAL.match(text, follows.end("x"))))
    ):
        return None
    return follows.end() if follows["y"] and not _common(follows["y"]) else follows.end("x")


def _again(text: str, seen: set[str]) -> Iterator[tuple[int, int]]:
    """Yield every other place of a name's words; of a common word only a capital inside a sentence."""
    seen = {word.removesuffix("'s").removesuffix("\u2019s") for word in seen}
    seen = {word for word in seen if len(word) > 2 and not _eponym(word) and not _eponym(word.capitalize())}
    rare = sorted({form for word in seen if not _common(word) for form in (word.capitalize(), word.upper(), word)})
    common = sorted({word.capitalize() for word in seen if _common(word)})
    if rare:
        for match in re.finditer(rf"(?<![\w])(?:{'|'.join(map(re.escape, rare))})(?!\w)", text):
            yield match.span()
    if common:
        for match in re.finditer(
            rf"(?<=[{_L},][ ])(?:{'|'.join(map(re.escape, common))})(?!\w|[ ][{_L}]*(?:a|u)l\b)", text
        ):
            yield match.span()
