"""The explanations of a report as the page's template reads them: everything worded, every link resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from xhaim.errors import DataError
from xhaim.evaluate.grids import POLICY_WORDS
from xhaim.evaluate.header import RunHeader, is_leaky
from xhaim.evaluate.parts import (
    Contribution,
    EvidenceSide,
    Mark,
    Sentence,
    contributions,
    evidence_lines,
    sentences,
    summary_lines,
)
from xhaim.evaluate.sources import Anchors, Sources, sources
from xhaim.evaluate.wording import interval, moment, percent, share
from xhaim.records import Citation, Explanation, KnowledgeLine, Record, Summary
from xhaim.task import Task

_ROLE_TITLES = {
    "risk": "Risk",
    "for": "For",
    "against": "Against",
    "observed": "Observed",
    "model": "The model",
    "limits": "Limits",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the risk lies, all in [0, 1]; the risk itself in [0.01, 0.99]."""

    risk: float
    low: float | None
    high: float | None
    base_rate: float
    base_rate_words: str
    threshold: float
    threshold_words: str
    flagged: bool
    """At or above the operating point."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a guideline."""

    sentence: Sentence
    knowledge: tuple[int, ...]
    """Of its [K n]."""


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """One explanation."""

    anchor: str
    task_id: str
    task_title: str
    question: str
    leaky: bool
    policy: str
    risk: str
    """In words; ``not given`` (never a word for none) where no model could be fitted."""
    scale: Scale | None
    """``None`` where there is no risk."""
    interval: str
    decision: str
    why: tuple[tuple[str, tuple[Sentence, ...]], ...]
    """Statements in their order, by role."""
    evidence: tuple[EvidenceSide, ...]
    """For, against, and what else is cited."""
    missing: tuple[Sentence, ...]
    change: tuple[Sentence, ...]
    knowledge: tuple[tuple[str, KnowledgeLine], ...]
    """(K n, line): what the [K n] stand for."""
    criteria: tuple[tuple[str, tuple[Criterion, ...]], ...]
    """(status, criteria): met, not met, unknown; those that are there."""
    contributions: tuple[Contribution, ...]
    summaries: tuple[tuple[str, str, tuple[Sentence, ...]], ...]
    """(modality, writer, sentences)."""
    dropped: tuple[str, ...]
    checked: int
    writer: str


@dataclass(frozen=True, slots=True)
class SampleView:
    """One sample with its explanations and their sources."""

    anchor: str
    name: str
    sample_id: str
    subject_id: int
    when: str
    static: tuple[tuple[str, str], ...]
    explanations: tuple[ExplanationView, ...]
    sources: Sources


def samples(
    header: RunHeader,
    tasks: Sequence[Task],
    explanations: Sequence[Explanation],
    records: Mapping[str, Record],
    summaries: Mapping[tuple[str, str], Sequence[Summary]],
) -> tuple[SampleView, ...]:
    """Return the samples by id, the explanations of each in the order of the tasks.

    Raises DataError where an explanation has no record or no task, or cites what is not in its record.
    """
    order = {task.id: place for place, task in enumerate(tasks)}
    for item in explanations:
        if item.task_id not in order or item.sample_id not in records:
            raise DataError(
                f"the explanation of sample {item.sample_id} for task {item.task_id} has no record or no task",
                expected="a record of each explained sample, and its task among the tasks",
            )
    ordered = sorted(explanations, key=lambda item: (item.sample_id, order[item.task_id]))
    grouped = groupby(ordered, key=lambda item: item.sample_id)
    return tuple(
        _sample(f"s{number}", records[sample_id], list(group), header, {task.id: task for task in tasks}, summaries)
        for number, (sample_id, group) in enumerate(grouped, start=1)
    )


