"""Values and times as a reader is shown them, and how far a value lies outside the usual."""

from __future__ import annotations

import unicodedata
from datetime import datetime

import numpy as np

from xhaim.records import Measurement
from xhaim.signals import catalogue

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def when(time: datetime, now: datetime) -> str:
    """Return ``24 Jul 06:30``, with the year where it is not that of ``now``."""
    year = "" if time.year == now.year else f" {time.year}"
    return f"{time.day} {MONTHS[time.month - 1]}{year} {time:%H:%M}"


def before(time: datetime, now: datetime) -> str:
    """Return how long before ``now``: ``35 min before``, ``22 h before``, ``4 days before``."""
    minutes = (now - time).total_seconds() / 60
    if minutes < 90:
        return f"{round(minutes)} min before"
    if minutes < 72 * 60:
        return f"{round(minutes / 60)} h before"
    return f"{round(minutes / 60 / 24)} days before"


def number_words(value: float, unit: str | None) -> str:
    """Return a value with its unit as charts give it: ``4.2 mmol/L``.

    Two decimals from 10, three from 1, else four digits: a temperature converted to 37.6111 tells no more than 37.61.
    """
    size = abs(value)
    decimals = 2 if size >= 10 else 3 if size >= 1 else None
    if decimals is None:
        digits = np.format_float_positional(value, precision=4, unique=False, fractional=False, trim="-")
    else:
        digits = np.format_float_positional(round(value, decimals), precision=decimals, unique=False, trim="-")
    return f"{digits} {unit}" if unit and unit != _NO_UNIT else digits


_NO_UNIT = "units"
"""What MIMIC writes where a quantity has none: pH."""


def value_words(measurement: Measurement) -> str:
    """Return a measured value with its unit: ``4.2 mmol/L``."""
    return number_words(measurement.value, measurement.unit)


def usual_range(measurement: Measurement) -> str | None:
    """Return where the value lies: ``above the usual range of 0.5 to 2``; ``None`` without a range in its unit."""
    usual = _usual(measurement)
    if usual is None:
        return None
    low, high = usual
    side = "below" if measurement.value < low else "above" if measurement.value > high else "within"
    if low < high:
        return f"{side} the usual range of {low:g} to {high:g}"
    return f"{side.replace('within', 'at')} the usual value of {low:g}"


def abnormality(measurement: Measurement) -> float:
    """Return the distance from the usual range in widths of that range; 0 inside it, or where there is none."""
    usual = _usual(measurement)
    if usual is None:
        return 0.0
    low, high = usual
    return max(low - measurement.value, measurement.value - high, 0.0) / width(measurement)


def width(measurement: Measurement) -> float:
    """Return the width of the usual range, or the usual value where it is a single one; 1 where there is none."""
    low, high = _usual(measurement) or (0.0, 1.0)
    return (high - low) or abs(high) or 1.0


def printable(text: str) -> str:
    """Return one line without control, bidirectional or other invisible characters."""
    spaced = " ".join(text.split())
    return " ".join("".join(sign for sign in spaced if unicodedata.category(sign)[0] != "C").split())


def _usual(measurement: Measurement) -> tuple[float, float] | None:
    signal = catalogue().get(measurement.signal)
    return None if signal is None or signal.unit != measurement.unit else signal.normal
