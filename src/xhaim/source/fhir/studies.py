"""ImagingStudy: chest films, one event for each image; the files lie in ``images/`` below the root, named by UID."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from xhaim import events as ev
from xhaim.source.fhir.events import Event, Here, Known, NotUsedError, SetAsideError, needed, refuse
from xhaim.source.fhir.times import Moment
from xhaim.source.fhir.values import Json, at, codings, each, has_code, said, words

FOLDER = "images"
SUFFIXES = (".png", ".jpg", ".dcm")
"""Of several files for one image the first is taken."""
CLOCK = {"ImagingStudy": "started, of a series where it has its own: an image is seen when it is taken"}

_FILMS = ("CR", "DX", "RG")
_CHEST_CODES = ("51185008", "816094009", "43799004")
"""SNOMED CT: thoracic structure, chest, chest cavity."""
_CHEST = re.compile(r"\b(chest|thorax|thoracic|cxr|lungs?)\b", re.IGNORECASE)
_SPINE = re.compile(r"\bspine\b", re.IGNORECASE)
_VIEW = re.compile(r"\b(AP|PA|LATERAL|LAT|LL|RL|FRONTAL)\b", re.IGNORECASE)
_VIEWS = {"LAT": "LATERAL", "LL": "LATERAL", "RL": "LATERAL"}
_VIEW_CODES = {"36572-6": "AP", "24648-8": "PA"}
"""LOINC: XR chest AP, XR chest PA."""
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


def imaging_study(resource: dict[str, Any], known: Known, here: Here) -> list[Event]:
    """Return an event for each image of a chest film; one for the study where its images are not listed."""
    refuse(resource, "entered-in-error", "cancelled", "registered")
    study = known.studies.get(here.name)
    if study is None:
        raise SetAsideError("id: missing, and no fullUrl")
    started = known.clock.moment(resource.get("started"))
    procedure = (*each(resource, "procedureCode"), words(resource.get("description")))
    films = [series for series in each(resource, "series") if at(series, "modality", "code") in _FILMS]
    if not films:
        raise NotUsedError("no plain film")
    chests = [series for series in films if _is_chest(series, procedure)]
    if not chests:
        raise NotUsedError("no film of the chest")
    made: list[Event] = []
    for series in chests:
        taken = needed(known.clock.moment(series.get("started")) or started, "started")
        for instance in each(series, "instance") or [{}]:
            uid = _UID.fullmatch(words(instance.get("uid")) or "")
            title = _view(words(instance.get("title")), words(series.get("description")), *procedure)
            made.append(_event(here.url, study, taken, uid[1] if uid else None, title, known))
    return made


def _event(url: str, study: int, taken: Moment, uid: str | None, view: str | None, known: Known) -> Event:
    return {
        "code": ev.IMAGE,
        "time": taken.first,
        "known_at": taken.known,
        "study_id": study,
        "title": view,
        "image_path": known.images.get(uid) if uid else None,
        "source": f"{url}#{uid}" if uid else url,
    }


def _is_chest(series: dict[str, Any], procedure: tuple[Json, ...]) -> bool:
    """Say whether a series is of the chest: by its body site, else by the words of series and procedure."""
    site = at(series, "bodySite")
    if site is not None:
        return has_code(site, *_CHEST_CODES) or bool(
            _CHEST.search(said(site) or "") and not _SPINE.search(said(site) or "")
        )
    named = " ".join(_words(item) for item in (words(series.get("description")), *procedure))
    return bool(_CHEST.search(named)) and not _SPINE.search(named)


def _words(item: Json) -> str:
    return item if isinstance(item, str) else said(item) or ""


def _view(*named: Json) -> str | None:
    """Return AP, PA or LATERAL: the first of the names that tells one, and not two."""
    for item in named:
        views = {_VIEW_CODES[code] for _, code, _ in codings(item) if code in _VIEW_CODES}
        views |= {_VIEWS.get(view.upper(), view.upper()) for view in _VIEW.findall(_words(item))}
        if len(views - {"FRONTAL"}) == 1:
            return min(views - {"FRONTAL"})
    return None
