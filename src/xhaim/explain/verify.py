"""Deterministic checks of an explanation against the record: nothing is shown that fails one (DESIGN section 1, 3)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xhaim.explain.claims import Claim, Kind, polarity_changes, risk_faults, text_faults
from xhaim.explain.figures import cited_figures, own_figures
from xhaim.explain.quotes import polarities
from xhaim.explain.words import document_label, image_label, shown
from xhaim.records import Citation, Document, Explanation, Image, Measurement, Record, Statement
from xhaim.task import Task
from xhaim.text.sentences import sentences
from xhaim.text.values import value_words


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in an explanation that does not hold."""

    kind: Kind
    marker: int | None
    """Of the citation at fault; ``None`` where a sentence is."""
    detail: str
    """What is wrong, in words that hold nothing of the record."""
    statement: int | None = None
    """Place of the sentence at fault, from 0; ``None``: every sentence that uses the marker."""


def verify(
    explanation: Explanation, record: Record, *, task: Task | None = None, figures: Sequence[str] | None = None
) -> list[Fault]:
    """Return every fault of an explanation, in a fixed order; an empty list: it may be shown.

    Checked of a citation: the source is in this record, under that name, at that time; known before the prediction
    (but for the index image); offsets lie in the text and the quote is exactly that text, and not cut so that a denial
    or doubt is lost; the value and unit are the record's. Of a sentence: its markers exist; what it quotes stands in
    its citations; its figures stand in its citations or in the explanation's own facts; sides and negation agree.

    ``task`` adds what is said of its concepts. ``figures``: texts with further figures that this run measured (joint
    removals, counts of stays, thresholds); without them those of the roles ``change``, ``model`` and ``checklist``
    cannot be checked and are not.
    """
    if explanation.sample_id != record.sample.sample_id or (task is not None and explanation.task_id != task.id):
        return [Fault("sample", None, "the explanation is of another sample or task")]
    faults = [Fault(kind, marker, detail) for marker, (kind, detail) in _marker_faults(explanation)]
    faults.extend(Fault("marker", None, detail, place) for place, detail in _knowledge_faults(explanation))
    for citation in explanation.citations:
        claims = _citation_faults(citation, record, task)
        faults.extend(Fault(kind, citation.marker, detail) for kind, detail in claims)
    for place, statement in enumerate(explanation.statements):
        claims = _statement_faults(statement, explanation, record, task, figures)
        faults.extend(Fault(kind, None, detail, place) for kind, detail in claims)
    return faults


def _marker_faults(explanation: Explanation) -> Iterator[tuple[int, Claim]]:
    used = {marker for statement in explanation.statements for marker in statement.markers}
    seen: set[int] = set()
    for citation in explanation.citations:
        if citation.marker in seen or not 1 <= citation.marker <= len(explanation.citations):
            yield citation.marker, ("marker", "citations are not numbered from 1, each once")
        elif citation.marker not in used:
            yield citation.marker, ("unused", "no sentence uses the citation")
        seen.add(citation.marker)


def _knowledge_faults(explanation: Explanation) -> Iterator[tuple[int, str]]:
    """Check the [K n]: each stands for a line, and only a sentence of knowledge or of a criterion rests on one."""
    known = [one.marker for one in explanation.knowledge]
    numbered = known == list(range(1, len(known) + 1))
    lines = {one.marker: one.line for one in explanation.knowledge}
    for place, statement in enumerate(explanation.statements):
        if statement.knowledge and statement.role not in ("knowledge", "checklist"):
            yield place, "knowledge is cited as if it were evidence"
        elif not numbered or set(statement.knowledge) - set(lines):
            yield place, "a [K n] without a line"
        elif statement.role == "knowledge" and [statement.text] != [shown(lines[n].text) for n in statement.knowledge]:
            yield place, "a sentence of knowledge is not the line that it cites"
        elif statement.role == "checklist" and not statement.knowledge:
            yield place, "a criterion without its source"


def _citation_faults(citation: Citation, record: Record, task: Task | None) -> Iterator[Claim]:
    source = _source(citation, record)
    if source is None:
        yield "source", f"no such {citation.kind} in this record"
        return
    is_index = isinstance(source, Image) and source.image_id == record.sample.index_image_id
    if source.known_at >= record.sample.prediction_time and not is_index:
        yield "leak", "known only at or after the prediction time"
    if (citation.time, citation.known_at) != (source.time, source.known_at):
        yield "time", "not the time in the record"
    if citation.effect is None and not citation.effect_reason:
        yield "effect", "neither an effect nor a reason"
    if citation.effect is not None and not (math.isfinite(citation.effect) and abs(citation.effect) <= 1):
        yield "effect", "not a change of a risk"
    if isinstance(source, Document):
        yield from _span_faults(citation, source, task)
        return
    label = source.label if isinstance(source, Measurement) else image_label(source)
    if citation.label != label:
        yield "label", "not the name of the source"
    if citation.quote != (value_words(source) if isinstance(source, Measurement) else label):
        yield "value", "not the value and unit in the record"
    if (citation.start, citation.end) != (None, None):
        yield "span", "only a document has offsets"


def _source(citation: Citation, record: Record) -> Document | Measurement | Image | None:
    if citation.kind == "span":
        return next((one for one in record.documents if one.doc_id == citation.source_id), None)
    if citation.kind == "measurement":
        return next((one for one in record.measurements if one.measurement_id == citation.source_id), None)
    return next((one for one in record.images if one.image_id == citation.source_id), None)


def _span_faults(citation: Citation, document: Document, task: Task | None) -> Iterator[Claim]:
    start, end = citation.start, citation.end
    if start is None or end is None or not 0 <= start < end <= len(document.text):
        yield "span", "offsets are not inside the document"
        return
    if citation.label != document_label(document):
        yield "label", "not the name of the source"
    if document.text[start:end] != citation.quote:
        yield "quote", "not the words at these offsets"
        return
    if _cut_changes_meaning(document.text, start, end):
        yield "negation", "the span leaves out what its sentence denies or doubts"
    if task is not None and citation.polarity is not None:
        said = {polarity for found in polarities(citation.quote, task).values() for polarity in found}
        if citation.polarity not in said:
            yield "negation", "its words do not have the polarity that is claimed"


def _cut_changes_meaning(text: str, start: int, end: int) -> bool:
    """Say whether a sentence is cut by the span so that its words are denied or doubted only in the whole."""
    for first, last in sentences(text):
        inner, outer = max(first, start), min(last, end)
        cut = inner < outer and (inner, outer) != (first, last)
        if cut and polarity_changes(text[inner:outer], text[first:last], inner - first):
            return True
    return False


def _statement_faults(
    statement: Statement, explanation: Explanation, record: Record, task: Task | None, extra: Sequence[str] | None
) -> Iterator[Claim]:
    cited = [citation for citation in explanation.citations if citation.marker in statement.markers]
    if set(statement.markers) - {citation.marker for citation in cited} or min(statement.markers, default=1) < 1:
        yield "marker", "a marker without a citation"
    allowed = None
    if statement.role == "knowledge":
        allowed = None  # it is its line, word for word, and says nothing of the patient
    elif extra is not None or statement.role not in ("change", "model", "checklist"):
        texts = [*(extra or ()), *((task.outcome, task.title) if task is not None else ())]
        allowed = own_figures(explanation, texts)
        for citation in cited:
            allowed.extend(cited_figures(citation, explanation.risk, record))
    yield from text_faults(statement, cited, allowed, task)
    yield from risk_faults(statement, explanation.risk)
