"""What the doors answer: types, from which the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from xhaim.records import Explanation, ReportPolicy


class Answer(BaseModel):
    """Frozen, and no more than its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Failure(Answer):
    """What went wrong, in words without anything of a record."""

    error: str


_WHY = {
    400: "The server does not go by the name that was asked for",
    401: "Nobody is logged in, or the token has ended",
    403: "Not with this role, not this patient, or from a page of another site",
    404: "There is no such thing",
    409: "What is stored was changed meanwhile, or is of another version",
    412: "What was sent beforehand is not the record of the patient",
    413: "The body is too large",
    415: "The body is not said to be JSON",
    422: "Not understood",
    429: "Too many requests from this address",
    503: "Not now: the database, the disk, the models, or the run as it lies there",
}
_OF_ALL = (400, 401, 403, 413, 422, 429, 503)


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the failures of a door beside those that any door may give."""
    return {status: {"model": Failure, "description": _WHY[status]} for status in sorted({*_OF_ALL, *statuses})}


class TaskAnswer(Answer):
    """A clinical question of the run."""

    task_id: str
    title: str
    question: str
    report_policy: ReportPolicy


class RunAnswer(Answer):
    """The run that is served."""

    name: str
    simulated: bool
    """The patients are made up: so is every number."""
    version: str
    code: str
    settings_hash: str
    data_fingerprint: str
    samples: int
    tasks: list[TaskAnswer]


class SampleAnswer(Answer):
    """One patient's stay at a prediction time."""

    sample_id: str
    subject_id: int
    hadm_id: int | None
    stay_id: int | None
    prediction_time: datetime
    risks: Mapping[str, float]
    """Task id -> held-out calibrated risk; tasks without one are left out."""


class SamplesAnswer(Answer):
    """One page of samples, by sample id."""

    samples: list[SampleAnswer]
    after: str | None
    """What to ask for to get the next page; null: this is the last."""


class PredictionAnswer(Answer):
    """A calibrated risk."""

    sample_id: str
    task_id: str
    prediction_time: datetime
    risk: float
    low: float | None
    high: float | None
    abstains: bool
    threshold: float | None
    """Operating point, chosen on validation."""
    base_rate: float | None
    split: int
    simulated: bool


class DocumentAnswer(Answer):
    """A document of the record."""

    number: int
    """Its place in the record, for its own address."""
    doc_id: str
    kind: str
    title: str
    time: datetime
    known_at: datetime
    length: int
    """Characters."""
    text: str | None
    """Null in a list."""


class MeasurementAnswer(Answer):
    """A value of the record."""

    measurement_id: str
    signal: str
    label: str
    value: float
    unit: str | None
    time: datetime
    known_at: datetime


class ImageAnswer(Answer):
    """An image of the record."""

    number: int
    image_id: str
    view: str | None
    time: datetime
    known_at: datetime


class SourcesAnswer(Answer):
    """Everything that was known of a sample, as far as the task's report policy lets it be read."""

    documents: list[DocumentAnswer]
    measurements: list[MeasurementAnswer]
    images: list[ImageAnswer]


class RefusedAnswer(Answer):
    """A task that gives no risk for a patient."""

    task_id: str
    reason: str


class LeftAnswer(Answer):
    """Resources of a bundle that gave nothing."""

    kind: str
    reason: str
    n: int


class PatientAnswer(Answer):
    """A patient who was sent: risks, explanations, and what could not be used."""

    predictions: list[PredictionAnswer]
    explanations: list[Explanation]
    refused: list[RefusedAnswer]
    left: list[LeftAnswer]
