"""How long a new patient takes who is posted as a FHIR bundle to a served run, without a language model.

    python -m benchmarks.serve_doors RUN [--task ID] [--chunks 150] [--patients 20]

Each patient is made of the notes and values of patients of the run's own store, until their notes give so many chunks;
each bundle is sent once, so no embedding is remembered. The first request loads the models and is told apart. Wall time
of the whole request, from the bytes of the bundle to the bytes of the answer: read, chunked, embedded, predicted,
every removal measured, explained and verified, written into the audit log. Processor time beside it, since a machine
may be busy. To be at most 3 s for 95 of 100.
"""

from __future__ import annotations

import argparse
import base64
import json
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from fastapi.testclient import TestClient

from xhaim.config import RunSettings
from xhaim.modality.documents import modality_of
from xhaim.modality.measurements import as_measurements
from xhaim.records import Document, Measurement
from xhaim.retrieve.chunk import chunk
from xhaim.run.known import Known
from xhaim.serve.app import create_app
from xhaim.serve.results import StoredRun
from xhaim.signals import catalogue

BEGIN = datetime(2150, 1, 1)
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def bundles(run: StoredRun, task_id: str, chunks: int) -> Iterator[dict[str, Any]]:
    """Yield bundles of made-up patients, no note twice."""
    for number, (notes, values) in enumerate(patients(run, task_id, chunks)):
        yield bundle(f"made-{number}", notes, values)


def patients(run: StoredRun, task_id: str, chunks: int) -> Iterator[tuple[list[Document], list[Measurement]]]:
    """Yield the notes and values of made-up patients, no note twice."""
    settings = RunSettings.model_validate(run.manifest["settings"]).retrieve
    policy = run.manifest["report_policy"][task_id]
    notes: list[Document] = []
    values: list[Measurement] = []
    seen: set[str] = set()
    have = 0
    for path in sorted((run.root / "admissible" / policy).glob("*.parquet")):
        known = Known.read(path)
        for sample_id in sorted(known.documents):
            measured = known.measurements.filter(pl.col("sample_id") == sample_id)
            values += as_measurements(measured)[:200]
            for document in known.documents[sample_id]:
                more = len(chunk(document, modality_of(document), settings))
                if document.text in seen or have + more > chunks:
                    continue
                seen.add(document.text)
                notes.append(document)
                have += more
                if have == chunks:
                    yield notes, values[:300]
                    notes, values, have = [], [], 0


def bundle(name: str, notes: list[Document], values: list[Measurement], begin: datetime = BEGIN) -> dict[str, Any]:
    """Return a patient in intensive care with these notes and values, an hour apart. ``begin``: in UTC."""
    who, here = {"reference": f"Patient/{name}"}, {"reference": "Encounter/adm"}
    begins = begin.isoformat() + "Z"
    loinc = {name: code for name, one in catalogue().items() for code in one.codes if code.startswith("LOINC//")}
    units = {name: one.unit for name, one in catalogue().items()}
    resources: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": name, "birthDate": "2085-01-01", "gender": "female"},
        {
            "resourceType": "Encounter",
            "id": "adm",
            "status": "in-progress",
            "class": {"system": ACT, "code": "IMP"},
            "subject": who,
            "period": {"start": begins},
            "location": [{"location": {"display": "Medical ICU"}, "period": {"start": begins}}],
        },
    ]
    for place, document in enumerate(notes):
        data = base64.b64encode(document.text.encode()).decode()
        resources.append(
            {
                "resourceType": "DocumentReference",
                "id": f"note-{place}",
                "status": "current",
                "type": {"text": document.title},
                "subject": who,
                "date": _at(begin, place),
                "context": {"encounter": [here]},
                "content": [{"attachment": {"contentType": "text/plain", "data": data}}],
            }
        )
    for place, one in enumerate(values):
        if one.signal not in loinc:
            continue
        code = loinc[one.signal].removeprefix("LOINC//")
        resources.append(
            {
                "resourceType": "Observation",
                "id": f"value-{place}",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
                "subject": who,
                "encounter": here,
                "effectiveDateTime": _at(begin, place % 60),
                "valueQuantity": {"value": one.value, "unit": units[one.signal]},
            }
        )
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def _at(begin: datetime, hour: int) -> str:
    return (begin + timedelta(hours=1 + hour)).isoformat() + "Z"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--task")
    parser.add_argument("--chunks", type=int, default=150)
    parser.add_argument("--patients", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(given.run, None, f"sqlite:///{folder}/served.sqlite")
        run = app.state.watched.now()
        task_id = given.task or next(one.id for one in run.tasks if not one.needs_image)  # no film is sent
        client = TestClient(app, base_url="http://127.0.0.1:8080")
        taken = []
        for number, one in enumerate(bundles(run, task_id, given.chunks)):
            body = json.dumps(one).encode()
            wall, processor = time.perf_counter(), time.process_time()
            headers = {"content-type": "application/fhir+json"}
            answer = client.post(f"/api/v1/fhir?task={task_id}", content=body, headers=headers)
            taken.append((time.perf_counter() - wall, time.process_time() - processor))
            if answer.status_code != 200:
                raise SystemExit(f"{answer.status_code}: {answer.text}")
            if number == given.patients:
                break
    said = "SIMULATED" if run.manifest["simulated"] else "of real records"
    print(f"{task_id}, {said}: the first patient, with loading, {taken[0][0]:.2f} s")
    rest = pl.DataFrame(taken[1:], schema=["wall", "processor"], orient="row")
    for clock in ("wall", "processor"):
        half, most = (rest[clock].quantile(share, "higher") for share in (0.5, 0.95))
        print(f"{rest.height} patients of {given.chunks} chunks, {clock}: median {half:.2f} s, 95 of 100 {most:.2f} s")


if __name__ == "__main__":
    main()