def _sample(
    anchor: str,
    record: Record,
    explanations: Sequence[Explanation],
    header: RunHeader,
    tasks: Mapping[str, Task],
    summaries: Mapping[tuple[str, str], Sequence[Summary]],
) -> SampleView:
    sample = record.sample
    written = {item.task_id: tuple(summaries.get((sample.sample_id, item.task_id), ())) for item in explanations}
    found = sources(
        record,
        [citation for item in explanations for citation in item.citations],
        [summary for group in written.values() for summary in group],
        anchor,
    )
    return SampleView(
        anchor=anchor,
        name=f"Stay {sample.stay_id}" if sample.stay_id is not None else f"Sample {sample.sample_id}",
        sample_id=sample.sample_id,
        subject_id=sample.subject_id,
        when=moment(sample.prediction_time),
        static=tuple(
            (name.replace("_", " "), f"{value:g}" if isinstance(value, float) else str(value))
            for name, value in sorted(record.static.items())
            if value is not None
        ),
        explanations=tuple(
            _explanation(f"{anchor}-t{number}", item, tasks[item.task_id], header, written[item.task_id], found.anchors)
            for number, item in enumerate(explanations, start=1)
        ),
        sources=found,
    )


def _explanation(
    anchor: str,
    item: Explanation,
    task: Task,
    header: RunHeader,
    summaries: Sequence[Summary],
    anchors: Anchors,
) -> ExplanationView:
    marks = {
        citation.marker: Mark(str(citation.marker), _target(citation, anchors), citation.label)
        for citation in item.citations
    }
    shown = [statement for statement in item.statements if statement.role in _ROLE_TITLES]
    return ExplanationView(
        anchor=anchor,
        task_id=task.id,
        task_title=task.title,
        question=item.question,
        leaky=item.report_policy == "index_included" or is_leaky(header, task.id),
        policy=POLICY_WORDS[item.report_policy],
        risk=percent(item.risk) if item.risk is not None else "not given",
        scale=_scale(item),
        interval=interval(item.low, item.high) if item.risk is not None else "",
        decision=_decision(item),
        why=tuple(
            (_ROLE_TITLES[role], sentences(list(group), marks))
            for role, group in groupby(shown, key=lambda statement: statement.role)
        ),
        evidence=evidence_lines(item, marks),
        missing=sentences([one for one in item.statements if one.role == "missing"], marks),
        change=sentences([one for one in item.statements if one.role == "change"], marks),
        knowledge=tuple((f"K {one.marker}", one.line) for one in item.knowledge),
        criteria=_criteria(item, marks),
        contributions=contributions(item.contributions),
        summaries=tuple(summary_lines(summary, anchors) for summary in summaries),
        dropped=item.dropped,
        checked=len(item.statements),
        writer=item.writer,
    )


def _criteria(item: Explanation, marks: Mapping[int, Mark]) -> tuple[tuple[str, tuple[Criterion, ...]], ...]:
    found = []
    for status in ("met", "not met", "unknown"):
        mine = [one for one in item.statements if one.role == "checklist" and one.status == status]
        if mine:
            pairs = zip(sentences(mine, marks), mine, strict=True)
            found.append((status.capitalize(), tuple(Criterion(said, one.knowledge) for said, one in pairs)))
    return tuple(found)


def _target(citation: Citation, anchors: Anchors) -> str:
    span = citation.kind == "span"
    return anchors[citation.kind, citation.source_id, citation.start if span else None, citation.end if span else None]


def _scale(item: Explanation) -> Scale | None:
    if item.risk is None or item.base_rate is None or item.threshold is None:
        return None
    return Scale(
        risk=min(max(item.risk, 0.01), 0.99),
        low=item.low,
        high=item.high,
        base_rate=item.base_rate,
        base_rate_words=share(item.base_rate),
        threshold=item.threshold,
        threshold_words=share(item.threshold),
        flagged=item.risk >= item.threshold,
    )


def _decision(item: Explanation) -> str:
    if item.risk is None or item.threshold is None:
        return f"No model was fitted: {item.unscored or 'no reason given'}."
    if item.abstains:
        return "The model abstains: both answers stay possible."
    side = "At or above" if item.risk >= item.threshold else "Below"
    return f"{side} the operating point of {share(item.threshold)}."
