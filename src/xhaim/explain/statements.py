"""Sentences about the risk, the model and each piece of evidence, composed from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from xhaim.explain import words
from xhaim.explain.attribution import Measured
from xhaim.explain.facts import ModelFacts, Ranking
from xhaim.explain.pieces import Passage
from xhaim.explain.quotes import Quote
from xhaim.records import Citation, CriterionStatus, Image, KnowledgeLine, Measurement, Sample
from xhaim.task import Task
from xhaim.text import values

Role = Literal["risk", "for", "against", "observed", "knowledge", "checklist", "missing", "change", "model", "limits"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement before its citations are numbered."""

    role: Role
    text: str
    cites: tuple[Citation, ...] = ()
    """With marker 0."""
    knowledge: tuple[KnowledgeLine, ...] = ()
    status: CriterionStatus | None = None


def risk_sentence(task: Task, facts: ModelFacts) -> Draft:
    """Say the calibrated risk, its interval, the base rate, and where it lies."""
    within = (
        f"{words.INTERVAL} {words.interval(facts.low, facts.high)}"
        if facts.low is not None and facts.high is not None
        else "no interval: too few stays to calibrate on"
    )
    side = "at or above" if facts.risk >= facts.threshold else "below"
    worth = (
        "" if facts.tested is None or facts.tested.told_from_chance
        else " On the stays that it was tested on, this model was not shown to rank better than chance: do not rely "
        "on its risk, nor on the effects below."
    )  # fmt: skip
    return Draft(
        "risk",
        f"The calibrated risk of {task.outcome} is {words.percent(facts.risk)} ({within}), against a base rate of "
        f"{words.share(facts.base_rate)} among the training stays; it lies {side} the operating point of "
        f"{words.share(facts.threshold)}.{worth}",
    )


def model_sentences(facts: ModelFacts) -> list[Draft]:
    """Say whether the model abstains, what it was fitted on, and which blocks moved it."""
    drafts = []
    if facts.abstains:
        text = "The model abstains: at the error rate that was asked for, neither answer can be ruled out."
        drafts.append(Draft("model", text))
    drafts.append(Draft("model", fitted_on(facts)))
    if facts.tested is not None:
        drafts.append(Draft("model", tested_on(facts.tested)))
    ranked = sorted(facts.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))
    moved = [f"{block.replace('_', ' ')} {words.log_odds(value)}" for block, value in ranked if abs(value) >= 0.05]
    if moved:
        text = f"By block, before calibration, the prediction was moved by {words.listed(moved)}."
        drafts.append(Draft("model", text))
    named = [f"{shown_name(name)} {words.log_odds(value)}" for name, value in facts.columns.items()]
    if named:
        drafts.append(Draft("model", f"Of the columns that have a name, these moved it most: {'; '.join(named)}."))
    return drafts


def shown_name(column: str) -> str:
    """Return a column's name as it stands in a sentence: terms of notes are among them."""
    return words.shown(column)


def fitted_on(facts: ModelFacts) -> str:
    """Say how many stays the model and its operating point rest on."""
    text = f"The model {facts.model_name} was fitted on {facts.n_train} stays; its operating point was chosen on "
    found = "" if facts.sensitivity is None else f", of whose positives it finds {words.share(facts.sensitivity)}"
    return f"{text}{facts.n_validation} validation stays{found}."


def tested_on(tested: Ranking) -> str:
    """Say how well the model ranks stays that it had not seen, and how sure that is."""
    lead = f"Of {tested.n} stays that it had not seen, {tested.positives} with the outcome"
    if tested.auc is None:
        return f"{lead}, too few were on one side to say whether it ranks better than chance."
    text = f"{lead}, it ranked one with the outcome above one without in {words.share(tested.auc)} of pairs (AUC"
    if tested.low is None or tested.high is None:
        return f"{text} {tested.auc:.2f}, no interval: too few stays)."
    chance = "" if tested.told_from_chance else "; chance is 0.50"
    return f"{text} {tested.auc:.2f}, 95 % interval {tested.low:.2f} to {tested.high:.2f}{chance})."


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
    earlier: Measurement | None,
    measured: Mapping[str, Measured],
) -> Draft:
    """Say what a piece says, from where and when, and what the risk would be without it.

    ``earlier``: the value before a measurement, for its trend.
    """
    said, cites = _observation(one, sample, earlier, measured, facts.films.score)
    return Draft(role, f"{said}; {effect_words(one, facts.risk)}.", cites)


def observed_sentence(
    one: Measured, sample: Sample, earlier: Measurement | None, measured: Mapping[str, Measured]
) -> Draft:
    """Say what a piece says, from where and when, and nothing of what it changes: there is no model to ask."""
    said, cites = _observation(one, sample, earlier, measured, None)
    return Draft("observed", f"{said}.", cites)


def _observation(
    one: Measured, sample: Sample, earlier: Measurement | None, measured: Mapping[str, Measured], score: float | None
) -> tuple[str, tuple[Citation, ...]]:
    """Return what a piece says, with its place in time, and its citations."""
    source, now = one.piece.source, sample.prediction_time
    if isinstance(source, Passage):
        return _passage(source, sample), cites(one)
    if isinstance(source, Image):
        return image_words(source, sample, score), (cite(one),)
    shown = [cite(one)]
    trend = ""
    if earlier is not None:
        shown.append(cite_value(earlier, measured))
        trend = f", {_trend(source, earlier)} {values.value_words(earlier)} at {values.when(earlier.time, now)}"
    place = values.usual_range(source)
    moment = f"{values.when(source.time, now)} ({values.before(source.time, now)}{f'; {place}' if place else ''})"
    return f"{source.label} was {values.value_words(source)} at {moment}{trend}", tuple(shown)


def _passage(source: Passage, sample: Sample) -> str:
    document = source.document
    other = None not in (document.hadm_id, sample.hadm_id) and document.hadm_id != sample.hadm_id
    before = ", of an earlier admission," if other else ""
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
        mixed = ", which speaks for and against," if source.mixed else ""
        return "that label" if source.label is not None else f"this passage{copies}{mixed}"
    return "its reading" if isinstance(source, Image) else "this value"


def _trend(now: Measurement, earlier: Measurement) -> str:
    return "up from" if now.value > earlier.value else "down from" if now.value < earlier.value else "unchanged from"


def _moment(time: datetime, now: datetime) -> str:
    return f"{values.when(time, now)} ({values.before(time, now)})"
