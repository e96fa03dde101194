"""Sentences of medical knowledge, and of the criteria of a guideline that this patient meets or does not meet.

Knowledge is cited as [K n] and says nothing of the patient; what a criterion found in the record is cited as [n].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from xhaim.explain import words
from xhaim.explain.facts import Medicine
from xhaim.explain.measured import Measured
from xhaim.explain.said import cite_value
from xhaim.explain.statements import Draft
from xhaim.records import Citation, Criterion, Record, Span

MAX_NAMED = 4
"""Signs and mimics that are told."""
NOT_MEASURED = "a criterion rests on it; its effect was not measured"


def knowledge_sentences(medicine: Medicine) -> list[Draft]:
    """Say what the question is about, then the signs and mimics that the evidence affirms, then those in doubt."""
    told = [one for one in medicine.named if one.polarity != "negated"]
    named = sorted(told, key=lambda one: one.polarity != "affirmed")
    lines = [*medicine.lines, *(one.line for one in named[:MAX_NAMED])]
    return [Draft("knowledge", words.shown(line.text), knowledge=(line,)) for line in dict.fromkeys(lines)]


def checklist_sentences(
    criteria: Sequence[Criterion], record: Record, measured: Mapping[str, Measured]
) -> Iterator[Draft]:
    """Say of each criterion whether it is met, and why; a citation that is not in the record is left out with it."""
    values = {one.measurement_id: one for one in record.measurements}
    for one in criteria:
        found = [values[name] for name in one.measurement_ids if name in values]
        spans = [cited for span in one.spans if (cited := cite_span(span, record)) is not None]
        cites = (*(cite_value(value, measured) for value in found), *spans)
        first = one.text[0] if one.text[1:2].isupper() else one.text[0].upper()  # qSOFA
        text = f"{first}{one.text[1:]}: {one.status}; {one.reason}."
        yield Draft("checklist", words.shown(text), cites, (one.line,), one.status)


def cite_span(span: Span, record: Record) -> Citation | None:
    """Return the citation of a sentence of a document whose effect was not measured; None where there is none."""
    document = next((one for one in record.documents if one.doc_id == span.doc_id), None)
    if document is None or not 0 <= span.start < span.end <= len(document.text):
        return None
    return Citation(
        0, "span", document.doc_id, words.document_label(document), document.text[span.start : span.end],
        document.time, document.known_at, span.start, span.end, effect_reason=NOT_MEASURED,
    )  # fmt: skip


def criterion_figures(criteria: Sequence[Criterion]) -> list[str]:
    """Return the thresholds and values of the criteria: what their own step measured."""
    return [words.shown(f"{one.text}; {one.reason}") for one in criteria]
