"""All documents of one patient, and what a reader says of the explanation."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse

from xhaim.evaluate.wording import moment
from xhaim.serve import audit
from xhaim.serve.clinic import feedback
from xhaim.serve.clinic.opened import explanation_of
from xhaim.serve.clinic.papers import papers
from xhaim.serve.clinic.place import Analyst, Placed
from xhaim.serve.clinic.unseen import unseen
from xhaim.serve.pages import page

router = APIRouter()
MOST_LISTED = 2000
"""Documents of a list that the audit log names; the newest."""
Kind = Literal["agree", "disagree", "wrong citation", "missing evidence", "other"]


@router.get("/patients/{sample_id}/{task_id}/documents")
def documents(request: Request, place: Placed, q: str = "", open: str = "", at: str = "") -> Response:  # noqa: A002
    """Show, search and open the documents of a patient; what the model did not see is marked."""
    record = place.run.record(place.task, place.sample)
    left = unseen(place.run, place.task, place.sample, record)
    search = q.strip()[:200]
    found = papers(record, left, search, open, _span(at))
    place.shown("documents", opened=open[:20], listed=[one.address for one in found[:MOST_LISTED]])
    return page(
        request,
        "clinic/documents.html.j2",
        active="Patients",
        task=place.task,
        stay=f"Stay {place.sample.stay_id}" if place.sample.stay_id is not None else place.sample.sample_id,
        when=moment(place.sample.prediction_time),
        address=place.address,
        papers=found,
        opened=open,
        search=search,
        known=len(record.documents),
        kept=len(left),
        fault=place.run.store_fault,
    )


def _span(at: str) -> tuple[int, int] | None:
    start, _, end = at.partition("-")
    plain = all(one.isascii() and one.isdigit() and len(one) < 9 for one in (start, end))
    return (int(start), int(end)) if plain else None


@router.post("/patients/{sample_id}/{task_id}/feedback")
def say(
    request: Request,
    place: Placed,
    kind: Annotated[Kind, Form()],
    marker: Annotated[str, Form(max_length=6)] = "",
    words: Annotated[str, Form(max_length=feedback.MAX_WORDS)] = "",
) -> Response:
    """Keep feedback; it is acknowledged when it is on the disk."""
    explanation = explanation_of(request, place)
    known = {str(one.marker): one.marker for one in explanation.citations} if explanation is not None else {}
    number = feedback.keep(place, feedback.Feedback(kind, known.get(marker), words.strip()), explanation)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"number": number})
    return RedirectResponse(f"{place.address}?thanks={number}#feedback-title", 303)


@router.get("/feedback.jsonl")
def export(request: Request, user: Analyst) -> Response:
    """Return all feedback as JSON lines."""
    database = request.app.state.database
    audit.write(database, user.login, "feedback exported", None, {})
    return PlainTextResponse("".join(feedback.exported(database)), media_type="application/jsonl")
