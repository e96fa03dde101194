"""ImagingStudy: chest films, one event for each image.

The files lie in ``images/`` below the root, named by UID, or came in other resources (``films``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from xhaim import events as ev
from xhaim.source.fhir.events import Event, Here, Known, needed, refuse
from xhaim.source.fhir.pictures import FOLDER
from xhaim.source.fhir.times import Moment
from xhaim.source.fhir.unused import NotUsedError, SetAsideError
from xhaim.source.fhir.values import Json, at, each, words
from xhaim.source.fhir.views import FILMS, is_chest, view

SUFFIXES = (".png", ".jpg", ".dcm")
"""Of several files for one image the first is taken."""
CLOCK = {"ImagingStudy": "started, of a series where it has its own: an image is seen when it is taken"}

_UID = re.compile(r"(?:urn:oid:)?([0-9][0-9.]{0,127})", re.ASCII)


def image_files(root: Path) -> dict[str, str]:
    """Return UID -> file name in ``images/``. Names are looked up, never built from an id; links are not followed."""
    found: dict[str, str] = {}
    folder = root / FOLDER
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name) if folder.is_dir() else []
    for suffix in SUFFIXES:
        for entry in entries:
            uid = entry.name.removesuffix(suffix)
            if uid != entry.name and _UID.fullmatch(uid) and entry.is_file(follow_symlinks=False):
                found.setdefault(uid, entry.name)
    return found


def chest_films(resource: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any], str | None]]:
    """Return the films of the chest of a study: series, instance (empty where none is listed), view.

    Raises NotUsedError where there is none, or the study is none of a patient.
    """
    refuse(resource, "entered-in-error", "cancelled", "registered")
    procedure = (*each(resource, "procedureCode"), words(resource.get("description")))
    films = [series for series in each(resource, "series") if at(series, "modality", "code") in FILMS]
    if not films:
        raise NotUsedError("no plain film")
    chests = [one for one in films if is_chest(at(one, "bodySite"), words(one.get("description")), *procedure)]
    if not chests:
        raise NotUsedError("no film of the chest")
    return [
        (series, instance, view(words(instance.get("title")), words(series.get("description")), *procedure))
        for series in chests
        for instance in each(series, "instance") or [{}]
    ]


def uid_of(text: Json) -> str | None:
    """Return a DICOM UID, with ``urn:oid:`` before it or without; ``None`` for other words."""
    found = _UID.fullmatch(words(text) or "")
    return found[1] if found else None


def imaging_study(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return an event for each image of a chest film; one for the study where its images are not listed.

    Where other resources carry the study's pictures and do not say of which image each is, they tell its films.
    """
    films = chest_films(resource)
    study = known.studies.get(here.name)
    if study is None:
        raise SetAsideError("id: missing, and no fullUrl")
    uids = [uid_of(instance.get("uid")) for _, instance, _ in films]
    if here.name in known.films.pictured and not any(_file(known, here.name, uid) for uid in uids):
        raise NotUsedError("its films are told by the resources that carry their pictures")
    started = known.clock.moment(resource.get("started"))
    made: list[Event] = []
    for (series, _, side), uid in zip(films, uids, strict=True):
        taken = needed(known.clock.moment(series.get("started")) or started, "started")
        source = f"{here.url}#{uid}" if uid else here.url
        made.append(film(source, study, taken, side, _file(known, here.name, uid)))
    return made


def _file(known: Known, study: str, uid: str | None) -> str | None:
    return known.images.get(uid) or known.films.files.get((study, uid)) if uid else None


def film(source: str, study: int, taken: Moment, side: str | None, file: str | None) -> Event:
    """Return the event of one film. ``side``: AP, PA or LATERAL; ``file``: its name in ``images/``."""
    return {
        "code": ev.IMAGE,
        "time": taken.first,
        "known_at": taken.known,
        "study_id": study,
        "title": side,
        "image_path": file,
        "source": source,
    }
