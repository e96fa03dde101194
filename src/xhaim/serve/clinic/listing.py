"""Pages of many patients: the worklist."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from xhaim.serve import audit
from xhaim.serve.arrivals.start import arrivals_of
from xhaim.serve.clinic.place import Clinician, served
from xhaim.serve.clinic.worklist import ARRIVED, query_of, worklist
from xhaim.serve.pages import page

router = APIRouter()


@router.get("/")
def patients(request: Request, user: Clinician) -> Response:
    """Show the worklist of one task."""
    run, arrivals = served(request), arrivals_of(request)
    query = query_of(run, request.query_params)
    arrived = arrivals.rows(run, ARRIVED) if arrivals is not None else None
    found = worklist(run, query, user.subjects, arrived)
    ids = [row.who for row in found.rows]
    audit.write(request.app.state.database, user.login, "worklist", None, {"task": query.task_id, "samples": ids})
    return page(request, "clinic/worklist.html.j2", active="Patients", tasks=run.tasks, query=query, list=found)
