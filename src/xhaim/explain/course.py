"""What was said or measured before: the value before a value, and what an earlier report of its kind said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from xhaim.explain.candidates import by_signal
from xhaim.explain.pieces import Passage, Piece
from xhaim.explain.quotes import Quote, quote_of
from xhaim.records import Document, Measurement, Record
from xhaim.task import Task
from xhaim.verify.facets import LONGEST, facets

_DEGREES = {"tiny": 1, "small": 2, "moderate": 3, "large": 4}
"""Of the lexicon's severities (``verify/lexicon.txt``)."""


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """What the last report before a passage's, of the same kind, says of the finding, where it says something else."""

    document: Document
    quote: Quote
    change: str
    """``more than``, ``less than``, ``unlike``: how the passage stands to it."""


Before: TypeAlias = Measurement | EarlierReport


def earlier_values(record: Record, task: Task) -> dict[str, Measurement]:
    """Return measurement id -> the value of that signal before it."""
    return {
        later.measurement_id: one
        for values in by_signal(record, task).values()
        for one, later in pairwise(values)
        if one.time < later.time
    }


def before(piece: Piece, record: Record, task: Task, values: Mapping[str, Measurement]) -> Before | None:
    """Return what a piece is compared with; ``values``: of ``earlier_values``. ``None``: nothing can be said."""
    source = piece.source
    if isinstance(source, Measurement):
        return values.get(source.measurement_id)
    return earlier_report(source, record, task) if isinstance(source, Passage) else None


def earlier_report(passage: Passage, record: Record, task: Task) -> EarlierReport | None:
    """Compare what a passage says of a film's finding with the last report before it that speaks of it.

    Affirmed and denied are ``unlike``; where both affirm it of the same side of the body, each in one degree, and the
    degrees differ, it is ``more than`` or ``less than``. ``None`` for anything else, and for outcomes, which a report
    cannot affirm.
    """
    now = passage.quote
    if not (task.needs_image and now.foremost and now.speaks):
        return None
    for document in sorted(record.documents, key=lambda one: (one.time, one.doc_id), reverse=True):
        if document.kind != passage.document.kind or document.time >= passage.document.time:
            continue
        if document.known_at >= record.sample.prediction_time:
            continue
        said = quote_of(document, task)
        if said is not None and said.foremost and said.speaks:
            change = _change(now, said, task)
            return EarlierReport(document, said, change) if change else None
    return None


def _change(now: Quote, then: Quote, task: Task) -> str | None:
    if now.speaks != then.speaks:
        return "unlike"
    ours, theirs = _degree(now.text, task), _degree(then.text, task)
    if now.speaks != "for" or ours is None or theirs is None or ours[1] != theirs[1] or ours[0] == theirs[0]:
        return None
    return "more than" if ours[0] > theirs[0] else "less than"


def _degree(text: str, task: Task) -> tuple[int, frozenset[str]] | None:
    """Return the one degree in which a sentence affirms the finding, and the sides that it names for it."""
    if len(text) > LONGEST:
        return None
    name = task.concepts[0].name
    mine = [one for one in facets(text).qualifiers if name in one.heads and one.polarity == "affirmed"]
    degrees = {_DEGREES[one.value] for one in mine if one.kind == "severity" and one.value in _DEGREES}
    sides = frozenset(one.value for one in mine if one.kind == "side")
    return (degrees.pop(), sides) if len(degrees) == 1 else None
