"""Checks of one sentence against what it cites: quoted words, sides of the body, negation, figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from xhaim.explain.figures import Figure, fault_kind, figures
from xhaim.explain.quotes import polarities
from xhaim.explain.words import percent, shown
from xhaim.records import Citation, Statement
from xhaim.task import Task
from xhaim.text.polarity import polarity

Kind: TypeAlias = Literal[
    "sample",
    "marker",
    "unused",
    "uncited",
    "source",
    "leak",
    "time",
    "span",
    "quote",
    "label",
    "value",
    "effect",
    "number",
    "unit",
    "date",
    "laterality",
    "negation",
]
"""What can be wrong. ``leak``: known at or after the prediction; ``uncited``: evidence without a citation."""

Claim: TypeAlias = tuple[Kind, str]
"""A kind of fault, and where it lies; without words of the record."""

_QUOTED = re.compile(r'"([^"]*)"')
_MARK = re.compile(r"\[\s*[Kk]?\s*[-+]?\d+")
_WORD = re.compile(r"[^\W\d_]{3,}")
_SIDES = {"left": "left", "right": "right", "bilateral": "both", "bilaterally": "both", "both": "both"}
_SIDE = re.compile(r"(?i)\b(left|right|bilaterally|bilateral|both)\b")
_NOT = re.compile(r"(?i)\b(no|not|without|denies|denied|negative for|absence of|free of|resolved)\b")


def text_faults(
    statement: Statement, cited: Sequence[Citation], allowed: Sequence[Figure] | None, task: Task | None
) -> Iterator[Claim]:
    """Check the text of a statement against its citations; ``allowed=None``: its figures are not checked."""
    text = statement.text
    if _MARK.search(text):
        yield "marker", "a citation mark stands in the text"
    if text.count('"') % 2:
        yield "quote", "a quotation is not closed"
    spans = [citation for citation in cited if citation.kind == "span"]
    for match in _QUOTED.finditer(text):
        yield from _quotation(match.group(1), [shown(span.quote) for span in spans], match.start())
    prose = _QUOTED.sub(lambda match: " " * len(match.group()), text)
    if statement.role in ("for", "against"):
        yield from _prose(prose, cited, task)
    if allowed is not None:
        for figure in figures(prose, {one.unit for one in allowed if one.unit}):
            kind = fault_kind(figure, allowed)
            if kind is not None:
                yield _FIGURE_FAULTS[kind], f"the figure at character {figure.start} stands in none of its sources"


_FIGURE_FAULTS: dict[str, Kind] = {"number": "number", "unit": "unit", "date": "date"}


def risk_faults(statement: Statement, risk: float | None) -> Iterator[Claim]:
    """Check that the sentence about the risk says the risk, or that there is none."""
    said = "No risk is given" if risk is None else percent(risk)
    if statement.role == "risk" and said not in statement.text:
        yield "number", "the sentence about the risk does not say it"


def _quotation(quoted: str, sources: Sequence[str], place: int) -> Iterator[Claim]:
    """Check that the words stand in a cited span, whole, and mean there what they mean here."""
    found = [(source, start) for source in sources for start in _places(source, quoted)]
    where = f"the quotation at character {place}"
    if not found:
        yield _nearest_fault(quoted, sources), f"{where} is not in the cited words"
    elif all(polarity_changes(quoted, source, start) for source, start in found):
        yield "negation", f"{where} leaves out what its sentence denies or doubts"


def _places(source: str, quoted: str) -> list[int]:
    """Return where the words stand as whole words."""
    if not quoted.strip():
        return []
    return [match.start() for match in re.finditer(rf"(?<!\w){re.escape(quoted)}(?!\w)", source)]


def _nearest_fault(quoted: str, sources: Sequence[str]) -> Kind:
    """Name the fault of a quotation that would stand in its source but for a side or a denial."""
    kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (("laterality", _SIDE), ("negation", _NOT))
    for kind, pattern in kinds:
        bare = _bare(pattern, quoted)
        if any(_places(_bare(pattern, source), bare) for source in sources):
            return kind
    return "quote"


def _bare(pattern: re.Pattern[str], text: str) -> str:
    return " ".join(pattern.sub(" ", text).lower().split())


def polarity_changes(part: str, whole: str, start: int) -> bool:
    """Say whether a word is affirmed, denied or doubted otherwise in ``whole`` than in ``part`` of it at ``start``."""
    return part != whole and any(
        polarity(part, *word.span()) != polarity(whole, start + word.start(), start + word.end())
        for word in _WORD.finditer(part)
    )


def _prose(prose: str, cited: Sequence[Citation], task: Task | None) -> Iterator[Claim]:
    """Check the words outside quotations: sides, what is said of the task's concepts, names of the values."""
    if not cited:
        yield "uncited", "a sentence about evidence cites none"
        return
    sources = " ; ".join(citation.quote for citation in cited)
    if _sides(prose) - _sides(sources):
        yield "laterality", "a side of the body is named that no cited words name"
    for citation in cited:
        if citation.kind == "measurement" and citation.label.lower() not in prose.lower():
            yield "label", "a cited value is not named"
    if task is not None and all(citation.kind == "span" for citation in cited):
        said = [polarities(citation.quote, task) for citation in cited]
        for concept, claimed in polarities(prose, task).items():
            if claimed - {reading for one in said for reading in one.get(concept, set())}:
                yield "negation", "a concept is spoken of otherwise than in the cited words"


def _sides(text: str) -> set[str]:
    return {_SIDES[match.lower()] for match in _SIDE.findall(text)}
