"""Sentences about what is missing or stale, what would change the answer, and the limits of the explanation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from xhaim.explain import words
from xhaim.explain.attribution import Attribution, Joint
from xhaim.explain.candidates import by_signal, index_image
from xhaim.explain.facts import ModelFacts
from xhaim.explain.measured import Measured
from xhaim.explain.said import cite, cite_value
from xhaim.explain.statements import Draft
from xhaim.records import MODALITIES, Modality, Record, Summary
from xhaim.signals import catalogue
from xhaim.task import Task
from xhaim.text.values import before

_PLACES = {"notes": "the notes", "cxr": "the text about chest images"}


def missing_sentences(
    record: Record, task: Task, summaries: Mapping[Modality, Summary], measured: Mapping[str, Measured]
) -> list[Draft]:
    """Name the task's signals without a value or without a recent one, and the texts and the image that are absent.

    A value is old from an hour beyond what is said, so that no "last 24 h before" stands under "none in the last 24 h".
    """
    now = record.sample.prediction_time
    values = by_signal(record, task)
    absent = [catalogue()[signal].label for signal, found in values.items() if not found]
    old = [
        found[-1]
        for found in values.values()
        if found and now - found[-1].time >= timedelta(hours=words.STALE_HOURS + 1)
    ]
    drafts = []
    if absent:
        drafts.append(Draft("missing", f"No value before the prediction: {words.listed(absent)}."))
    if old:
        ages = [f"{one.label} (last {before(one.time, now)})" for one in old]
        text = f"No value in the last {words.STALE}: {words.listed(ages)}."
        drafts.append(Draft("missing", text, tuple(cite_value(one, measured) for one in old)))
    if not any(_is_chest_report(document.kind, document.title) for document in record.documents):
        text = (
            "Radiology text is not used (report policy none)."
            if task.report_policy == "none"
            else "No earlier chest X-ray report was available."
        )
        drafts.append(Draft("missing", text))
    if index_image(record) is None:
        drafts.append(Draft("missing", "No chest X-ray image is an input of this prediction."))
    empty = [_PLACES[one] for one in MODALITIES if one not in summaries or not summaries[one].sentences]
    if empty:
        drafts.append(Draft("missing", f"Nothing about the question was found in {' or '.join(empty)}."))
    return drafts


def _is_chest_report(kind: str, title: str) -> bool:
    return kind == "cxr" or (kind == "radiology" and "CHEST" in title.upper())


def change_sentences(attribution: Attribution, facts: ModelFacts) -> list[Draft]:
    """Say what the joint removals showed, and which of them crosses the operating point."""
    flip, held, every = attribution.flip, attribution.all_toward, attribution.without_supporting
    above = facts.risk >= facts.threshold
    point = f"the operating point of {words.share(facts.threshold)}"
    drafts = []
    if flip is not None:
        what = "this evidence" if len(flip.pieces) == 1 else "all of this evidence together"
        side = "below" if above else "at or above"
        text = f"Without {what} the risk would be {_risk(flip, facts)}, {side} {point}: the answer would change."
        drafts.append(_change(text, flip))
    elif held is not None:
        side = "still at or above" if above else "still below"
        kind = "for" if above else "against"
        text = f"Without all the evidence {kind} shown here the risk would be {_risk(held, facts)}, {side} {point}."
        drafts.append(_change(text, held))
    if every is not None and every not in (flip, held if flip is None else None):
        text = f"Without all the evidence for shown here the risk would be {_risk(every, facts)}."
        drafts.append(_change(text, every))
    return drafts


def joint_figures(attribution: Attribution, facts: ModelFacts) -> list[str]:
    """Return the figures of the joint removals, as sentences show them."""
    joints = (attribution.flip, attribution.all_toward, attribution.without_supporting)
    return [_risk(joint, facts) for joint in joints if joint is not None]


def _risk(joint: Joint, facts: ModelFacts) -> str:
    change = joint.risk - facts.risk
    size = f"a change {words.UNDER}" if abs(change) < words.MIN_EFFECT else words.points(change)
    return f"{words.percent(joint.risk)} ({size})"


def _change(text: str, joint: Joint) -> Draft:
    return Draft("change", text, tuple(cite(one) for one in joint.pieces))


def limit_sentences(attribution: Attribution, task: Task, cited: bool) -> list[Draft]:
    """Say what the effects are not; that they are small where they are; that the text is leaky where it is."""
    drafts = []
    if attribution.unshown:
        text = "Other passages move the risk otherwise than their words say."
        drafts.append(Draft("limits", text, tuple(cite(one) for one in attribution.unshown)))
    effects = [one.effect for one in attribution.measured if one.effect is not None]
    if effects and max(abs(effect) for effect in effects) < words.MIN_EFFECT:
        text = (
            f"No single piece of evidence has a measurable effect when it is taken out ({words.UNDER}): the risk rests "
            "on everything together, or on what was not taken out."
        )
        drafts.append(Draft("limits", text))
    reasons = sorted({one.reason for one in attribution.measured if one.reason is not None and not one.piece.unread})
    drafts.extend(Draft("limits", f"Some effects are not known: {reason}.") for reason in reasons)
    if cited:
        text = (
            "An effect is what this model's risk changes by when the evidence is taken out; effects do not add up, "
            "and none of them is a cause of disease."
        )
        drafts.append(Draft("limits", text))
    if task.report_policy == "index_included":
        text = "LEAKY: the report of the index study was an input, and it may state the answer."
        drafts.append(Draft("limits", text))
    return drafts
