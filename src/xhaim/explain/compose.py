"""Step 4: a prediction explained in sentences, each traceable to what was measured.

Paper section 4, Explanation Generation; DESIGN section 1, points 2 and 3. No language model writes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from xhaim.config import ExplainSettings
from xhaim.errors import DataError
from xhaim.explain.additive import additive, by_marker
from xhaim.explain.attribution import Attribution, attribute
from xhaim.explain.candidates import candidates
from xhaim.explain.checked import verified
from xhaim.explain.course import before, earlier_values
from xhaim.explain.facts import Medicine, ModelFacts, RiskWithout
from xhaim.explain.faithfulness import faithfulness, faithfulness_sentence
from xhaim.explain.gaps import change_sentences, joint_figures, limit_sentences, missing_sentences
from xhaim.explain.measured import Measured
from xhaim.explain.medicine import checklist_sentences, criterion_figures, knowledge_sentences
from xhaim.explain.said import evidence_sentence, idle_image_sentence, observed_sentence
from xhaim.explain.statements import Draft, fitted_on, model_sentences, risk_sentence, tested_on
from xhaim.records import (
    Evidence,
    Explanation,
    Faithfulness,
    Image,
    Measurement,
    Modality,
    Record,
    ReportPolicy,
    Summary,
)
from xhaim.task import Task

NO_MODEL = "no model was fitted"
NO_MEDICINE = Medicine()


def explain(
    record: Record,
    task: Task,
    evidence: Mapping[Modality, Evidence],
    summaries: Mapping[Modality, Summary],
    facts: ModelFacts,
    risk_without: RiskWithout,
    settings: ExplainSettings,
    *,
    report_policy: ReportPolicy | None = None,
    medicine: Medicine = NO_MEDICINE,
    simulated: bool,
) -> Explanation:
    """Explain one prediction. ``report_policy``: the run's, where it overrides the task's own.

    ``risk_without`` is called at most three times: for every single piece of evidence, for the joint removals, and for
    all that is cited beside as much at random; a fourth time where ``settings.additive`` asks for orders.
    Every sentence passes ``verify``; one that fails is left out and its reason stands in ``dropped``. Raises
    DataError when evidence or a summary is of another sample or task, or ``risk_without`` miscounts.
    """
    _same_sample(record, task, [*evidence.values(), *summaries.values()])
    task = task if report_policy is None else task.model_copy(update={"report_policy": report_policy})
    pieces, unusable = candidates(record, task, evidence, summaries, settings.max_measurements, facts.films)
    attribution = attribute(pieces, facts, risk_without, settings, of_now=not task.needs_image)
    whole = faithfulness(record, task.id, evidence, attribution, facts, risk_without)
    drafts = _drafts(record, task, summaries, facts, attribution, whole, medicine)
    empty = Explanation(
        sample_id=record.sample.sample_id,
        task_id=task.id,
        question=task.question,
        report_policy=task.report_policy,
        risk=facts.risk,
        low=facts.low,
        high=facts.high,
        base_rate=facts.base_rate,
        threshold=facts.threshold,
        abstains=facts.abstains,
        statements=(),
        citations=(),
        contributions=dict(sorted(facts.contributions.items())),
        dropped=tuple(unusable),
        writer="composed",
        simulated=simulated,
        columns=dict(facts.columns),
        image_score=facts.films.score,
        faithfulness=whole,
    )
    tested = [] if facts.tested is None else [tested_on(facts.tested)]
    counted = criterion_figures(medicine.criteria)
    figures = [fitted_on(facts), *tested, *joint_figures(attribution, facts), *counted]
    explanation = verified(empty, drafts, record, task, figures)
    if not settings.additive:
        return explanation
    shares = additive(record, task.id, evidence, attribution, facts, risk_without, settings.additive)
    return replace(explanation, additive=by_marker(explanation, *shares))


def observe(
    record: Record,
    task: Task,
    evidence: Mapping[Modality, Evidence],
    summaries: Mapping[Modality, Summary],
    reason: str,
    settings: ExplainSettings,
    *,
    report_policy: ReportPolicy | None = None,
    medicine: Medicine = NO_MEDICINE,
    simulated: bool,
) -> Explanation:
    """Say what the record holds on the question where no model could be fitted, and no risk.

    ``reason`` says why there is no model. The same sentences, citations and checks as ``explain``; nothing is put on
    a side, since nothing was measured.
    """
    _same_sample(record, task, [*evidence.values(), *summaries.values()])
    task = task if report_policy is None else task.model_copy(update={"report_policy": report_policy})
    pieces, unusable = candidates(record, task, evidence, summaries, settings.max_measurements)
    shown = [Measured(piece, None, NO_MODEL) for piece in pieces if not isinstance(piece.source, Image)]
    measured = {one.piece.source.measurement_id: one for one in shown if isinstance(one.piece.source, Measurement)}
    earlier = earlier_values(record, task)
    drafts = [Draft("risk", f"No risk is given, since no model was fitted: {reason}.")]
    for one in shown:
        previous = before(one.piece, record, task, earlier)
        drafts.append(observed_sentence(one, record.sample, previous, measured))
    drafts.extend(knowledge_sentences(medicine))
    drafts.extend(checklist_sentences(medicine.criteria, record, measured))
    drafts.extend(missing_sentences(record, task, summaries, measured))
    empty = Explanation(
        sample_id=record.sample.sample_id,
        task_id=task.id,
        question=task.question,
        report_policy=task.report_policy,
        risk=None,
        low=None,
        high=None,
        base_rate=None,
        threshold=None,
        abstains=False,
        statements=(),
        citations=(),
        contributions={},
        dropped=tuple(unusable),
        writer="composed",
        simulated=simulated,
        unscored=reason,
    )
    return verified(empty, drafts, record, task, [reason, *criterion_figures(medicine.criteria)])


def _same_sample(record: Record, task: Task, inputs: Sequence[Evidence | Summary]) -> None:
    for one in inputs:
        if (one.sample_id, one.task_id) != (record.sample.sample_id, task.id):
            raise DataError(
                f"{type(one).__name__.lower()} of another sample or task",
                got=f"sample {one.sample_id}, task {one.task_id}",
                expected=f"sample {record.sample.sample_id}, task {task.id}",
            )


def _drafts(
    record: Record,
    task: Task,
    summaries: Mapping[Modality, Summary],
    facts: ModelFacts,
    attribution: Attribution,
    whole: Faithfulness | None,
    medicine: Medicine,
) -> list[Draft]:
    """Compose every sentence, in the order in which it is read."""
    measured = {
        one.piece.source.measurement_id: one
        for one in attribution.measured
        if isinstance(one.piece.source, Measurement)
    }
    earlier = earlier_values(record, task)
    drafts = [risk_sentence(task, facts)]
    sides: tuple[tuple[Literal["for", "against"], tuple[Measured, ...]], ...] = (
        ("for", attribution.supporting),
        ("against", attribution.opposing),
    )
    for role, shown in sides:
        for one in shown:
            previous = before(one.piece, record, task, earlier)
            drafts.append(evidence_sentence(one, role, facts, record.sample, previous, measured))
    cited = len(drafts) > 1
    if not cited:
        drafts.append(Draft("missing", "Nothing in this record could be shown as evidence for or against."))
    drafts.extend(knowledge_sentences(medicine))
    drafts.extend(checklist_sentences(medicine.criteria, record, measured))
    drafts.extend(missing_sentences(record, task, summaries, measured))
    drafts.extend(change_sentences(attribution, facts))
    drafts.extend([] if whole is None else [faithfulness_sentence(whole, attribution, facts.risk)])
    drafts.extend(model_sentences(facts))
    drafts.extend(
        idle_image_sentence(one, one.piece.source, facts, record.sample)
        for one in attribution.measured
        if isinstance(one.piece.source, Image) and one.side is None
    )
    drafts.extend(limit_sentences(attribution, task, cited))
    return drafts
