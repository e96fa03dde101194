"""What the evidence says of a task's concepts, as numbers: affirmed, negated, uncertain, last said, how long ago.

Beyond the paper: words were measured to beat small encoders on report text, so they must not be thrown away
(DESIGN: fusion).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from xhaim.records import Chunk, Polarity
from xhaim.task import Task
from xhaim.text.polarity import mentions
from xhaim.text.sentences import sentences

_SIGN = {"affirmed": 1.0, "uncertain": 0.0, "negated": -1.0}
FACTS = ("affirmed", "negated", "uncertain", "last said", "hours since last said")


def concept_columns(task: Task) -> list[str]:
    """Return the block's column names: ``pleural effusion, affirmed``."""
    return [f"{concept.name}, {fact}" for concept in task.concepts for fact in FACTS]


def concept_features(
    task: Task, chunks: Sequence[Chunk], prediction_time: datetime, without: Sequence[Chunk] = ()
) -> list[float]:
    """Return one number for each of ``concept_columns``; NaN = never said.

    Counts are of mentions, each counted once where chunks overlap; those inside the chunks of ``without`` are left out.
    ``last said`` is 1, 0 or -1 by the polarity of the newest mention (of equally new ones the mean); the hours run
    from that document's time to the prediction time.
    """
    row: list[float] = []
    for concept in task.concepts:
        said = {
            (chunk.doc_id, chunk.start + place, chunk.time, what)
            for chunk in chunks
            for place, what in _said(chunk.text, concept.terms)
        }
        found = [(time, what) for doc_id, place, time, what in said if not _inside(doc_id, place, without)]
        counts = [float(sum(what == wanted for _, what in found)) for wanted in ("affirmed", "negated", "uncertain")]
        if not found:
            row += [*counts, float("nan"), float("nan")]
            continue
        newest = max(time for time, _ in found)
        last = [_SIGN[what] for time, what in found if time == newest]
        row += [*counts, sum(last) / len(last), (prediction_time - newest).total_seconds() / 3600]
    return row


def _inside(doc_id: str, place: int, chunks: Sequence[Chunk]) -> bool:
    return any(chunk.doc_id == doc_id and chunk.start <= place < chunk.end for chunk in chunks)


@lru_cache(maxsize=200_000)
def _said(text: str, terms: tuple[str, ...]) -> tuple[tuple[int, Polarity], ...]:
    """Offsets and polarities of the mentions of one concept in one chunk."""
    return tuple(
        (start + mention.start, mention.polarity)
        for start, end in sentences(text)
        for mention in mentions(text[start:end], terms)
        if not mention.family  # of a relative: nothing is said of the patient
    )
