"""More on one stay: its risk over time, patients like it, questions to its record."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from pydantic import ValidationError

from xhaim.config import RetrieveSettings
from xhaim.errors import XhaimError
from xhaim.evaluate.wording import moment, share, times
from xhaim.retrieve.hybrid import Embed
from xhaim.run.vectors import Vectors, load_encoder
from xhaim.serve.clinic import questions
from xhaim.serve.clinic.ask import HELD, MAX_QUESTION, Answer, ask
from xhaim.serve.clinic.enrolled import in_a_split, person_of
from xhaim.serve.clinic.opened import warm
from xhaim.serve.clinic.place import Place, Placed
from xhaim.serve.clinic.risk import MADE
from xhaim.serve.clinic.similar import Similar, similar
from xhaim.serve.clinic.space import BLOCKS, Point, Space, space_of, split_for
from xhaim.serve.clinic.stay_plot import StayPlot, stay_plot
from xhaim.serve.clinic.warm import cold
from xhaim.serve.pages import page
from xhaim.serve.turns import turn

router = APIRouter(prefix="/patients/{sample_id}/{task_id}")


def _show(request: Request, place: Place, template: str, **more: Any) -> Response:  # noqa: ANN401  (whatever a template takes)
    """Return a page about one stay."""
    return page(
        request,
        template,
        active="Patients",
        task=place.task,
        stay=place.name,
        address=place.address,
        **more,
    )


@router.get("/similar")
def similar_patients(request: Request, place: Placed) -> Response:
    """Show the training patients most like this one, and what became of them."""
    found, rate, fault = _similar(request, place)
    user = place.user
    near = found.neighbours if found is not None else ()
    named = [one for one in near if user.subjects is None or one.subject_id in user.subjects]
    place.shown("similar", samples=[one.sample_id for one in named])
    return _show(
        request,
        place,
        "clinic/similar.html.j2",
        found=found,
        named=named,
        hidden=len(near) - len(named),
        rate=rate,
        fault=fault,
        made="" if in_a_split(place.run, place.task, place.sample) else MADE,
        blocks=BLOCKS.values(),
    )


def _similar(request: Request, place: Place) -> tuple[Similar | None, str, str]:
    """Return the nearest, the share of positives in training, and why there are none."""
    try:
        space, me = _numbers(request, place)
    except XhaimError as error:
        return None, "", f"Its numbers cannot be compared: {error.what}."
    rate = share(float(space.labels[space.train].mean())) if space.train.any() else "none"
    return similar(place.run, space, me), rate, "There is nothing to compare this stay by."


def _numbers(request: Request, place: Place) -> tuple[Space, Point]:
    """Return a stay's numbers, and the space that they are of: as the run stored them, else made for this page."""
    run, task, sample = place.run, place.task, place.sample

    def space(split: int) -> Space:
        return run.large.get((task.id, split), lambda: space_of(run.whole, task, split))

    if in_a_split(run, task, sample):
        found = space(split_for(run, task, sample))
        if (stored := found.stored(sample.sample_id)) is not None:
            return found, stored
    with turn(request, place.user):
        mine = warm(request, place).prepared(task, sample)
    found = space(mine.split)
    return found, found.of(mine.row, person_of(run, sample.subject_id))


@router.get("/stay")
def over_the_stay(request: Request, place: Placed) -> Response:
    """Show the risk over the stay, the model asked again at each arrival of data."""
    plot, fault = _stay(request, place)
    place.shown("stay", times=len(plot.rows) if plot is not None else 0)
    return _show(
        request,
        place,
        "clinic/stay.html.j2",
        plot=plot,
        fault=fault,
        made=MADE,
        needs_image=place.task.needs_image,
    )


def _stay(request: Request, place: Place) -> tuple[StayPlot | None, str]:
    """Return the plot, or why there is none."""
    if why := cold(place.run):
        return None, why
    try:
        with turn(request, place.user):
            steps, threshold = warm(request, place).stay(place.task, place.sample)
    except XhaimError as error:
        return None, error.what
    return stay_plot(steps, threshold), ""


@router.get("/ask")
def ask_page(request: Request, place: Placed) -> Response:
    """Show the form for a question."""
    return _asked(request, place, "", None)


@router.post("/ask")
def answered(
    request: Request, place: Placed, question: Annotated[str, Form(min_length=1, max_length=MAX_QUESTION)]
) -> Response:
    """Answer a question from the record; what was asked and which ids answered is kept before it is shown."""
    try:
        settings = RetrieveSettings.model_validate(place.run.manifest["settings"]["retrieve"])
        embed = _embedder(place, settings)
    except (KeyError, ValidationError):  # of another version: the words alone are asked
        settings, embed = RetrieveSettings(), None
    record = place.run.record(place.task, place.sample)
    answer = ask(question.strip(), record, embed, settings)
    questions.keep(place, question.strip(), answer)
    return _asked(request, place, question.strip(), answer)


def _asked(request: Request, place: Place, question: str, answer: Answer | None) -> Response:
    return _show(
        request,
        place,
        "clinic/ask.html.j2",
        when=moment(place.sample.prediction_time),
        question=question,
        answer=answer,
        held=HELD,
        times=times,
    )


def _embedder(place: Place, settings: RetrieveSettings) -> Embed | None:
    """Return the run's encoder with the stored vectors of the sample's chunks; ``None`` where it is not installed."""
    try:
        load_encoder(settings.encoder)
        vectors = Vectors(settings.encoder)
        stored = place.run.shard("embeddings", place.sample)
        if stored.is_file():
            vectors.load(stored)
    except XhaimError:
        return None
    return vectors
