"""FHIR's dates and times, of any precision and offset, on the one clock of the store.

The store keeps naive local times. Every time with an offset is brought into one zone, so that two events keep their
order whatever offsets they were written in. Where words leave room (a day, a month, no offset, the hour that comes
twice in autumn), a Moment keeps the room, so that ``known_at`` can be guessed late.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xhaim.errors import DataError

_WORDS = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,18}))?)?"
    r"(?P<offset>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
WEST = timedelta(hours=12)
"""A day without a zone ends last at UTC-12, 12 hours after it ends in UTC."""
_YEARS = (1800, 8999)
"""Others are errors, or, as 9999-12-31, ways of saying never."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in words, as naive times on the store's clock."""

    first: datetime
    last: datetime
    """Where the day, month or year ends that the words name."""
    known: datetime
    """The latest that they can mean, whatever zone they were written in: never before ``last``."""

    @property
    def exact(self) -> bool:
        """Whether the words leave less than a minute of room."""
        return self.last - self.first < timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From and until; ``None`` where it is not said, or not a time."""

    start: Moment | None
    end: Moment | None


@dataclass(frozen=True, slots=True)
class Clock:
    """The zone of the store; ``None``: UTC, and the zone of the hospital is not known."""

    zone: tzinfo | None

    @classmethod
    def of(cls, name: str | None) -> Clock:
        """Return the clock of a zone of the IANA database. Raises DataError where there is none of that name."""
        try:
            return cls(ZoneInfo(name) if name else None)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise DataError("no such time zone", got=str(name)[:60], expected="a name as Europe/Berlin") from None

    def moment(self, words: object) -> Moment | None:
        """Read a date, dateTime or instant; ``None`` for anything else."""
        found = _WORDS.fullmatch(words.strip()) if isinstance(words, str) and len(words) < 64 else None
        if not found:
            return None
        try:
            return self._moment(found.groupdict())
        except (ValueError, OverflowError):  # 30 February, hour 25, the year 0000 or after 9999
            return None

    def _moment(self, part: dict[str, str | None]) -> Moment:
        year, month, day, hour, minute, second = (
            None if (digits := part[name]) is None else int(digits)
            for name in ("year", "month", "day", "hour", "minute", "second")
        )
        micro = int((part["fraction"] or "0")[:6].ljust(6, "0"))
        if year is None or not _YEARS[0] <= year <= _YEARS[1]:
            raise ValueError
        start = datetime(year, month or 1, day or 1, hour or 0, minute or 0, min(second or 0, 59), micro)
        room = _room(start, month, day, hour, second)
        offset = part["offset"]
        zone = self.zone or UTC
        if offset is None:
            naive, sure = start, False
        else:
            there = start.replace(tzinfo=_fixed(offset)).astimezone(zone)
            naive, sure = there.replace(tzinfo=None), there.fold == 0
        late = timedelta(0) if offset or self.zone else WEST
        if not sure:
            late += _repeated(naive, zone)
        return Moment(naive, naive + room, naive + room + late)

    def period(self, value: object) -> Period:
        """Read a Period."""
        if not isinstance(value, dict):
            return Period(None, None)
        return Period(self.moment(value.get("start")), self.moment(value.get("end")))


def _room(start: datetime, month: int | None, day: int | None, hour: int | None, second: int | None) -> timedelta:
    """How much later the words can be read: to the end of the year, month, day or minute."""
    if hour is not None:
        return timedelta(0) if second is not None else timedelta(minutes=1) - _TICK
    if day is not None:
        return timedelta(days=1) - _TICK
    if month is not None:
        following = datetime(start.year + month // 12, month % 12 + 1, 1)
    else:
        following = datetime(start.year + 1, 1, 1)
    return following - start - _TICK


def _fixed(offset: str) -> tzinfo:
    if offset == "Z":
        return UTC
    away = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return timezone(-away if offset[0] == "-" else away)


def _repeated(naive: datetime, zone: tzinfo) -> timedelta:
    """How long the clock is set back if this hour comes twice: its second pass must not look earlier than the first."""
    before = naive.replace(tzinfo=zone, fold=0).utcoffset() or timedelta(0)
    after = naive.replace(tzinfo=zone, fold=1).utcoffset() or timedelta(0)
    return max(timedelta(0), before - after)
