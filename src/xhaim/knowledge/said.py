"""What a record's documents say of a criterion's words: affirmed, denied, neither, by which sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from xhaim.errors import DataError, did_you_mean
from xhaim.knowledge.judged import Judged, Status
from xhaim.knowledge.rules import WordsRule
from xhaim.records import Document, Polarity, Record, Span
from xhaim.task import Task
from xhaim.text.elsewhere import bare
from xhaim.text.polarity import mentions, names_any
from xhaim.text.sentences import sentences
from xhaim.text.values import before

_MAX_SPANS = 3
"""Sentences of one document that a criterion rests on."""
_MAX_CHARACTERS = 600
"""Of a sentence that is shown whole."""


def by_words(rule: WordsRule, record: Record, task: Task) -> Judged:
    """Judge by the newest document that affirms or denies the words, or by any; one that does both tells nothing.

    What is said of another person never counts, what is past only where the rule says so, and what is uncertain
    decides nothing.
    """
    terms, denying = _terms(rule, task)
    name = rule.concept or bare(rule.terms[0])
    told = [
        (one, said)
        for one in _documents(record, rule.within_hours)
        if (said := _said(one, terms, denying, past=rule.past))
    ]
    other: Polarity = "negated" if rule.says == "affirmed" else "affirmed"
    decisive = [pair for pair in told if rule.says in pair[1] or other in pair[1]]
    agreeing = [pair for pair in decisive if rule.says in pair[1]]
    if not decisive:
        doubt = told[-1][1]["uncertain"] if told else []
        reason = f"{name}: named in doubt only" if doubt else f"{name}: nothing found in the documents"
        return Judged("unknown", reason, spans=tuple(doubt[:_MAX_SPANS]))
    document, said = agreeing[-1] if rule.which == "any" and agreeing else decisive[-1]
    when = before(document.time, record.sample.prediction_time)
    if rule.which == "latest" and len(said.keys() & {rule.says, other}) == 2:
        both = (*said["affirmed"][:1], *said["negated"][:1])
        return Judged("unknown", f"{name}: affirmed and denied by one document {when}", spans=both)
    status: Status = "met" if rule.says in said else "not met"
    polarity = rule.says if status == "met" else other
    verb = "affirmed" if polarity == "affirmed" else "denied"
    return Judged(status, f"{name}: {verb} by a document {when}", spans=tuple(said[polarity][:_MAX_SPANS]))


def _terms(rule: WordsRule, task: Task) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return what is looked for, and of it what denies."""
    if rule.concept is None:
        return (*rule.terms, *rule.also), frozenset(rule.terms)
    for concept in task.concepts:
        if concept.name == rule.concept:
            return (*concept.terms, *rule.also), frozenset(concept.terms[:1])
    names = [concept.name for concept in task.concepts]
    known = did_you_mean(rule.concept, names)
    raise DataError(f"the task '{task.id}' lacks a concept of its card", got=rule.concept, expected=known)


def _documents(record: Record, within_hours: float | None) -> Iterator[Document]:
    """Give the admissible documents, oldest first."""
    now = record.sample.prediction_time
    for document in sorted(record.documents, key=lambda one: (one.time, one.known_at, one.doc_id)):
        recent = within_hours is None or now - document.time <= timedelta(hours=within_hours)
        if document.known_at < now and recent:
            yield document


def _said(
    document: Document, terms: tuple[str, ...], denying: frozenset[str], *, past: bool
) -> dict[Polarity, list[Span]]:
    """Return the sentences that name one of the terms, by what they say of it."""
    found: dict[Polarity, list[Span]] = {}
    if not names_any(document.text, terms):
        return found
    for start, end in sentences(document.text):
        for mention in mentions(document.text[start:end], terms):
            if mention.family or (mention.historical and not past):
                continue
            if mention.polarity == "negated" and mention.term not in denying:
                continue
            spans = found.setdefault(mention.polarity, [])
            span = shown(document.doc_id, document.text, (start, end), (start + mention.start, start + mention.end))
            if span not in spans[-1:]:
                spans.append(span)
    return found


def shown(doc_id: str, text: str, sentence: tuple[int, int], mention: tuple[int, int]) -> Span:
    """Return the sentence; of one that is no sentence (a list without stops), the whole words around the mention."""
    start, end = sentence
    if end - start > _MAX_CHARACTERS:
        left, right = max(start, mention[0] - _MAX_CHARACTERS // 2), min(end, mention[1] + _MAX_CHARACTERS // 2)
        start = left if left == start else text.find(" ", left, mention[0]) + 1 or mention[0]
        cut = right if right == end else text.rfind(" ", mention[1], right)
        end = cut if cut > 0 else mention[1]
    return Span(doc_id, start, end)
