"""An explanation as FHIR R4: a RiskAssessment whose ``basis`` is what it cites, and the Provenance of both.

A citation of a store that was made from FHIR refers to its resource; any other is named by table and row. Times of a
store have no zone, so the caller says which; an instant without one would not be FHIR.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from xhaim.explain import words
from xhaim.records import Citation, Explanation, Record

SYSTEM = "urn:xhaim"
_REFERENCE = re.compile(r"[A-Z][A-Za-z]{2,40}/[A-Za-z0-9.-]{1,64}")
_LOWEST, _HIGHEST = 1.0, 99.0
"""Of a risk in per cent that is told: never surer (DESIGN, Explanations)."""


def bundle(
    explanation: Explanation, record: Record, zone: tzinfo, recorded: datetime, made_by: Mapping[str, str]
) -> dict[str, Any]:
    """Return a Bundle of type collection: one RiskAssessment and one Provenance.

    ``zone``: of the store's times. ``recorded``: now, with a zone. ``made_by``: what decided it (``model``,
    ``settings``, ``code``, ``data``, ``prompts``) -> its hash or name.
    """
    risk = _risk_assessment(explanation, record, zone)
    entries = [risk, _provenance(recorded, made_by)]
    urls = [f"{SYSTEM}:{one['id']}" for one in entries]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": url, "resource": one} for url, one in zip(urls, entries, strict=True)],
    }


def _risk_assessment(explanation: Explanation, record: Record, zone: tzinfo) -> dict[str, Any]:
    sample = record.sample
    found: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "id": "risk",
        "meta": {"tag": _tags(explanation)},
        "identifier": [{"system": f"{SYSTEM}:sample", "value": f"{explanation.task_id}/{explanation.sample_id}"}],
        "status": "preliminary",
        "method": {"text": "xHAIM: a statistical model of this record; research software, not a medical device"},
        "code": {"text": explanation.question},
        "subject": {"identifier": {"system": f"{SYSTEM}:subject", "value": str(sample.subject_id)}},
        "occurrenceDateTime": sample.prediction_time.replace(tzinfo=zone).isoformat(),
        "note": [{"text": _note(explanation, place)} for place in range(len(explanation.statements))],
    }
    if sample.hadm_id is not None:
        found["encounter"] = {"identifier": {"system": f"{SYSTEM}:admission", "value": str(sample.hadm_id)}}
    if explanation.citations:
        sources = {one.source_id: one for one in explanation.citations}
        known = {one.measurement_id: one.source for one in record.measurements}
        found["basis"] = [_reference(one, known.get(one.source_id, "")) for one in sources.values()]
    if explanation.risk is not None:
        found["prediction"] = [_prediction(explanation, explanation.risk)]
    return found


def _prediction(explanation: Explanation, risk: float) -> dict[str, Any]:
    """Return the risk in per cent, as R4 has it, and relative to the base rate."""
    said: dict[str, Any] = {
        "outcome": {"text": explanation.question},
        "probabilityDecimal": round(min(_HIGHEST, max(_LOWEST, 100 * risk)), 1),
    }
    if explanation.base_rate:
        said["relativeRisk"] = round(risk / explanation.base_rate, 2)
    if explanation.low is not None and explanation.high is not None:
        said["rationale"] = f"{words.INTERVAL} {words.interval(explanation.low, explanation.high)}"
    return said


def _reference(citation: Citation, source: str) -> dict[str, Any]:
    """Refer to a FHIR resource where the source is one, else name the row it came from."""
    for name in (citation.source_id, source):
        if _REFERENCE.fullmatch(name):
            return {"reference": name, "display": f"[{citation.marker}] {citation.label}"}
    value = {"system": f"{SYSTEM}:source", "value": source or citation.source_id}
    return {"identifier": value, "display": f"[{citation.marker}] {citation.label}"}


def _note(explanation: Explanation, place: int) -> str:
    one = explanation.statements[place]
    marks = [f"[{marker}]" for marker in one.markers] + [f"[K {marker}]" for marker in one.knowledge]
    return f"{one.text} {''.join(marks)}".strip()


def _tags(explanation: Explanation) -> list[dict[str, str]]:
    said = {"simulated": explanation.simulated, "leaky": explanation.report_policy == "index_included"}
    policy = {"system": f"{SYSTEM}:report-policy", "code": explanation.report_policy.replace("_", "-")}
    return [policy, *({"system": f"{SYSTEM}:warning", "code": name} for name, holds in said.items() if holds)]


def _provenance(recorded: datetime, made_by: Mapping[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "id": "provenance",
        "target": [{"reference": f"{SYSTEM}:risk"}],
        "recorded": recorded.isoformat(timespec="seconds"),
        "agent": [{"who": {"display": made_by.get("software", "xHAIM")}}],
        "entity": [
            {"role": "source", "what": {"identifier": {"system": f"{SYSTEM}:{name}", "value": value}}}
            for name, value in sorted(made_by.items())
            if name != "software"
        ],
    }
