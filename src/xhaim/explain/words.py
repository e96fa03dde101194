"""Figures, times and quotes as a reader is shown them. Used to write sentences and, again, to verify them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from xhaim.records import Document, Image
from xhaim.text.values import MONTHS, printable

MIN_EFFECT = 0.005
"""Smaller changes of the risk are not told apart from none: half a percentage point."""
UNDER = "under 0.5 points"
NO_EFFECT = f"no measurable effect ({UNDER})"
INTERVAL = "90 % interval"
"""What ``low`` and ``high`` are."""
DRAWS = 8
"""Random removals that an explanation's citations are compared with."""
DRAWN = f"{DRAWS} draws"
STALE_HOURS = 24
STALE = f"{STALE_HOURS} h"

_KINDS = {
    "cxr": "chest X-ray report",
    "radiology": "radiology report",
    "discharge": "discharge summary",
    "ecg": "ECG report",
    "echo": "echocardiogram report",
    "image description": "image model's description",
}
_FORGE = str.maketrans({'"': "'", "“": "'", "”": "'", "„": "'", "[": "(", "]": ")"})


def percent(risk: float) -> str:
    """Return a calibrated risk as ``71 %``, never surer than 1 to 99 % (DESIGN, Explanations)."""
    if risk < 0.01:
        return "under 1 %"
    if risk > 0.99:
        return "over 99 %"
    return f"{round(100 * risk)} %"


def interval(low: float, high: float) -> str:
    """Return ``60 to 80 %``, within 1 to 99: ``under 1 to 3 %``, ``under 1 %``."""
    if high < 0.01 or low > 0.99:
        return percent(low)
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def share(value: float) -> str:
    """Return a base rate, threshold or sensitivity, one decimal below ten per cent: ``45 %``, ``3.5 %``."""
    return f"{100 * value:.1f} %" if value < 0.0995 else f"{round(100 * value)} %"


def points(change: float) -> str:
    """Return a change of the risk in percentage points: ``-14 points``, ``+0.7 points``."""
    hundredfold = 100 * change
    digits = f"{hundredfold:+.1f}" if abs(hundredfold) < 0.95 else f"{hundredfold:+.0f}"
    return f"{digits} {'point' if digits[1:] == '1' else 'points'}"


def log_odds(value: float) -> str:
    """Return ``+0.8 log-odds``."""
    return f"{value:+.1f} log-odds"


def score(value: float) -> str:
    """Return ``a score of 0.71 (not calibrated)``."""
    return f"a score of {value:.2f} (not calibrated)"


def day_forms(time: datetime) -> set[str]:
    """Return every way in which a sentence may write a time or its day."""
    day = f"{time.day} {MONTHS[time.month - 1]}"
    clock, iso = f"{time:%H:%M}", time.date().isoformat()
    days = (day, f"{day} {time.year}", iso)
    return {clock, *days, *(f"{one} {clock}" for one in days)}


def shown(quote: str) -> str:
    """Return words of the record as they stand between quotation marks in a sentence.

    A note can neither close the quotation nor forge a citation mark: its own quotation marks become apostrophes
    and its square brackets round ones.
    """
    return printable(quote).translate(_FORGE)


def document_label(document: Document) -> str:
    """Return what a citation of the document is called."""
    return shown(document.title) or kind_words(document.kind)


def image_label(image: Image) -> str:
    """Return ``Chest X-ray (AP)``."""
    return f"Chest X-ray ({shown(image.view)})" if image.view else "Chest X-ray"


def kind_words(kind: str) -> str:
    """Return ``chest X-ray report`` for ``cxr``; an unknown kind is called a note."""
    return _KINDS.get(kind, f"{shown(kind).lower()} note")


def listed(parts: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
