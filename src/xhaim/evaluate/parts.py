"""The parts of an explanation in words: sentences with marks, evidence with effects, blocks, summaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xhaim.errors import DataError
from xhaim.evaluate.sources import Anchors, chunk_place
from xhaim.evaluate.wording import MEASURABLE, MINUS, effect_words, times
from xhaim.records import Explanation, Statement, Summary

BLOCK_LABELS = {
    "notes": "Notes, summarised",
    "notes_words": "Words of the notes' summary",
    "cxr": "Chest X-ray words, summarised",
    "cxr_words": "Words of the chest X-ray summary",
    "concepts": "Concepts named in the evidence",
    "tabular": "Demographics and admission",
    "time_series": "Vital signs and laboratory",
    "earlier_films": "Labels of earlier chest films",
    "image": "Chest X-ray image",
    "earlier_image": "Earlier chest X-ray image",
}
"""Blocks of features for a reader; others follow under their own name."""

_SIDE_HEADINGS = {"for": "Evidence for", "against": "Evidence against", "other": "Also cited"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation mark: [n] of a statement, [N n] and [X n] of a summary of notes and of chest X-ray words."""

    marker: str
    target: str
    """Element id of the source."""
    label: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A statement or a summary's sentence with its marks."""

    text: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One citation with what it changes."""

    mark: Mark
    quote: str
    when: str
    effect: str
    share: float
    """Size of the effect against the largest of the explanation, (0, 1]; 0 where none was measured."""


@dataclass(frozen=True, slots=True)
class EvidenceSide:
    """The citations for, those against, or what else is cited."""

    side: str
    heading: str
    lines: tuple[EvidenceLine, ...]


@dataclass(frozen=True, slots=True)
class Contribution:
    """One block's share of the booster's log-odds."""

    label: str
    value: str
    start: float
    """Left end of the bar, [0, 1] of the axis whose middle is nothing."""
    width: float
    raises: bool


def sentences(statements: Sequence[Statement], marks: Mapping[int, Mark]) -> tuple[Sentence, ...]:
    """Pair statements with their marks; a marker without a citation is a fault of the explanation."""
    for statement in statements:
        for marker in statement.markers:
            if marker not in marks:
                raise DataError(f"a statement cites [{marker}], and there is no such citation", expected=sorted(marks))
    return tuple(Sentence(item.text, tuple(marks[marker] for marker in item.markers)) for item in statements)


def evidence_lines(item: Explanation, marks: Mapping[int, Mark]) -> tuple[EvidenceSide, ...]:
    """Put every citation on one side, the largest effect first; those that only criteria rest on stand with them.

    Its side is that of the first statement for or against that cites it for itself, not for comparison; else its
    measured effect's, else neither.
    """
    sides: dict[int, str] = {}
    for statement in item.statements:
        if statement.role in {"for", "against"}:
            for marker in statement.markers:
                if marker not in statement.compared:
                    sides.setdefault(marker, statement.role)
    largest = max((abs(citation.effect or 0.0) for citation in item.citations), default=0.0) or 1.0
    groups: dict[str, list[EvidenceLine]] = {side: [] for side in _SIDE_HEADINGS}
    shown = {marker for one in item.statements if one.role != "checklist" for marker in one.markers}
    listed = [one for one in item.citations if one.marker in shown or item.risk is None]
    for citation in sorted(listed, key=lambda one: (-abs(one.effect or 0.0), one.marker)):
        effect = citation.effect if item.risk is not None and abs(citation.effect or 0.0) >= MEASURABLE else None
        by_effect = "other" if effect is None else "for" if effect > 0 else "against"
        groups[sides.get(citation.marker, by_effect)].append(
            EvidenceLine(
                mark=marks[citation.marker],
                quote=citation.quote,
                when=times(citation.time, citation.known_at),
                effect=effect_words(item.risk, citation.effect, citation.effect_reason),
                share=abs(effect or 0.0) / largest,
            )
        )
    if item.risk is None:  # nothing was measured: nothing is on a side
        return (
            EvidenceSide("other", "What the record holds", tuple(line for lines in groups.values() for line in lines)),
        )
    return tuple(
        EvidenceSide(side, heading, tuple(groups[side]))
        for side, heading in _SIDE_HEADINGS.items()
        if groups[side] or side != "other"
    )


def contributions(values: Mapping[str, float]) -> tuple[Contribution, ...]:
    """Return block -> log-odds as bars, the largest first."""
    largest = max(map(abs, values.values()), default=0.0) or 1.0
    return tuple(
        Contribution(
            label=BLOCK_LABELS.get(block, block.replace("_", " ")),
            value=f"{value:+.2f}".replace("-", MINUS),
            start=0.5 + min(0.0, value / largest / 2),
            width=abs(value) / largest / 2,
            raises=value > 0,
        )
        for block, value in sorted(values.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    )


def summary_lines(summary: Summary, anchors: Anchors) -> tuple[str, str, tuple[Sentence, ...]]:
    """Number the chunks of one summary in order of use; a chunk that is not in the record gets no mark."""
    marks: dict[str, Mark] = {}
    letter = "N" if summary.modality == "notes" else "X"
    lines = []
    for sentence in summary.sentences:
        for chunk_id in sentence.chunk_ids:
            place = chunk_place(chunk_id)
            target = anchors.get(("span", *place)) if place else None
            if target and chunk_id not in marks:
                marks[chunk_id] = Mark(f"{letter}{len(marks) + 1}", target, "passage")
        used = tuple(marks[chunk_id] for chunk_id in dict.fromkeys(sentence.chunk_ids) if chunk_id in marks)
        lines.append(Sentence(sentence.text, used))
    name = "Notes" if summary.modality == "notes" else "Chest X-ray words"
    return (name, f"{summary.writer}; {summary.entailment}", tuple(lines))
