"""FHIR R4 out: the media type, and what the OpenAPI document says of it."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

FHIR_JSON = "application/fhir+json"
_WORDS = "FHIR R4 Bundle: RiskAssessment and Provenance"
BUNDLE: dict[int | str, dict[str, Any]] = {
    200: {"content": {FHIR_JSON: {"schema": {"type": "object", "description": _WORDS}}}}
}
"""What the OpenAPI document says of such an answer."""


class FhirResponse(JSONResponse):
    """JSON of FHIR's own media type."""

    media_type = FHIR_JSON
