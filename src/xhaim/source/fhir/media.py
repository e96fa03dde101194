"""Media, and DocumentReference with pictures: chest films that came inside a resource, one event for each picture."""

from __future__ import annotations

from typing import Any

from xhaim.source.fhir.events import Event, Here, Known, needed, refuse
from xhaim.source.fhir.films import attachments
from xhaim.source.fhir.notes import document_reference
from xhaim.source.fhir.pictures import is_picture, key_of
from xhaim.source.fhir.studies import film
from xhaim.source.fhir.times import Moment
from xhaim.source.fhir.unused import NotUsedError
from xhaim.source.fhir.values import Json, at, each, words
from xhaim.source.fhir.views import is_chest, is_film, view

CLOCK = {
    "Media": "created[x], at its end, else when its imaging study started, else the time in the header of DICOM: an "
    "image is seen when it is taken. Pictures of a DocumentReference: the attachment's creation, else its date, else "
    "the end of context.period, else as of Media",
}
_TOLD = "its picture is told by its imaging study"


def media(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return the film that a Media carries."""
    refuse(resource, "entered-in-error", "not-done", "preparation")
    modality = resource.get("modality")
    if modality is not None and not is_film(modality):
        raise NotUsedError("no plain film")
    period = known.clock.period(resource.get("createdPeriod"))
    created = known.clock.moment(resource.get("createdDateTime")) or period.end or period.start
    named = (resource.get("view"), *each(resource, "reasonCode"), modality)
    return _films(resource, named, resource.get("bodySite"), (created, None), known, here)


def document(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return what a DocumentReference says as a note, and the films that it carries."""
    if not any(is_picture(one) for one in attachments(resource)):
        return document_reference(resource, known, here)
    refuse(resource, "entered-in-error")
    refuse(resource, "entered-in-error", key="docStatus")
    try:
        note = document_reference(resource, known, here)
    except NotUsedError:  # no words beside the pictures
        note = []
    clock = known.clock
    dated = clock.moment(resource.get("date")) or clock.period(at(resource, "context", "period")).end
    named = (words(resource.get("description")), resource.get("type"), *each(resource, "category"))
    try:
        return note + _films(resource, named, None, (None, dated), known, here)
    except NotUsedError:
        if note:
            return note
        raise


def _films(
    resource: dict[str, Any],
    named: tuple[Json, ...],
    site: Json,
    dated: tuple[Moment | None, Moment | None],
    known: Known,
    here: Here,
) -> list[Event]:
    """Return an event for each picture of a chest film; ``dated``: what says best, and what worst, when it was taken.

    Raises NotUsedError where there is none, SetAsideError where one cannot be read, or nothing says when it was taken.
    """
    carried = {key_of(one): one for one in attachments(resource) if is_picture(one)}
    if not carried:
        raise NotUsedError("no picture")
    made: list[Event] = []
    for key, attachment in carried.items():
        picture = known.films.of(attachment)
        if (here.name, key) in known.films.told:
            continue
        study = known.films.studies[here.name][key]
        called = (words(attachment.get("title")), *named)
        if picture.header is None and study not in known.films.about:
            _refuse_others(called, site)
        side, started = known.films.about.get(study, (None, None))
        header = picture.header
        created, worst = dated
        moments = (created, known.clock.moment(attachment.get("creation")), worst, known.clock.moment(started))
        taken = next(filter(None, moments), None) or (known.clock.moment(header.time.isoformat()) if header else None)
        side = view(*called) or (view(header.view) if header else None) or side
        which = header.image if header else key if len(carried) > 1 else None
        source = f"{here.url}#{which}" if which else here.url
        made.append(film(source, known.studies[study], needed(taken, "created"), side, picture.file))
    if not made:
        raise NotUsedError(_TOLD)
    return made


def _refuse_others(named: tuple[Json, ...], site: Json) -> None:
    """Raise NotUsedError unless codes or words say that it is a plain film of the chest: a photograph is none."""
    if not is_film(*named):
        raise NotUsedError("no plain film")
    if not is_chest(site, *named):
        raise NotUsedError("no film of the chest")
