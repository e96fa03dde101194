"""What one piece of evidence says, in a sentence with its citations: words, a value, an image, and what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from xhaim.explain import words
from xhaim.explain.course import Before, EarlierReport
from xhaim.explain.facts import ModelFacts
from xhaim.explain.measured import NOT_READ, Measured
from xhaim.explain.pieces import Passage
from xhaim.explain.quotes import Quote
from xhaim.explain.statements import Draft
from xhaim.records import Citation, Image, Measurement, Sample
from xhaim.text import values

UNKNOWN = "and its risk does not know of them"
ONLY_LABEL = "but for the label of their film"


def key_of(citation: Citation) -> tuple[str, str, int | None, int | None]:
    """Return what a citation points to: the same source and span have one mark."""
    return citation.kind, citation.source_id, citation.start, citation.end


def cites(one: Measured) -> tuple[Citation, ...]:
    """Return the citations of a measured piece, not yet numbered: of a passage one for each quotation."""
    source = one.piece.source
    return tuple(_span(one, source, quote) for quote in source.quotes) if isinstance(source, Passage) else (cite(one),)


def _span(one: Measured, source: Passage, quote: Quote) -> Citation:
    document = source.document
    return Citation(
        0, "span", document.doc_id, words.document_label(document), quote.text, document.time, document.known_at,
        quote.start, quote.end, quote.polarity, one.effect, one.reason,
    )  # fmt: skip


def cite(one: Measured) -> Citation:
    """Return the first citation of a measured piece, not yet numbered."""
    source = one.piece.source
    if isinstance(source, Passage):
        return _span(one, source, source.quote)
    if isinstance(source, Measurement):
        return cite_value(source, {source.measurement_id: one})
    label = words.image_label(source)
    return Citation(
        0, "image", source.image_id, label, label, source.time, source.known_at,
        effect=one.effect, effect_reason=one.reason,
    )  # fmt: skip


def cite_value(measurement: Measurement, measured: Mapping[str, Measured]) -> Citation:
    """Return the citation of one value, with its effect where that was measured."""
    one = measured.get(measurement.measurement_id)
    effect, reason = (one.effect, one.reason) if one else (None, "not among the values whose effect was measured")
    return Citation(
        0, "measurement", measurement.measurement_id, measurement.label, values.value_words(measurement),
        measurement.time, measurement.known_at, effect=effect, effect_reason=reason,
    )  # fmt: skip


def evidence_sentence(
    one: Measured,
    role: Literal["for", "against"],
    facts: ModelFacts,
    sample: Sample,
    earlier: Before | None,
    measured: Mapping[str, Measured],
) -> Draft:
    """Say what a piece says, from where and when, and what the risk would be without it.

    ``earlier``: what it is compared with, for its trend.
    """
    said, cites, compared = _observation(one, sample, earlier, measured, facts.films.score)
    return Draft(role, f"{said}; {effect_words(one, facts.risk)}.", cites, compared=compared)


def observed_sentence(one: Measured, sample: Sample, earlier: Before | None, measured: Mapping[str, Measured]) -> Draft:
    """Say what a piece says, from where and when, and nothing of what it changes: there is no model to ask."""
    said, cites, compared = _observation(one, sample, earlier, measured, None)
    return Draft("observed", f"{said}.", cites, compared=compared)


def _observation(
    one: Measured, sample: Sample, earlier: Before | None, measured: Mapping[str, Measured], score: float | None
) -> tuple[str, tuple[Citation, ...], tuple[Citation, ...]]:
    """Return what a piece says, with its place in time, its citations, and those of what it is compared with."""
    source, now = one.piece.source, sample.prediction_time
    if isinstance(source, Passage):
        said, then = _passage(source, sample), earlier if isinstance(earlier, EarlierReport) else None
        return (said, cites(one), ()) if then is None else (said + _than(then, sample), cites(one), (cite_then(then),))
    if isinstance(source, Image):
        return image_words(source, sample, score), (cite(one),), ()
    trend = ""
    compared: tuple[Citation, ...] = ()
    if isinstance(earlier, Measurement):
        compared = (cite_value(earlier, measured),)
        trend = f", {_trend(source, earlier)} {values.value_words(earlier)} at {values.when(earlier.time, now)}"
    place = values.usual_range(source)
    moment = f"{values.when(source.time, now)} ({values.before(source.time, now)}{f'; {place}' if place else ''})"
    return f"{source.label} was {values.value_words(source)} at {moment}{trend}", (cite(one),), compared


def cite_then(earlier: EarlierReport) -> Citation:
    """Return the citation of what an earlier report said."""
    document, quote = earlier.document, earlier.quote
    return Citation(
        0, "span", document.doc_id, words.document_label(document), quote.text, document.time, document.known_at,
        quote.start, quote.end, quote.polarity, effect_reason="cited for comparison alone",
    )  # fmt: skip


def _than(earlier: EarlierReport, sample: Sample) -> str:
    moment = values.when(earlier.document.time, sample.prediction_time)
    return f', {earlier.change} the one before it, of {moment}, which says "{words.shown(earlier.quote.text)}"'


def _passage(source: Passage, sample: Sample) -> str:
    document = source.document
    before = ", of an earlier admission," if source.earlier else ""
    moment = _moment(document.time, sample.prediction_time)
    quoted = words.listed([f'"{words.shown(quote.text)}"' for quote in source.quotes])
    said = f"The {words.kind_words(document.kind)} of {moment}{before} says {quoted}"
    return said if source.label is None else f"{said}, and its film is labelled {_LABELS[source.label]}"


_LABELS = {0.0: "negative", 0.5: "uncertain", 1.0: "positive"}


def image_words(image: Image, sample: Sample, score: float | None) -> str:
    """Say who read an image; of the index image also what it made of it."""
    index = image.image_id == sample.index_image_id
    which = "index chest X-ray" if index else "earlier chest X-ray"
    when = values.when(image.time, sample.prediction_time)
    given = f" and gave it {words.score(score)} for the finding" if index and score is not None else ""
    return f"A small network fitted on the training images, not a radiologist, read the {which} of {when}{given}"


def idle_image_sentence(one: Measured, image: Image, facts: ModelFacts, sample: Sample) -> Draft:
    """Say that an image was an input whose effect cannot be told apart from none, or is not known."""
    which = "index" if image.image_id == sample.index_image_id else "earlier"
    when = values.when(image.time, sample.prediction_time)
    text = f"The {which} chest X-ray of {when} is an input; {effect_words(one, facts.risk)}."
    return Draft("model", text, (cite(one),))


def effect_words(one: Measured, risk: float) -> str:
    """Say what was measured of a piece, and no more than that."""
    name = _name(one)
    if one.piece.unread:
        known = isinstance(one.piece.source, Passage) and one.piece.source.label is not None
        return f"{NOT_READ}, {ONLY_LABEL if known else UNKNOWN}"
    if one.effect is None:
        return f"the effect of {name} is not known, since {one.reason}"
    if abs(one.effect) < words.MIN_EFFECT:
        return f"taking {name} out has {words.NO_EFFECT}"
    moved = f"{name} the risk would be {words.percent(risk - one.effect)} ({words.points(-one.effect)})"
    return f"yet without {moved}, which is not what its words say" if one.odd else f"without {moved}"


def _name(one: Measured) -> str:
    source = one.piece.source
    if isinstance(source, Passage):
        copies = " and its copies" if len(one.piece.removal.chunk_ids) > 1 else ""
        mixed = f", which speak{'' if copies else 's'} for and against," if source.mixed else ""
        return "that label" if source.label is not None else f"this passage{copies}{mixed}"
    return "its reading" if isinstance(source, Image) else "this value"


def _trend(now: Measurement, earlier: Measurement) -> str:
    return "up from" if now.value > earlier.value else "down from" if now.value < earlier.value else "unchanged from"


def _moment(time: datetime, now: datetime) -> str:
    return f"{values.when(time, now)} ({values.before(time, now)})"
