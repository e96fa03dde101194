"""One patient's page, its pictures, and what asks the model again."""

from __future__ import annotations

import io
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse

from xhaim.records import Explanation
from xhaim.serve.clinic.enrolled import in_a_split
from xhaim.serve.clinic.feedback import KINDS
from xhaim.serve.clinic.patient import patient_view
from xhaim.serve.clinic.place import Place, Placed
from xhaim.serve.clinic.warm import Warm, cold, without_words
from xhaim.serve.pages import page

router = APIRouter(prefix="/patients/{sample_id}/{task_id}")
MAX_TAKEN_OUT = 100


def warm(request: Request, place: Place) -> Warm:
    """Return the models of the run that is served now; those of a run that was replaced go."""
    kept: Warm | None = getattr(request.app.state, "warm", None)
    if kept is None or kept.run is not place.run:
        kept = Warm(place.run)
        request.app.state.warm = kept
    return kept


def explanation_of(request: Request, place: Place) -> Explanation | None:
    """Return the stored explanation, or the one made since the server began."""
    stored = place.run.explanation(place.task, place.sample)
    return stored or warm(request, place).explanation(place.task, place.sample)


@router.get("")
def patient(request: Request, place: Placed, thanks: str = "") -> Response:
    """Show a patient's page."""
    return _page(request, place, thanks=thanks if thanks.isdigit() else "")


def _page(request: Request, place: Place, *, without: str = "", thanks: str = "") -> Response:
    explanation = explanation_of(request, place)
    view = patient_view(place, explanation)
    cited = explanation.citations if explanation is not None else ()
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
        cold=cold(place.run) or _unprepared(place, explanation),
        kinds=KINDS.items(),
        markers=[one.marker for one in cited],
        without=without,
        thanks=thanks,
    )


def _unprepared(place: Place, explanation: Explanation | None) -> str:
    """Say why the model cannot be asked of this stay, though it could of others; empty where it can."""
    if explanation is not None or in_a_split(place.run, place.task, place.sample):
        return ""
    return "the stay has no label for this task, and the run prepared nothing of it"


@router.post("/explain")
async def explain(request: Request, place: Placed) -> Response:
    """Explain a stay that has no stored explanation, and lead back to its page."""
    if explanation_of(request, place) is None:
        await run_in_threadpool(warm(request, place).explain, place.task, place.sample)
        await run_in_threadpool(place.shown, "explain")
    if _wants_json(request):
        return _json({"done": True})
    return RedirectResponse(place.address, 303)


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
