"""What codes and words say of a film: that it is one, that it is of the chest, and from which side it was taken."""

from __future__ import annotations

import re
from typing import Any

from xhaim.source.dicom.header import VIEW_CODES as DICOM_VIEW_CODES
from xhaim.source.fhir.values import Json, codings, has_code, said

FILMS = ("CR", "DX", "RG")
"""DICOM's modalities of a plain film."""
_FILM_CODES = ("30745-4", "30746-2", "36554-4", "36572-6", "36643-5", "24648-8")
"""LOINC: chest X-rays."""
_FILM = re.compile(r"\b(xr|cxr|x-?\s?rays?|plain film|r(ö|oe|o)ntgen)\b|radiograph", re.IGNORECASE)
_CHEST_CODES = ("51185008", "816094009", "43799004")
"""SNOMED CT: thoracic structure, chest, chest cavity."""
_CHEST = re.compile(r"\b(chest|thorax|thoracic|cxr|lungs?)\b", re.IGNORECASE)
_SPINE = re.compile(r"\bspine\b", re.IGNORECASE)
_VIEW = re.compile(r"\b(AP|PA|LATERAL|LAT|LL|RL|FRONTAL|ANTERO-?POSTERIOR|POSTERO-?ANTERIOR)\b", re.IGNORECASE)
_VIEWS = {"LAT": "LATERAL", "LL": "LATERAL", "RL": "LATERAL", "ANTEROPOSTERIOR": "AP", "POSTEROANTERIOR": "PA"}
_VIEW_CODES = {"36572-6": "AP", "24648-8": "PA", **{code: _VIEWS.get(v, v) for code, v in DICOM_VIEW_CODES.items()}}
"""LOINC: XR chest AP, XR chest PA; and the codes of DICOM's views."""


def is_film(*named: Json) -> bool:
    """Say whether codes or words tell a plain film."""
    return any(has_code(item, *FILMS, *_FILM_CODES) or _FILM.search(_words(item)) for item in named)


def is_chest(site: Json, *named: Json) -> bool:
    """Say whether something is of the chest: by its body site, else by codes and words."""
    if site is not None:
        return has_code(site, *_CHEST_CODES) or bool(
            _CHEST.search(said(site) or "") and not _SPINE.search(said(site) or "")
        )
    words = " ".join(_words(item) for item in named)
    return bool(_CHEST.search(words)) and not _SPINE.search(words)


def view(*named: Json) -> str | None:
    """Return AP, PA or LATERAL: the first of the names that tells one, and not two."""
    for item in named:
        views = {_VIEW_CODES[code] for _, code, _ in codings(item) if code in _VIEW_CODES}
        found = (word.upper().replace("-", "") for word in _VIEW.findall(_words(item)))
        views |= {_VIEWS.get(word, word) for word in found}
        if len(views - {"FRONTAL"}) == 1:
            return min(views - {"FRONTAL"})
    return None


def _words(item: Any) -> str:  # noqa: ANN401
    return item if isinstance(item, str) else said(item) or ""
