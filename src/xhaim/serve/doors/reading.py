"""The JSON API: what the run holds. Every answer that shows a patient stands in the audit log."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from fastapi import APIRouter, HTTPException, Query, Request, Response

from xhaim.cohort.samples import as_samples
from xhaim.explain.render import to_json
from xhaim.records import Document, Explanation, Sample
from xhaim.run.as_fhir import as_fhir
from xhaim.serve import audit
from xhaim.serve.clinic.opened import explanation_of
from xhaim.serve.clinic.place import Clinician, Place, Placed, served
from xhaim.serve.doors.answers import (
    DocumentAnswer,
    ImageAnswer,
    MeasurementAnswer,
    PredictionAnswer,
    RunAnswer,
    SampleAnswer,
    SamplesAnswer,
    SourcesAnswer,
    TaskAnswer,
    failures,
)
from xhaim.serve.doors.fhir_out import BUNDLE, FhirResponse
from xhaim.serve.results import StoredRun

router = APIRouter(prefix="/api/v1")
ONE = "/samples/{sample_id}/tasks/{task_id}"
MOST = 500
"""Samples of a page."""
NOT_EXPLAINED = "No explanation of this sample is stored. Its page makes one."


@router.get("/run", responses=failures(), tags=["run"])
def run_that_is_served(request: Request, _: Clinician) -> RunAnswer:
    """Say which run is served, and which questions it answers."""
    run = served(request)
    manifest = run.manifest
    return RunAnswer(
        name=run.root.name,
        samples=run.samples.height,
        tasks=[
            TaskAnswer(
                task_id=task.id,
                title=task.title,
                question=task.question,
                report_policy=manifest["report_policy"][task.id],
            )
            for task in run.tasks
        ],
        **{name: manifest[name] for name in ("simulated", "version", "code", "settings_hash", "data_fingerprint")},
    )


@router.get("/samples", responses=failures(), tags=["samples"])
def list_samples(
    request: Request,
    user: Clinician,
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    subject: Annotated[int | None, Query(ge=-(2**63), lt=2**63)] = None,
) -> SamplesAnswer:
    """List samples by id, those whose records you may see; ``after``: the last id of the page before."""
    run = served(request)
    rows = run.samples.filter(pl.col("sample_id") > after)
    if subject is not None:
        rows = rows.filter(pl.col("subject_id") == subject)
    if user.subjects is not None:
        rows = rows.filter(pl.col("subject_id").is_in(sorted(user.subjects)))
    shown = as_samples(rows.sort("sample_id").head(limit))
    audit.write(
        request.app.state.database, user.login, "api samples", None, {"samples": [one.sample_id for one in shown]}
    )
    return SamplesAnswer(
        samples=_with_risks(run, shown), after=shown[-1].sample_id if shown and rows.height > limit else None
    )


def _with_risks(run: StoredRun, samples: list[Sample]) -> list[SampleAnswer]:
    ids = [one.sample_id for one in samples]
    mine = run.predictions.filter(pl.col("sample_id").is_in(ids)).select("sample_id", "task_id", "risk")
    risks: dict[str, dict[str, float]] = {}
    for sample_id, task_id, risk in mine.sort("sample_id", "task_id").iter_rows():
        risks.setdefault(sample_id, {})[task_id] = risk
    return [
        SampleAnswer(
            sample_id=one.sample_id,
            subject_id=one.subject_id,
            hadm_id=one.hadm_id,
            stay_id=one.stay_id,
            prediction_time=one.prediction_time,
            risks=risks.get(one.sample_id, {}),
        )
        for one in samples
    ]


@router.get(f"{ONE}/prediction", responses=failures(404), tags=["samples"])
def prediction(place: Placed) -> PredictionAnswer:
    """Return the stored held-out risk of a sample."""
    mine = (pl.col("sample_id") == place.sample.sample_id) & (pl.col("task_id") == place.task.id)
    found = place.run.predictions.filter(mine)
    if found.is_empty():
        raise HTTPException(404, "No held-out prediction of this sample is stored.")
    row = found.row(0, named=True)
    point = place.run.points.get((place.task.id, row["split"]))
    place.shown("api prediction")
    return PredictionAnswer(
        base_rate=point.base_rate if point is not None else None,
        simulated=bool(place.run.manifest["simulated"]),
        **{name: row[name] for name in PredictionAnswer.model_fields if name in row},
    )


@router.get(f"{ONE}/explanation", response_model=Explanation, responses=failures(404, 409), tags=["samples"])
def explanation(request: Request, place: Placed) -> Response:
    """Return the stored explanation of a sample, as ``xhaim explain --format json`` writes it."""
    return Response(to_json(_explained(request, place)), media_type="application/json")


@router.get(f"{ONE}/fhir", response_class=Response, responses={**failures(404, 409), **BUNDLE}, tags=["fhir"])
def fhir(request: Request, place: Placed) -> Response:
    """Return the explanation as a FHIR R4 Bundle: RiskAssessment and Provenance."""
    told = _explained(request, place)
    store = place.run.store
    zone = store.info.get("time_zone") if store is not None else None
    return FhirResponse(as_fhir(told, place.run.record(place.task, place.sample), place.run.manifest, zone))


def _explained(request: Request, place: Place) -> Explanation:
    found = explanation_of(request, place)
    if found is None:
        raise HTTPException(404, NOT_EXPLAINED)
    place.shown("api explanation", sources=sorted({one.source_id[:200] for one in found.citations}))
    return found


@router.get(f"{ONE}/sources", responses=failures(404), tags=["samples"])
def sources(place: Placed) -> SourcesAnswer:
    """List what was known of a sample: documents without their text, values, images."""
    record = place.run.record(place.task, place.sample)
    place.shown("api sources")
    return SourcesAnswer(
        documents=[_document(number, one, text=False) for number, one in enumerate(record.documents)],
        measurements=[
            MeasurementAnswer(**{name: getattr(one, name) for name in MeasurementAnswer.model_fields})
            for one in record.measurements
        ],
        images=[
            ImageAnswer(number=number, image_id=one.image_id, view=one.view, time=one.time, known_at=one.known_at)
            for number, one in enumerate(record.images)
        ],
    )


@router.get(f"{ONE}/sources/documents/{{number}}", responses=failures(404), tags=["samples"])
def document(place: Placed, number: int) -> DocumentAnswer:
    """Return one document of the record with its text."""
    documents = place.run.record(place.task, place.sample).documents
    if not 0 <= number < len(documents):
        raise HTTPException(404, "There is no such document in this record.")
    place.shown("api document", documents=[documents[number].doc_id[:200]])
    return _document(number, documents[number], text=True)


def _document(number: int, one: Document, *, text: bool) -> DocumentAnswer:
    return DocumentAnswer(
        number=number,
        doc_id=one.doc_id,
        kind=one.kind,
        title=one.title,
        time=one.time,
        known_at=one.known_at,
        length=len(one.text),
        text=one.text if text else None,
    )
