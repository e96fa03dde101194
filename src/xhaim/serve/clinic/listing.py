"""Pages of many patients: the worklist."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from xhaim.serve import audit
from xhaim.serve.clinic.place import Clinician, served
from xhaim.serve.clinic.worklist import query_of, worklist
from xhaim.serve.pages import page

router = APIRouter()


@router.get("/")
def patients(request: Request, user: Clinician) -> Response:
    """Show the worklist of one task."""
    run = served(request)
    query = query_of(run, request.query_params)
    found = worklist(run, query, user.subjects)
    ids = [row.sample_id for row in found.rows]
    audit.write(request.app.state.database, user.login, "worklist", None, {"task": query.task_id, "samples": ids})
    return page(request, "clinic/worklist.html.j2", active="Patients", tasks=run.tasks, query=query, list=found)
