"""What the header of a DICOM file says of a chest X-ray: whose, of which study, when it was taken, from which side."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydicom.dataset import Dataset

from xhaim.errors import DataError
from xhaim.source.dicom.file import is_dicom, items_of, read_dicom, text_of, trusted
from xhaim.source.dicom.times import TIME_KEYWORDS, day_of, offset_of, taken

MODALITIES = ("CR", "DX")
NOT_DICOM = "not a DICOM file"
VIEWS = ("AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "LATERAL")
"""DICOM's terms of ViewPosition, and MIMIC-CXR's word for a side view of either side."""
_SAME_VIEW = {"LAT": "LATERAL", "LEFT LATERAL": "LL", "RIGHT LATERAL": "RL"}
VIEW_CODES = {
    code: view
    for view, codes in {
        "AP": ("399348003", "R-10206"),
        "PA": ("272479007", "R-10214", "R-40888"),
        "LL": ("399173006", "R-10236"),
        "RL": ("399198007", "R-10232"),
        "LATERAL": ("399067008", "R-102CD"),
    }.items()
    for code in codes
}
"""Of ViewCodeSequence: SNOMED CT, and the SNOMED RT codes that it replaced (DICOM PS3.16, CID 4010)."""
_CHEST = ("CHEST", "THORAX", "TORAX", "LUNG")
_KEYWORDS = (
    *("SpecificCharacterSet", "SOPInstanceUID", "StudyInstanceUID", "PatientID", "Modality", "BodyPartExamined"),
    *("ViewPosition", "ViewCodeSequence", "SeriesDescription", "PatientSex", "PatientBirthDate", "PatientAge"),
    *TIME_KEYWORDS,
)
_AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


@dataclass(frozen=True, slots=True)
class Header:
    """One chest X-ray."""

    subject: str
    study: str
    image: str
    time: datetime
    """Local time of the scanner; known then."""
    view: str | None
    """One of VIEWS."""
    sex: str | None
    """F, M or O."""
    born: date | None
    """PatientBirthDate."""
    aged: date | None
    """1 January of the year of birth that PatientAge gives, as in MIMIC-IV."""
    offset: str | None
    """From UTC, where it is said."""


def read_header(path: Path) -> Header | str:
    """Return what a DICOM file's header says; or, in words, why the file is no chest X-ray.

    Raises DataError, without any value of the header, where it cannot be read or lacks an id or a time.
    """
    with trusted("a DICOM file cannot be read", path.name):
        if not is_dicom(path):
            return NOT_DICOM
        elements = read_dicom(path, _KEYWORDS, pixels=False)
        return _why_not(elements) or _header(elements)


def _why_not(elements: Dataset) -> str | None:
    modality = text_of(elements, "Modality")
    if modality is None:
        raise DataError("Modality: missing, as in a DICOMDIR or in a file that is cut short")
    if modality not in MODALITIES:
        return f"Modality: not {' or '.join(MODALITIES)}"
    part = (text_of(elements, "BodyPartExamined") or "").upper()
    if part not in {"", "UNKNOWN"} and not part.startswith(_CHEST):
        return "BodyPartExamined: not the chest"
    return None


def _header(elements: Dataset) -> Header:
    time = taken(elements)
    if time is None:
        raise DataError("time: none of the acquisition, the content and the study has a date")
    sex = text_of(elements, "PatientSex")
    return Header(
        subject=_id(elements, "PatientID"),
        study=_id(elements, "StudyInstanceUID"),
        image=_id(elements, "SOPInstanceUID"),
        time=time,
        view=_view(elements),
        sex=sex if sex in {"F", "M", "O"} else None,
        born=_born(elements, time),
        aged=_aged(elements, time),
        offset=offset_of(text_of(elements, "TimezoneOffsetFromUTC")),
    )


def _id(elements: Dataset, keyword: str) -> str:
    value = text_of(elements, keyword)
    if value is None:
        raise DataError(f"{keyword}: missing, or not one printable value")
    return value


# ---- who, and from which side -------------------------------------------------------------------------------------


def _born(elements: Dataset, time: datetime) -> date | None:
    born = day_of(text_of(elements, "PatientBirthDate") or "")
    return born if born is not None and born <= time.date() else None


def _aged(elements: Dataset, time: datetime) -> date | None:
    age = _AGE.fullmatch(text_of(elements, "PatientAge") or "")
    if age is None:
        return None
    return date(max(1, time.year - int(int(age[1]) * _DAYS[age[2]] / _DAYS["Y"])), 1, 1)


def view_of(text: str | None) -> str | None:
    """Return the view that a word names, one of VIEWS; ``None`` for other words."""
    word = " ".join((text or "").upper().split())
    word = _SAME_VIEW.get(word, word)
    return word if word in VIEWS else None


def _view(elements: Dataset) -> str | None:
    """Return ViewPosition; else the view code; else the one view that SeriesDescription names as a word."""
    said = view_of(text_of(elements, "ViewPosition"))
    if said is not None:
        return said
    for item in items_of(elements, "ViewCodeSequence"):
        if (view := VIEW_CODES.get(text_of(item, "CodeValue") or "")) is not None:
            return view
    words = re.split(r"[^A-Z]+", (text_of(elements, "SeriesDescription") or "").upper())
    named = {view_of(word) for word in words} - {None}
    return named.pop() if len(named) == 1 else None
