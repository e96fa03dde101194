"""When an image was taken, by the header of its DICOM file: local times of the scanner, and late where not said."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from pydicom.dataset import Dataset

from xhaim.source.dicom.file import text_of

CLOCK = (
    "when it was taken: AcquisitionDateTime, else AcquisitionDate and AcquisitionTime, else ContentDate and "
    "ContentTime, else StudyDate and StudyTime; minutes and seconds that are not said are 59; with a date alone, the "
    "end of the day. Local time of the scanner: of two offsets from UTC, TimezoneOffsetFromUTC's"
)
_YEARS = range(1895, 2500)  # from the discovery of X-rays to where de-identification shifts dates
_CLOCKS = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
    ("StudyDate", "StudyTime"),
)
TIME_KEYWORDS = ("AcquisitionDateTime", "TimezoneOffsetFromUTC", *(word for pair in _CLOCKS for word in pair))
_DATE = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)", re.ASCII)


def taken(elements: Dataset) -> datetime | None:
    """Return when the image was taken by the order of CLOCK; what is not said is taken as late as it can be."""
    whole = text_of(elements, "AcquisitionDateTime") or ""
    stated = whole[-5:] if _OFFSET.fullmatch(whole[-5:]) else ""
    clock = _at(whole[:8], whole[8:].removesuffix(stated))
    if clock is not None:
        return _moved(clock, offset_of(stated), offset_of(text_of(elements, "TimezoneOffsetFromUTC")))
    pairs = [(text_of(elements, day) or "", text_of(elements, time) or "") for day, time in _CLOCKS]
    timed = (_at(day, time) for day, time in pairs)
    days = (_at(day, "23") for day, _ in pairs)
    return next((at for at in (*timed, *days) if at is not None), None)


def _at(day: str, time: str) -> datetime | None:
    said, clock = day_of(day), _TIME.fullmatch(time)
    if said is None or clock is None:
        return None
    hour, minute, second = (int(part) if part else 59 for part in clock.groups()[:3])
    micro = int((clock[4] or "0").ljust(6, "0"))
    try:
        return datetime(said.year, said.month, said.day, hour, minute, min(second, 59), micro)  # 60: a leap second
    except ValueError:
        return None


def day_of(text: str) -> date | None:
    """Return the day that DICOM's ``YYYYMMDD`` names; ``None`` where there is no such day."""
    found = _DATE.fullmatch(text)
    if found is None or int(found[1]) not in _YEARS:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def offset_of(text: str | None) -> str | None:
    """Return an offset from UTC as ``+0100``; ``None`` for other words."""
    found = _OFFSET.fullmatch(text or "")
    return found[0] if found and int(found[2]) <= 14 and int(found[3]) < 60 else None


def _moved(clock: datetime, stated: str | None, local: str | None) -> datetime:
    """Return the local time of a clock whose own offset from UTC is another."""
    if stated is None or local is None:
        return clock
    return clock + _from_utc(local) - _from_utc(stated)


def _from_utc(offset: str) -> timedelta:
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    return -size if offset[0] == "-" else size
