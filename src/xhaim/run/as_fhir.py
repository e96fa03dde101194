"""An explanation of a run's model as a FHIR R4 bundle, with what decided it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from xhaim.config import settings_hash
from xhaim.explain import phrase
from xhaim.explain.fhir import bundle
from xhaim.records import Explanation, Record
from xhaim.summarize import prompt


def as_fhir(explanation: Explanation, record: Record, manifest: Mapping[str, Any], zone: str | None) -> dict[str, Any]:
    """Return RiskAssessment and Provenance.

    ``manifest``: of the run whose model it is. ``zone``: of the record's times; UTC where there is none of that name.
    """
    made_by = {
        "software": f"xHAIM {manifest['version']}",
        "model": f"xhaim, {explanation.task_id}, {explanation.writer}",
        "settings": str(manifest["settings_hash"]),
        "code": str(manifest["code"]),
        "data": str(manifest["data_fingerprint"]),
        "prompts": settings_hash(prompt.system(), phrase.SYSTEM),
    }
    named = zone if zone in available_timezones() else "UTC"
    return bundle(explanation, record, ZoneInfo(str(named)), datetime.now(UTC), made_by)
