"""The judge of two stages (paper, Results): an adversarial analyst lists issues, an evaluator scores with the list.

The explanation is hostile text like any other: it goes between marks that it cannot forge, without the sentences that
speak to a judge. A reply must fit its schema and name the sample that was asked about; one that does not is asked for
once more, and after that there is no score, and a reason. No number stands in for one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from xhaim.errors import BackendError
from xhaim.judge.addressed import set_aside
from xhaim.judge.rubric import Rubric
from xhaim.judge.shown import Case, question, system
from xhaim.llm.replies import UnusableReplyError, fault_of
from xhaim.ports import LanguageModel
from xhaim.records import DIMENSIONS, Issue, Verdict

AGAIN = "\n\nYour last answer could not be used: $why. Answer again, with JSON as described and nothing else."
OTHER_SAMPLE = "the answer is for another sample"
_TEXT = {"type": "string", "maxLength": 1200}
_MOST = 20


def judge(case: Case, rubric: Rubric, model: LanguageModel, reading: int = 0) -> Verdict:
    """Return what a model says of one explanation, in two questions (each asked once more where it fails).

    ``reading``: 1 and on ask the same anew, past the ledger's memory. Where the first stage fails the second is asked
    without a critique, and the comment says so. Raises what is no fault of one question (a spent budget).
    """
    heard = set_aside(case.explanation)
    seen = replace(case, explanation=heard.explanation)
    found, failed = _ask(seen, model, system("analyst", case, rubric), question(seen, None, reading), _issues_schema())
    issues, dropped = ((), 0) if found is None else _issues(found["issues"], seen)
    critique = None if found is None else _critique(issues)
    asked = question(seen, critique, reading)
    answer, why = _ask(seen, model, system("evaluator", case, rubric), asked, _scores_schema(rubric))
    scores, reasons = _scores(answer, why, rubric)
    notes = [
        f"no critique: {failed}" if found is None else "",
        f"{dropped} issues dropped, since they quote what the explanation does not say" if dropped else "",
    ]
    return Verdict(
        case.explanation.sample_id,
        case.explanation.task_id,
        case.digest,
        model.name,
        scores,
        reasons,
        (*heard.placed(issues), *heard.issues),
        "; ".join(note for note in notes if note),
    )


def _ask(
    case: Case, model: LanguageModel, told: str, user: str, schema: dict[str, Any]
) -> tuple[dict[str, Any] | None, str]:
    """Ask, and once more where the answer cannot be used; return the answer, or why there is none."""
    why = ""
    for attempt in (user, None):
        text = attempt or user + AGAIN.replace("$why", why)
        try:
            reply = model.ask(told, text, schema)
            why = fault_of(reply, schema) or ""
        except UnusableReplyError as error:
            why = error.why
            continue
        except BackendError as error:
            return None, error.what
        if why:
            continue
        answer: dict[str, Any] = json.loads(reply.text)
        if answer["sample"] == case.mark:
            return answer, ""
        why = OTHER_SAMPLE
    return None, why


def _issues(raw: Sequence[dict[str, Any]], case: Case) -> tuple[tuple[Issue, ...], int]:
    """Return the issues whose quotation is the explanation's, and how many others there were."""
    kept = []
    for one in raw:
        quote = " ".join(one["quote"].split())
        place = next((n for n, x in enumerate(case.explanation.statements) if quote in " ".join(x.text.split())), None)
        if quote and place is None:
            continue
        at = place if quote else None
        marker = one["evidence"] if one["evidence"] in case.evidence else None
        kept.append(Issue(one["dimension"], one["severity"], one["detail"].strip(), quote, at, marker))
    return tuple(kept), len(raw) - len(kept)


def _critique(issues: Sequence[Issue]) -> str:
    if not issues:
        return "No issue was found."
    told = []
    for n, one in enumerate(issues, start=1):
        about = "" if one.marker is None else f" (evidence {one.marker})"
        told.append(f'{n}. {one.dimension}, {one.severity}{about}: {one.detail} "{one.quote}"')
    return "\n".join(told)


def _scores(answer: dict[str, Any] | None, why: str, rubric: Rubric) -> tuple[dict[str, int | None], dict[str, str]]:
    if answer is None:
        return {axis.name: None for axis in rubric.axes}, {axis.name: f"no score: {why}" for axis in rubric.axes}
    given = {name: None if score is None else int(score) for name, score in answer["scores"].items()}
    reasons = {name: " ".join(reason.split()) for name, reason in answer["reasons"].items()}
    for name, score in given.items():
        if score is None:
            reasons[name] = f"no score: {reasons[name] or 'the judge gave none, and no reason'}"
    return given, reasons


def _issues_schema() -> dict[str, Any]:
    issue = _object(
        dimension={"enum": list(DIMENSIONS)},
        quote=_TEXT,
        severity={"enum": ["minor", "considerable", "major"]},
        evidence={"type": ["integer", "null"]},
        detail=_TEXT,
    )
    return _object(sample={"type": "string"}, issues={"type": "array", "items": issue, "maxItems": _MOST})


def _scores_schema(rubric: Rubric) -> dict[str, Any]:
    scores = {
        axis.name: {"type": ["integer", "null"], "minimum": axis.scores[0], "maximum": axis.scores[-1]}
        for axis in rubric.axes
    }
    reasons = {axis.name: _TEXT for axis in rubric.axes}
    return _object(sample={"type": "string"}, scores=_object(**scores), reasons=_object(**reasons))


def _object(**properties: Any) -> dict[str, Any]:  # noqa: ANN401  (schemas)
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
