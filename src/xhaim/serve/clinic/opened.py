"""One patient's page, its pictures, and what asks the model again."""

from __future__ import annotations

import io
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse

from xhaim.errors import DataError
from xhaim.records import Explanation
from xhaim.serve.arrivals.view import Arrived
from xhaim.serve.clinic.enrolled import why_not_asked
from xhaim.serve.clinic.feedback import KINDS
from xhaim.serve.clinic.patient import patient_view
from xhaim.serve.clinic.place import Place, Placed, served
from xhaim.serve.clinic.risk import MADE
from xhaim.serve.clinic.taken_out import without_words
from xhaim.serve.clinic.warm import Told, Warm, cold
from xhaim.serve.pages import page
from xhaim.serve.turns import turn

router = APIRouter(prefix="/patients/{sample_id}/{task_id}")
_OPENING = Lock()
_VIEWS = 8


def warm(request: Request, place: Place) -> Warm:
    """Return the models of the run that a place is in; those of a run that was replaced go.

    Beside those of the served run, which stay, the last few are kept of patients who arrived.
    """
    state, now = request.app.state, served(request)
    with _OPENING:
        held: list[Warm] = state.warm
        mine = next((one for one in held if one.run is place.run), None) or Warm(place.run)
        others = [one for one in held if one is not mine]
        views = [one for one in others if isinstance(one.run, Arrived) and one.run.base is now]
        state.warm = [mine, *(one for one in others if one.run is now), *views[:_VIEWS]]
        return mine


def explanation_of(request: Request, place: Place) -> Explanation | None:
    """Return the stored explanation, or the one made since the server began."""
    stored = place.run.explanation(place.task, place.sample)
    if stored is not None:
        return stored
    made = warm(request, place).made(place.task, place.sample)
    return made.explanation if made is not None else None


def told_of(request: Request, place: Place) -> Told | None:
    """Return ``explanation_of`` with what it was made of."""
    run, task, sample = place.run, place.task, place.sample
    stored = run.explanation(task, sample)
    if stored is not None:
        return Told(stored, run.evidence(task, sample), run.summaries(task, sample), stored=True)
    return warm(request, place).made(task, sample)


@router.get("")
def patient(request: Request, place: Placed, thanks: str = "") -> Response:
    """Show a patient's page."""
    return _page(request, place, thanks=thanks if thanks.isdigit() else "")


def _page(request: Request, place: Place, *, without: str = "", thanks: str = "") -> Response:
    told = told_of(request, place)
    view = patient_view(place, told)
    cited = told.explanation.citations if told is not None else ()
    place.shown("patient", sources=sorted({one.source_id[:200] for one in cited}))
    return page(
        request,
        "clinic/patient.html.j2",
        active="Patients",
        view=view,
        task=place.task,
        sample_id=place.sample.sample_id,
        subject_id=place.sample.subject_id,
        address=place.address,
        header=place.run.header,
        zone=place.run.store.info.get("time_zone") if place.run.store is not None else "",
        served=place.run.store is not None and place.run.store.image_root is not None,
        cold=cold(place.run) or (why_not_asked(place.run, place.task, place.sample) if told is None else ""),
        made="" if told is None or told.stored else MADE,
        kinds=KINDS.items(),
        markers=[one.marker for one in cited],
        without=without,
        thanks=thanks,
    )


@router.post("/explain")
async def explain(request: Request, place: Placed) -> Response:
    """Explain a stay that has no stored explanation, and lead back to its page."""
    await run_in_threadpool(_explain, request, place)
    if _wants_json(request):
        return _json({"done": True})
    return RedirectResponse(place.address, 303)


def _explain(request: Request, place: Place) -> None:
    if explanation_of(request, place) is not None:
        return
    try:
        with turn(request, place.user):
            warm(request, place).explain(place.task, place.sample)
    except DataError as error:  # of this stay: of no other nothing can be said
        raise HTTPException(409, f"This stay cannot be explained: {error.what}.") from None
    place.shown("explain")


@router.post("/without")
def without(request: Request, place: Placed, out: Annotated[list[int] | None, Form()] = None) -> Response:
    """Say what the risk would be without some of the cited evidence."""
    explanation = explanation_of(request, place)
    known = {one.marker for one in explanation.citations} if explanation is not None else set()
    markers = set(out or ()) & known
    if explanation is None or explanation.risk is None:
        raise HTTPException(409, "There is no risk of this stay that evidence could be taken out of.")
    words, told = "Tick some evidence first.", {"words": "Tick some evidence first."}
    if markers:
        with turn(request, place.user):
            before, after = warm(request, place).without(place.task, place.sample, explanation, markers)
        words = without_words(before, after, explanation.threshold, markers)
        told = {"words": words, "risk": after, "change": after - before}  # type: ignore[dict-item]
        place.shown("without", markers=[str(marker) for marker in sorted(markers)])
    return _json(told) if _wants_json(request) else _page(request, place, without=words)


@router.get("/images/{number}")
def image(place: Placed, number: int) -> Response:
    """Return the pixels of an image of this record, as the store holds them, as a grey PNG."""
    images = place.run.record(place.task, place.sample).images
    if place.run.store is None or not 0 <= number < len(images):
        raise HTTPException(404, "There is no such image in this record.")
    pixels = place.run.store.image(images[number].path)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG", compress_level=1)
    place.shown("image", images=[images[number].image_id[:200]])
    return Response(written.getvalue(), media_type="image/png")


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _json(told: object) -> Response:
    return JSONResponse(told)
