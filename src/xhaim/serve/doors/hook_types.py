"""What CDS Hooks 2.0 sends and is answered; fields that are not here are not used, as ``fhirAuthorization``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from xhaim.serve.doors.answers import Answer

MOST_SUMMARY = 139
"""Characters: fewer than 140 (CDS Hooks 2.0)."""
_PATIENTS = "{{context.patientId}}"
PREFETCH: Mapping[str, str] = {
    "patient": f"Patient/{_PATIENTS}",
    "encounters": f"Encounter?patient={_PATIENTS}",
    "observations": f"Observation?patient={_PATIENTS}&_sort=-date&_count=1000",
    "documents": f"DocumentReference?patient={_PATIENTS}",
    "reports": f"DiagnosticReport?patient={_PATIENTS}",
    "studies": f"ImagingStudy?patient={_PATIENTS}",
    "films": f"Media?patient={_PATIENTS}",
}
"""What a client may send with a hook, so that a patient of no run can be predicted for."""
_Short = Annotated[str, Field(max_length=200)]


class _Sent(BaseModel):
    """Of what is sent, what is read; the rest is passed over, as the standard asks."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Context(_Sent):
    """Of ``patient-view``."""

    userId: _Short = ""  # noqa: N815  (the standard's name, here and below)
    patientId: _Short  # noqa: N815


class Call(_Sent):
    """A hook that was triggered."""

    hook: Literal["patient-view"]
    hookInstance: _Short  # noqa: N815
    context: Context
    prefetch: dict[str, Any] | None = None
    """By the names of PREFETCH: a resource, a searchset Bundle, null, or an OperationOutcome where it failed."""


class Reason(_Sent):
    """Why a card was overridden: a code, and words of the user."""

    reason: dict[str, Any] | None = None
    userComment: Annotated[str, Field(max_length=4000)] = ""  # noqa: N815


class One(_Sent):
    """What became of one card."""

    card: uuid.UUID
    outcome: Literal["accepted", "overridden"]
    overrideReason: Reason | None = None  # noqa: N815


class Feedback(_Sent):
    """What became of cards."""

    feedback: Annotated[list[One], Field(min_length=1, max_length=100)]


class Service(Answer):
    """One service: a task of the run."""

    hook: Literal["patient-view"]
    id: str
    title: str
    description: str
    prefetch: Mapping[str, str]


class Services(Answer):
    """Discovery."""

    services: list[Service]


class Coding(Answer):
    """A code of ours."""

    code: str
    system: str
    display: str


class Source(Answer):
    """Who says it, and of what."""

    label: str
    topic: Coding


class Link(Answer):
    """To the patient's page."""

    label: str
    url: str
    type: Literal["absolute"]


class Card(Answer):
    """One risk. Nothing is suggested: it has no ``suggestions``, and so no ``selectionBehavior``."""

    uuid: str
    summary: Annotated[str, Field(max_length=MOST_SUMMARY)]
    detail: str
    indicator: Literal["info", "warning"]
    """``warning``: at or above the operating point; ``info``: below it, or where the model abstains."""
    source: Source
    overrideReasons: list[Coding]  # noqa: N815
    links: list[Link] | None = None
    """Absent for a patient of whom nothing is kept: there is no page."""


class Cards(Answer):
    """The answer to a hook; no cards where there is no risk, for whatever reason, or not in time."""

    cards: list[Card]


_REASONS = {
    "known": "Already known, and acted upon",
    "not-relevant": "Does not matter for this patient",
    "disagree": "The risk looks wrong",
    "evidence": "The evidence is wrong or missing",
}
OVERRIDE_REASONS = [
    Coding(code=code, system="urn:xhaim:override-reason", display=display) for code, display in _REASONS.items()
]


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the OpenAPI document says of a body of this type."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _whole(schema)}}}}


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the definitions where they are referred to: a request's schema stands alone in the document."""
    parts = schema.pop("$defs", {})

    def put(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rsplit("/", 1)[-1]
            return put(parts[name]) if name in parts else {key: put(one) for key, one in value.items()}
        return [put(one) for one in value] if isinstance(value, list) else value

    found: dict[str, Any] = put(schema)
    return found
