"""Explanations made worse on purpose, one sentence at a time: what a judge worth trusting must score lower.

The kinds of ``DEVELOPED_ON`` were looked at while the critic's rule was written; figures are reported on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xhaim.judge.corruption_edits import EDITS, Kind, draw
from xhaim.judge.findings import is_about_patient
from xhaim.records import Explanation

MILD: tuple[Kind, ...] = ("number nudged", "degree", "source misnamed", "citation dropped", "citation needless")
"""One of them in one sentence."""
SEVERE: tuple[Kind, ...] = (
    "number tenfold", "side", "denial", "another drug", "wrong citation", "another's sentence",
)  # fmt: skip
"""One in each of several sentences."""
DEVELOPED_ON: tuple[Kind, ...] = ("unit", "time", "invented finding")


@dataclass(frozen=True, slots=True)
class Corrupted:
    """An explanation made worse."""

    explanation: Explanation
    changes: tuple[tuple[int, Kind], ...]
    """Place of each sentence that was changed, and how."""


def places_of(explanation: Explanation) -> list[int]:
    """Return the places of the sentences that can be made worse: of the patient, and of the risk."""
    return [
        place
        for place, one in enumerate(explanation.statements)
        if is_about_patient(one) or (one.role == "risk" and explanation.risk is not None)
    ]


def corrupt(
    explanation: Explanation, kinds: Sequence[Kind], n: int, seed: int, other: Explanation | None = None
) -> Corrupted | None:
    """Return the explanation with one change in each of ``n`` sentences, or as many as can be; None where none can.

    ``other``: another patient's explanation for the same task. With the same seed, more changes hold the fewer ones.
    """
    key = f"{seed} {explanation.task_id} {explanation.sample_id}"
    made, changes = explanation, list[tuple[int, Kind]]()
    for place in sorted(places_of(explanation), key=lambda one: draw(f"{key} {one}", 1 << 60)):
        if len(changes) == n:
            break
        for kind in sorted(kinds, key=lambda one: draw(f"{key} {place} {one}", 1 << 60)):
            sentence = EDITS[kind](explanation, place, f"{key} {place} {kind}", other)
            if sentence is not None and sentence != explanation.statements[place]:
                made = replace(made, statements=(*made.statements[:place], sentence, *made.statements[place + 1 :]))
                changes.append((place, kind))
                break
    return Corrupted(made, tuple(changes)) if changes else None
