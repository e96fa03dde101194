"""The criteria of a task's card on one patient's record: each met, not met or unknown, and on what it rests."""

from __future__ import annotations

from collections.abc import Sequence

from xhaim.errors import DataError
from xhaim.knowledge.card import Card, ScoreLine
from xhaim.knowledge.judged import Judged, Status, by_fact, by_rise, by_value
from xhaim.knowledge.rules import AllOf, AnyOf, FactRule, FirstOf, RiseRule, Rule, UnreadableRule, ValueRule
from xhaim.knowledge.said import by_words
from xhaim.records import Criterion, KnowledgeLine, Points, Record
from xhaim.task import Task


def checklist(record: Record, task: Task, card: Card) -> tuple[Criterion, ...]:
    """Judge the card's criteria, then its scores, in the card's order.

    Only what was known before the sample's prediction time is looked at. A score counts one point for each criterion
    that is met; where some are unknown it is a range, and it is met or not met only where the whole range says so.
    Raises DataError for a card of another task, or of a concept that the task lacks.
    """
    if card.task != task.id:
        raise DataError("a card of another task", got=card.task, expected=task.id)
    found: dict[str, Criterion] = {}
    for at, one in enumerate(card.criteria):
        judged = _judge(one.rule, record, task)
        found[one.id] = Criterion(
            criterion_id=one.id,
            text=one.name,
            status=judged.status,
            reason=f"{judged.seen}, needed: {judged.asked}" if judged.asked else judged.seen,
            measurement_ids=judged.measurement_ids,
            spans=judged.spans,
            line=card.line("criteria", at),
        )
    scores = [
        _score(score, [found[part] for part in score.parts], card.line("scores", at))
        for at, score in enumerate(card.scores)
    ]
    return (*found.values(), *scores)


def _judge(rule: Rule, record: Record, task: Task) -> Judged:
    match rule:
        case ValueRule():
            return by_value(rule, record)
        case RiseRule():
            return by_rise(rule, record)
        case FactRule():
            return by_fact(rule, record)
        case UnreadableRule():
            return Judged("unknown", rule.why)
        case AnyOf() | AllOf() | FirstOf():
            return _joined(rule, [_judge(each, record, task) for each in rule.rules])
        case _:
            return by_words(rule, record, task)


def _joined(rule: AnyOf | AllOf | FirstOf, judged: Sequence[Judged]) -> Judged:
    """Join by Kleene's logic: one that is decisive decides, one that is unknown leaves it open, else all agree."""
    if isinstance(rule, FirstOf):
        shown = [one for one in judged if one.status != "unknown"][:1]
        status: Status = shown[0].status if shown else "unknown"
    else:
        decisive: Status = "met" if isinstance(rule, AnyOf) else "not met"
        other: Status = "not met" if isinstance(rule, AnyOf) else "met"
        shown = [one for one in judged if one.status == decisive]
        status = decisive if shown else "unknown" if any(one.status == "unknown" for one in judged) else other
    seen, asked = _merged(shown or judged, " and " if isinstance(rule, AllOf) else " or ")
    return Judged(
        status,
        seen,
        asked,
        tuple(dict.fromkeys(name for one in shown or judged for name in one.measurement_ids)),
        tuple(dict.fromkeys(span for one in shown or judged for span in one.spans)),
    )


def _merged(judged: Sequence[Judged], between: str) -> tuple[str, str]:
    """Return what was seen and what was asked; a value that was asked for twice is told once."""
    asked: dict[str, list[str]] = {}
    for one in judged:
        asked.setdefault(one.seen, []).append(one.asked)
    told = [(seen, between.join(filter(None, thresholds))) for seen, thresholds in asked.items()]
    if len(told) == 1:
        return told[0]
    return "; ".join(f"{seen}, needed: {wanted}" if wanted else seen for seen, wanted in told), ""


def _score(score: ScoreLine, parts: Sequence[Criterion], line: KnowledgeLine) -> Criterion:
    met = [part for part in parts if part.status == "met"]
    unknown = [part for part in parts if part.status == "unknown"]
    points = Points(len(met), len(met) + len(unknown), len(parts))
    status: Status = "met" if points.low >= score.met_from else "unknown"
    if points.high < score.met_from:
        status = "not met"
    said = f"{points.low} of {points.most}"
    if unknown:
        said = f"at least {said}; {len(unknown)} unknown ({', '.join(part.text for part in unknown)})"
    return Criterion(
        criterion_id=score.id,
        text=score.name,
        status=status,
        reason=f"{said}, needed: at least {score.met_from}",
        measurement_ids=tuple(dict.fromkeys(name for part in met for name in part.measurement_ids)),
        spans=tuple(dict.fromkeys(span for part in met for span in part.spans)),
        line=line,
        parts=score.parts,
        points=points,
    )
