"""What a written summary leaves unsaid, in the chart's own words: the other side of a sentence, and whole concepts.

A model that obeys a planted order, or is merely weak, can then add or leave out, but not hide what the evidence says.
"""

from __future__ import annotations

from collections.abc import Sequence

from xhaim.records import Chunk, CitedSentence, Polarity
from xhaim.summarize.mood import owners, said, statements
from xhaim.task import Task
from xhaim.text.polarity import mentions

_AGAINST: dict[Polarity, Polarity] = {"affirmed": "negated", "negated": "affirmed"}


def with_other_side(
    kept: Sequence[CitedSentence], chunks: Sequence[Chunk], texts: Sequence[str], task: Task
) -> list[tuple[CitedSentence, ...]]:
    """Return each sentence, followed by the chart's words against it where no sentence of the summary says that side.

    ``texts``: what of each chunk counts as support. Against an affirmed concept stand plain statements that deny it,
    and the other way round; what is said of the past or of a relative is against nothing. One is shown for each
    concept, the newest, word for word.
    """
    shown = {reading for one in kept for reading in said(one.text, task)}
    found = []
    for one in kept:
        beside = [one]
        for concept, polarity in sorted(said(one.text, task)):
            other = (concept, _AGAINST.get(polarity, polarity))
            if other not in shown and (words := _newest(other, chunks, texts, task)):
                beside.append(words)
                shown |= said(words.text, task)
        found.append(tuple(beside))
    return found


def left_out(
    shown: Sequence[CitedSentence], chunks: Sequence[Chunk], texts: Sequence[str], task: Task
) -> list[tuple[CitedSentence, ...]]:
    """Return, for each concept, the chart's newest words that affirm and that deny it where no sentence does."""
    told = {reading for one in shown for reading in said(one.text, task)}
    found = []
    for concept in range(len(task.concepts)):
        both = []
        for polarity in _AGAINST:
            if (concept, polarity) not in told and (words := _newest((concept, polarity), chunks, texts, task)):
                both.append(words)
                told |= said(words.text, task)
        found.append(tuple(both))
    return found


def _newest(
    reading: tuple[int, Polarity], chunks: Sequence[Chunk], texts: Sequence[str], task: Task
) -> CitedSentence | None:
    owner = owners(task)
    for place in sorted(range(len(chunks)), key=lambda place: (chunks[place].time, -place), reverse=True):
        for sentence, plain in statements(texts[place]):
            here = mentions(sentence, tuple(owner)) if plain else []
            if any((owner[m.term], m.polarity) == reading and not (m.historical or m.family) for m in here):
                return CitedSentence(sentence, (chunks[place].chunk_id,))
    return None
