"""What a citation tells in words, so that a sentence can be held against it: source, moment, value or quotation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from xhaim.explain import words
from xhaim.explain.measured import NOT_READ
from xhaim.explain.said import image_words
from xhaim.records import Citation, Record, Statement
from xhaim.text import values
from xhaim.text.sentences import sentences
from xhaim.verify.citations import Cited

_TO_THE_END = r"(?:[^.]|\.(?=\d))*(?:\.|$)"
_EFFECT = re.compile(rf"; (?:{NOT_READ},|(?:yet without|without|taking|the effect of) ){_TO_THE_END}")
"""The clause on the model, to the end of its sentence: what is written behind it is a claim again."""
_LABEL = re.compile(r", and its film is labelled \w+(?=[.,]|$)")
"""Of a film: the record holds no labels, so it is neither held against anything nor counted."""
_EARLIER = re.compile(r", (?:unlike|more than|less than) the one before it, of ([^,\"]{1,40}), which says (?=\")")
_SOURCE = re.compile(r"The [\w -]{1,60}?(?= of )")
CLAIMS = ("for", "against", "observed")
"""Roles of sentences that claim something of the patient."""


def claims_of(statement: Statement, cited: Mapping[int, str | None]) -> Iterator[Cited]:
    """Yield what a sentence claims of the patient, part by part, each with the citations that must say it.

    Its clause on what the model was measured to do is no such claim. Where it sets an earlier report beside a later one
    there are two parts, which say different things: each is held against its own citation, the earlier one's the last.
    ``cited``: marker -> the words that a citation rests on, ``None`` for one that does not hold.
    """
    if statement.role not in CLAIMS or not statement.markers:
        return
    text = f"{_LABEL.sub('', _EFFECT.sub('', statement.text)).rstrip('. ')}."
    earlier, source = _EARLIER.search(text), _SOURCE.match(text)
    if earlier is None or source is None or len(statement.markers) < 2:
        yield Cited(text, tuple(cited.get(marker) for marker in statement.markers))
        return
    *first, last = statement.markers
    yield Cited(f"{text[: earlier.start()]}.", tuple(cited.get(marker) for marker in first))
    yield Cited(f"{source.group()} of {earlier[1]} says {text[earlier.end() :]}", (cited.get(last),))


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
