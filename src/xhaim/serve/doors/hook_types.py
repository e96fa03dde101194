"""What CDS Hooks 2.0 sends and is answered."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from xhaim.serve.doors.answers import Answer

MOST_SUMMARY = 139
"""Characters: fewer than 140 (CDS Hooks 2.0)."""
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


class Services(Answer):
    """Discovery."""

    services: list[Service]


class Source(Answer):
    """Who says it."""

    label: str


class Link(Answer):
    """To the patient's page."""

    label: str
    url: str
    type: Literal["absolute"]


class Card(Answer):
    """One risk."""

    uuid: str
    summary: Annotated[str, Field(max_length=MOST_SUMMARY)]
    detail: str
    indicator: Literal["info", "warning"]
    """``warning``: at or above the operating point; ``info``: below it, or where the model abstains."""
    source: Source
    links: list[Link]


class Cards(Answer):
    """The answer to a hook; no cards for a patient who is not here, or whom you may not see."""

    cards: list[Card]


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
