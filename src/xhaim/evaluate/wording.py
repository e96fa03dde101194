"""Text of a chart, risks and times as a page shows them. Text is hostile: what would not be seen is made visible."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from markupsafe import Markup

MINUS = "\N{MINUS SIGN}"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEAST, _MOST = 0.01, 0.99  # no risk is shown as certain (DESIGN: explanations)
MEASURABLE = 0.005
"""Change of the risk, in either direction, from which an effect is called one."""


def visible(value: object) -> object:
    """Return text with every control, format and surrogate character written out, as in ``[U+202E]``.

    Bidirectional controls and zero-width characters can make a note read otherwise than its letters stand; carriage
    returns go. What is no plain text (numbers, our own markup) is returned as it is.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value.isascii() and value.isprintable():
        return value
    return "".join(map(_shown, value.replace("\r\n", "\n").replace("\r", "\n")))


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}:
        return character
    return f"[U+{ord(character):04X}]"


def percent(risk: float) -> str:
    """Return a calibrated risk, never surer than 1 to 99 %: ``71 %``, ``under 1 %``, ``over 99 %``."""
    if risk < _LEAST:
        return "under 1 %"
    return "over 99 %" if risk > _MOST else f"{100 * risk:.0f} %"


def share(value: float) -> str:
    """Return a base rate or an operating point, one decimal below ten per cent: ``29 %``, ``3.5 %``."""
    return f"{100 * value:.1f} %" if value < 0.0995 else f"{100 * value:.0f} %"


def interval(low: float | None, high: float | None) -> str:
    """Return ``90 % interval 60 to 80 %``, within 1 to 99, or that there is none."""
    if low is None or high is None:
        return "no interval: too few calibration rows"
    if high < _LEAST or low > _MOST:
        return f"90 % interval {percent(low)}"
    return f"90 % interval {percent(low).removesuffix(' %')} to {percent(high)}"


def effect_words(risk: float | None, effect: float | None, reason: str | None) -> str:
    """Return what the risk is without a piece of evidence and by how many points that differs."""
    if risk is None or effect is None:
        return f"not measured: {reason or 'no reason given'}"
    if abs(effect) < MEASURABLE:
        return "no measurable effect (under 0.5 points)"
    points = f"{-100 * effect:+.0f}" if abs(effect) >= 0.0095 else f"{-100 * effect:+.1f}"
    return f"without it {percent(risk - effect)} ({points.replace('-', MINUS)})"


def moment(time: datetime) -> str:
    """Return ``24 Jul 2180 06:30``, the same in every locale."""
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year} {time:%H:%M}"


def times(time: datetime, known_at: datetime) -> str:
    """Return when something was and when it was known: ``24 Jul 2180 06:30, known 09:12``."""
    if known_at == time:
        return moment(time)
    known = f"{known_at:%H:%M}" if known_at.date() == time.date() else moment(known_at)
    return f"{moment(time)}, known {known}"


def before(time: datetime, prediction_time: datetime) -> str:
    """Return how long before the prediction something was: ``22 h before``."""
    minutes = (prediction_time - time).total_seconds() / 60
    if minutes <= 0:
        return "at the prediction"
    if minutes < 90:
        return f"{minutes:.0f} min before"
    return f"{minutes / 60:.0f} h before" if minutes < 72 * 60 else f"{minutes / 1440:.0f} days before"
