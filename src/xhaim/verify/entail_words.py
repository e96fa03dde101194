"""Words of a claim and of its evidence, made comparable: stems, numbers, denials, directions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

WORD = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?%?")
_NUMBER = re.compile(
    r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\w]|\.\d)|(?<![\w.])(\d+)(\.\d+)?(?=%|mg|kg|ml|g\b|x\b)"
)
_BRITISH = re.compile(r"oe(?=dem|soph|a\b|str|tal)|ae(?=m|sth|d|col|t)")
_SPELT = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_ALSO = {"once": 1.0, "twice": 2.0, "single": 1.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "half": 50.0}
_VALUE = {word: float(value) for value, word in enumerate(_SPELT.split())} | _ALSO | {"hundred": 100.0}
_EMPTY_WORDS = """
a an the of in on for to and or is are was were be been being by with from as at that this these those it its do does
did can may might has have had he she they his her their them which who whom will would should there than into also any
some such both all most more less least trial trials primary secondary patient patients participant participants subject
subjects cohort cohorts arm group groups study
"""
_NEGATIVE_WORDS = """
no not none neither nor never without nobody cannot cant isnt doesnt arent didnt dont zero lack lacks absence fails
failed unable unlikely ineffective ineligible excluded exclude prohibited unproven myth false unnecessary insufficient
limited unlike unclear unknown prevent prevents inhibit inhibits contraindicated
"""
_UP_WORDS = """
increase increased increases increasing higher high more greater larger longer elevated improve improved improves better
rise rises rising worsen worse severe promote promotes above over exceed exceeds faster most highest majority enhances
enhanced boost boosts
"""
_DOWN_WORDS = """
decrease decreased decreases decreasing lower low less fewer smaller shorter reduce reduced reduces reducing reduction
decline declines declined suppress suppresses mild below under slower least lowest minority slow slows inhibit inhibits
prevent prevents protect protects
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())
NEGATIVE = frozenset(_NEGATIVE_WORDS.split())
UP = frozenset(_UP_WORDS.split())
DOWN = frozenset(_DOWN_WORDS.split())


def normal(text: str) -> str:
    """Return the text in lower case, with American spelling of oe and ae, and without apostrophes."""
    return _BRITISH.sub("e", text.lower().replace("\u2019", "").replace("'", ""))


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Return what a word shares with its inflections: without a plural, and six letters at most of a long one."""
    if not word[:1].isalpha():
        return word
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:6] if len(word) > 7 else word[:5] if len(word) > 5 else word


def tokens(text: str) -> list[str]:
    """Return the words of a text in order, normal and in lower case."""
    return WORD.findall(normal(text))


def own(text: str) -> list[str]:
    """Return the words that carry a meaning of their own, in order."""
    return [word for word in tokens(text) if word not in _EMPTY and word not in NEGATIVE]


def content(text: str) -> list[str]:
    """Return the stems of the words that carry a meaning of their own, in order."""
    return [stem(word) for word in own(text)]


def numbers(text: str) -> list[float]:
    """Return the numbers that a text names, in digits or in words, in order."""
    found: list[tuple[int, float]] = []
    low = text.lower()
    for match in _NUMBER.finditer(low):
        whole, part = (match[1], match[2]) if match[1] else (match[3], match[4])
        if len(whole) < 16:
            found.append((match.start(), float(whole.replace(",", "") + (part or ""))))
    found += [(match.start(), _VALUE[match[0]]) for match in re.finditer(r"[a-z]+", low) if match[0] in _VALUE]
    return [value for _, value in sorted(found)]


def longest_run(flags: Iterable[bool]) -> int:
    """Return the length of the longest run of what holds."""
    best = now = 0
    for flag in flags:
        now = now + 1 if flag else 0
        best = max(best, now)
    return best
