"""The page of the cohort: figures of all patients, and of no single one."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from xhaim.evaluate.wording import share
from xhaim.serve import audit
from xhaim.serve.clinic.cohort import cohort
from xhaim.serve.clinic.drift import SHIFT
from xhaim.serve.clinic.place import Reader, served
from xhaim.serve.pages import page

router = APIRouter()


@router.get("/cohort")
def of_all(request: Request, user: Reader) -> Response:
    """Show the report's tables and figures, and drift."""
    run = served(request)
    found = run.large.get("cohort", lambda: cohort(run))
    audit.write(request.app.state.database, user.login, "cohort", None, {})
    return page(
        request,
        "clinic/cohort.html.j2",
        active="Cohort",
        cohort=found,
        figures=[(one, Markup(one.svg or "")) for one in found.figures],  # noqa: S704  (drawn by evaluate.svg, escaped there)
        share=share,
        usual=SHIFT,
    )
