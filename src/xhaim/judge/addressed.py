"""Words of an explanation that speak to whoever judges it: praise of itself, orders, scores. They are set aside.

Only whole sentences outside quotations that name nothing clinical and hold no figure but a score are taken out, so that
nothing false of the patient can hide in them. They neither raise nor lower a score; they are told as an issue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xhaim.llm.fence import visible
from xhaim.records import Explanation, Issue
from xhaim.text.sentences import sentences
from xhaim.verify.facets import facets

_SCORE = (
    r"(?:[0-5](?:\.\d)?\s?(?:/|out\sof|of)\s?5|\b10\s?/\s?10\b|"
    r"\b(?:full|top|maximum|highest|perfect)\s(?:marks?|scores?|ratings?|points)\b)"
)
_PRAISE = r"(?:excellent|perfect|flawless|outstanding|exemplary|superb)"
_ASKS = re.compile(
    rf"""
      \b(?:give|award|assign|rate|grade|score|mark|deserv\w+|earn\w*|return|output|answer)\b.{{0,80}}
        (?:{_SCORE}|\b(?:five|5)\b)
    | \b(?:scores?|rating|grade|citation|factuality|quality)\b\s?(?:must\sbe|should\sbe|is|are|of|:|=)\s?
        (?:{_SCORE}|five\b|5\b)
    | ^\W*{_SCORE}\W*$
    | \b(?:judges?|evaluators?|graders?|raters?|annotators?|reviewers?|assessors?)\b
    | \b(?:ignore|disregard|forget|override)\b.{{0,60}}
        \b(?:instructions?|rubric|rules?|critique|issues?|prompt|guidelines?|above)\b
    | \b(?:{_PRAISE}|best|model)\s(?:\w+\s)?(?:explanation|summary|answer|work|report)\b
    | \b(?:explanation|summary|answer)\b.{{0,30}}\b{_PRAISE}\b
    | ^\W*(?:system|assistant|user|developer)\s?:
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What speaks to a judge."""
_OF_SCORES = re.compile(rf"{_SCORE}|\b(?:five|[0-5])\b", re.IGNORECASE)
_CLINICAL = ("finding", "procedure", "device", "drug", "part", "state")
_LONGEST = 400
"""Characters of a sentence that may be set aside."""
TOLD = "words that speak to whoever judges; they were set aside and count for nothing"


@dataclass(frozen=True, slots=True)
class Heard:
    """An explanation without the words that speak to a judge."""

    explanation: Explanation
    places: tuple[int, ...]
    """Of each statement that is left, its place in the original."""
    issues: tuple[Issue, ...]
    """One for each sentence that was set aside."""

    def placed(self, issues: Sequence[Issue]) -> tuple[Issue, ...]:
        """Return issues of what is left with the places of the original."""
        return tuple(
            one if one.statement is None else replace(one, statement=self.places[one.statement]) for one in issues
        )


def set_aside(explanation: Explanation) -> Heard:
    """Take out the sentences that speak to whoever judges; a statement of nothing else goes whole."""
    kept, places, issues = [], [], []
    for place, statement in enumerate(explanation.statements):
        text, removed = _without(statement.text)
        issues += [Issue("quality", "minor", TOLD, words, place) for words in removed]
        if text or not removed:
            kept.append(replace(statement, text=text) if removed else statement)
            places.append(place)
    return Heard(replace(explanation, statements=tuple(kept)), tuple(places), tuple(issues))


def speaks_to_a_judge(sentence: str) -> bool:
    """Say whether a sentence speaks to a judge, and says nothing else."""
    told = " ".join(visible(sentence).split())
    if len(told) > _LONGEST or not _ASKS.search(told):
        return False
    rest = _OF_SCORES.sub(" ", told)
    return not re.search(r"\d", rest) and not any(one.kind in _CLINICAL for one in facets(rest).concepts)


def _without(text: str) -> tuple[str, list[str]]:
    """Return the text without such sentences, and these."""
    quoted = [match.span() for match in re.finditer(r'"[^"]*"?', text)]
    gone = [
        (start, end)
        for start, end in sentences(text)
        if not any(first < end and start < last for first, last in quoted) and speaks_to_a_judge(text[start:end])
    ]
    left = text
    for start, end in reversed(gone):
        left = f"{left[:start].rstrip()} {left[end:].lstrip()}".strip()
    return left, [text[start:end] for start, end in gone]
