"""Explanations made other without being made worse, or put on another patient.

Shuffled evidence, true sentences said again, words that speak to the judge, another patient's evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from xhaim.judge.corruption_edits import draw
from xhaim.judge.findings import is_about_patient
from xhaim.records import Citation, Explanation, Statement


def shuffled(explanation: Explanation, seed: int) -> Explanation:
    """Return it with the sentences of each role in another order and the citations numbered anew."""
    key = f"{seed} {explanation.sample_id}"
    places = sorted(range(len(explanation.statements)), key=lambda n: draw(f"{key} {n}", 1 << 60))
    by_role: dict[str, list[Statement]] = {}
    for place in places:
        by_role.setdefault(explanation.statements[place].role, []).append(explanation.statements[place])
    markers = sorted((one.marker for one in explanation.citations), key=lambda n: draw(f"{key} marker {n}", 1 << 60))
    new = {old: place for place, old in enumerate(markers, start=1)}
    told = [by_role[one.role].pop() for one in explanation.statements]
    statements = [replace(one, markers=tuple(new.get(n, n) for n in one.markers)) for one in told]
    citations = [replace(one, marker=new[one.marker]) for one in explanation.citations]
    return replace(
        explanation, statements=tuple(statements), citations=tuple(sorted(citations, key=lambda one: one.marker))
    )


def padded(explanation: Explanation, times: int = 2) -> Explanation:
    """Return it with every sentence about the patient said again, ``times`` over."""
    again = [one for one in explanation.statements if is_about_patient(one)] * times
    return replace(explanation, statements=(*explanation.statements, *again))


def with_words(explanation: Explanation, words: str, place: int | None) -> Explanation:
    """Return it with words added: to the sentence at ``place``, or as the last sentence, among the limits."""
    if place is None:
        return replace(explanation, statements=(*explanation.statements, Statement(words, "limits", ())))
    one = explanation.statements[place]
    changed = replace(one, text=f"{one.text.rstrip('.')}. {words}")
    return replace(
        explanation, statements=(*explanation.statements[:place], changed, *explanation.statements[place + 1 :])
    )


def on_anothers_evidence(explanation: Explanation, other: Explanation) -> Explanation | None:
    """Return it with each of its citations put on one of another patient's; None where either cites nothing."""
    theirs = [one for one in other.citations if one.source_id not in {x.source_id for x in explanation.citations}]
    if not theirs or not explanation.citations:
        return None
    citations = [replace(theirs[n % len(theirs)], marker=one.marker) for n, one in enumerate(explanation.citations)]
    return replace(explanation, citations=tuple(citations))


def telling_anothers(explanation: Explanation, other: Explanation) -> Explanation | None:
    """Return it telling what another patient's explanation tells and cites; None where that cites nothing."""
    if not other.citations or not any(one.markers for one in other.statements if is_about_patient(one)):
        return None
    own = [one for one in explanation.statements if not one.markers and not is_about_patient(one)]
    taken = [one for one in other.statements if is_about_patient(one)]
    used = {marker for one in taken for marker in one.markers}
    numbers = {old: new for new, old in enumerate(sorted(used), start=1)}
    return replace(
        explanation,
        statements=(*(_numbered(one, numbers) for one in taken), *own),
        citations=_kept(other.citations, numbers),
        knowledge=other.knowledge,
        image_score=other.image_score,
    )


def _numbered(statement: Statement, numbers: Mapping[int, int]) -> Statement:
    return replace(statement, markers=tuple(numbers[one] for one in statement.markers if one in numbers))


def _kept(citations: tuple[Citation, ...], numbers: Mapping[int, int]) -> tuple[Citation, ...]:
    kept = [replace(one, marker=numbers[one.marker]) for one in citations if one.marker in numbers]
    return tuple(sorted(kept, key=lambda one: one.marker))
