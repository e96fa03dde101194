"""Drafts to an explanation: citations numbered, every sentence verified, what fails left out and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xhaim.explain.said import key_of
from xhaim.explain.statements import Draft
from xhaim.explain.verify import verify
from xhaim.records import Citation, Explanation, KnowledgeCitation, Record, Statement
from xhaim.task import Task


def verified(
    empty: Explanation, drafts: Sequence[Draft], record: Record, task: Task, figures: Sequence[str]
) -> Explanation:
    """Number the citations and verify; leave out what fails, until nothing does."""
    kept, dropped = list(drafts), list(empty.dropped)
    while True:
        statements, citations, knowledge = _numbered(kept)
        explanation = replace(
            empty, statements=statements, citations=citations, knowledge=knowledge, dropped=tuple(dropped)
        )
        faults = verify(explanation, record, task=task, figures=figures)
        bad: dict[int, str] = {}
        for fault in faults:
            for place, statement in enumerate(statements):
                if fault.statement == place or (fault.statement is None and fault.marker in statement.markers):
                    bad.setdefault(place, f"{statement.role} sentence: {fault.kind}: {fault.detail}")
        if not bad:
            return explanation
        dropped.extend(bad.values())
        kept = [draft for place, draft in enumerate(kept) if place not in bad]


def _numbered(
    drafts: Sequence[Draft],
) -> tuple[tuple[Statement, ...], tuple[Citation, ...], tuple[KnowledgeCitation, ...]]:
    """Give markers 1 to n in the order of first use; the same source and span, or line, has one marker.

    Of a source that is cited for its effect and elsewhere for comparison alone, the effect is told.
    """
    citations: dict[tuple[str, str, int | None, int | None], Citation] = {}
    effects = {key_of(one): one for draft in drafts for one in draft.cites if one.effect is not None}
    lines: dict[str, KnowledgeCitation] = {}
    statements = []
    for draft in drafts:
        markers, knowledge = [], []
        for cited in (*draft.cites, *draft.compared):
            told = effects.get(key_of(cited), cited)
            numbered = citations.setdefault(key_of(cited), replace(told, marker=len(citations) + 1))
            markers.append(numbered.marker)
        for line in draft.knowledge:
            known = lines.setdefault(line.line_id, KnowledgeCitation(len(lines) + 1, line))
            knowledge.append(known.marker)
        compared = tuple(markers[len(draft.cites) :])
        statements.append(Statement(draft.text, draft.role, tuple(markers), tuple(knowledge), draft.status, compared))
    return tuple(statements), tuple(citations.values()), tuple(lines.values())
