"""What a citation tells in words, so that a sentence can be held against it: source, moment, value or quotation."""

from __future__ import annotations

import re

from xhaim.explain import words
from xhaim.explain.said import image_words
from xhaim.records import Citation, Record, Statement
from xhaim.text import values
from xhaim.text.sentences import sentences

_EFFECT = re.compile(r"; (?:yet without|without|taking|the effect of) .*$", re.DOTALL)
CLAIMS = ("for", "against", "observed")
"""Roles of sentences that claim something of the patient."""


def claim_of(statement: Statement) -> str:
    """Return what a sentence claims of the patient: without its clause on what the model was measured to do."""
    return f"{_EFFECT.sub('', statement.text).rstrip('. ')}."


def evidence_words(citation: Citation, record: Record, score: float | None = None) -> str:
    """Return the words that a citation of this record rests on, with its whole sentences and its place in time.

    ``score``: what the explanation says that the image network gave the index image.
    """
    now = record.sample.prediction_time
    moment = f"{values.when(citation.time, now)} ({values.before(citation.time, now)})"
    if citation.kind == "measurement":
        ranges = [values.usual_range(one) for one in record.measurements if one.measurement_id == citation.source_id]
        place = "; ".join(text for text in ranges if text)
        return f"{citation.label} was {citation.quote} at {moment}. It is {place or 'without a usual range'}."
    if citation.kind == "image":
        image = next((one for one in record.images if one.image_id == citation.source_id), None)
        return citation.label if image is None else f"{image_words(image, record.sample, score)}."
    document = next((one for one in record.documents if one.doc_id == citation.source_id), None)
    if document is None or citation.start is None or citation.end is None:
        return words.shown(citation.quote)
    said = [
        document.text[first:last]
        for first, last in sentences(document.text)
        if first < citation.end and citation.start < last
    ]
    return f"The {words.kind_words(document.kind)} of {moment} says: {words.shown(' '.join(said) or citation.quote)}"
