"""NEWS2, as far as a record allows: Royal College of Physicians, National Early Warning Score 2, London 2017.

Supplemental oxygen and new confusion are seldom charted as such: what is not known scores nothing, so the score is at
least what is given, and what it lacks is named. SpO2 by scale 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from xhaim.records import Measurement

FRESH = timedelta(hours=24)
"""Older values are not of now."""
_BANDS: dict[str, tuple[str, tuple[tuple[float, int], ...], int]] = {
    # name: (signal, ((up to and including, points), ...), points above)
    "respiratory rate": ("respiratory_rate", ((8, 3), (11, 1), (20, 0), (24, 2)), 3),
    "oxygen saturation": ("spo2", ((91, 3), (93, 2), (95, 1)), 0),
    "systolic blood pressure": ("sbp_noninvasive", ((90, 3), (100, 2), (110, 1), (219, 0)), 3),
    "pulse": ("heart_rate", ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2)), 3),
    "temperature": ("temperature", ((35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1)), 2),
}
_ROOM_AIR = 21.0  # per cent of oxygen; what is charted above it is given
_GCS = ("gcs_eye", "gcs_verbal", "gcs_motor")
_ALERT = {"gcs_eye": 4.0, "gcs_verbal": 5.0, "gcs_motor": 6.0}


@dataclass(frozen=True, slots=True)
class News2:
    """A score as far as it can be counted."""

    points: int
    """At least."""
    parts: Mapping[str, int]
    lacking: tuple[str, ...]


def news2(measurements: Iterable[Measurement], now: datetime) -> News2 | None:
    """Return the score of the latest values known before ``now`` and taken in the day before; ``None`` without any."""
    latest: dict[str, Measurement] = {}
    for one in sorted(measurements, key=lambda one: (one.time, one.value)):
        if one.known_at < now and now - FRESH <= one.time < now:
            latest[one.signal] = one
    parts: dict[str, int] = {}
    lacking = []
    for name, (signal, bands, above) in _BANDS.items():
        if signal in latest:
            value = round(latest[signal].value, 1 if signal == "temperature" else 0)
            parts[name] = next((points for most, points in bands if value <= most), above)
        else:
            lacking.append(name)
    if "fio2" in latest:
        parts["supplemental oxygen"] = 2 if _percent(latest["fio2"].value) > _ROOM_AIR else 0
    else:
        lacking.append("supplemental oxygen")
    conscious = [one for one in _GCS if one in latest]
    if len(conscious) == len(_GCS) or any(latest[one].value < _ALERT[one] for one in conscious):
        parts["consciousness"] = 3 if any(latest[one].value < _ALERT[one] for one in conscious) else 0
    else:
        lacking.append("consciousness")
    return News2(sum(parts.values()), parts, tuple(lacking)) if parts else None


def _percent(fraction: float) -> float:
    return 100 * fraction if fraction <= 1 else fraction
