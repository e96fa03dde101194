"""What of the evidence a prompt shows: the sentences that bear on the task, and "..." where others are left out.

Most of a chunk says nothing of the question. A sentence bears on it that names a concept of the task, or that has half
of the words of an anchor or of a term: signs come in more words than a task can list. Of a chunk without any, which was
found by what it means, the first words are shown. What this loses, and what other rules would, is counted by
``benchmarks.shown``. What is not shown supports nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from xhaim.records import Chunk
from xhaim.summarize.mood import owners, statements, states
from xhaim.task import Task
from xhaim.text.elsewhere import bare
from xhaim.text.polarity import mentions
from xhaim.text.sections import headings

LEFT_OUT = "..."
"""A line of its own. Chart text that holds one says no more than that something is left out."""
ENOUGH = 0.5
"""Share of the words of an anchor or a term from which a sentence bears on the task."""
FIRST = 20
"""Words that are shown of a chunk in which nothing does; at least one sentence."""
_COMMON = frozenset(
    "been condition evidence from have limits normal patient seen that there this with within".split()  # noqa: SIM905
)
"""Words of anchors and terms that do not tell what is asked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is shown of one chunk."""

    number: int
    """Of the chunk in the evidence, from 1: what a summary cites."""
    chunk: Chunk
    lines: tuple[str, ...]
    """Sentences in the order of the text, white space folded, and ``LEFT_OUT`` where some are not shown."""

    @property
    def text(self) -> str:
        """The sentences alone, apart from one another: all that counts as support."""
        return "\n\n".join(line for line in self.lines if line != LEFT_OUT)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One sentence of one chunk."""

    place: int
    """Of the chunk, from 0."""
    at: int
    """Of the sentence in its chunk, from 0."""
    text: str
    is_heading: bool
    worth: float
    """Above 1 where it names a concept; else the greatest share of an anchor's or a term's words that it has."""

    @property
    def words(self) -> int:
        return len(self.text.split())


def excerpts(chunks: Sequence[Chunk], texts: Sequence[str], task: Task, words: int) -> tuple[Piece, ...]:
    """Return what is shown of the chunks, in their order, in about ``words`` words; chunks with nothing are left out.

    ``texts``: what of each chunk may be seen. First come sentences that name a concept, one of each chunk in turn, then
    the others that bear on the task, then the first ones of chunks without any; each with the heading that it stands
    under. A sentence that stands in several chunks is shown in the newest. What follows words to a reader in their
    paragraph is never shown: without them it would look like a plain statement (``mood``).
    """
    seen = [one for place, text in enumerate(texts) for one in _read(place, text, task)]
    once = _newest([one for one in seen if not one.is_heading], chunks)
    bearing = [one for one in once if one.worth >= ENOUGH]
    others = _first(one for one in once if one.place not in {one.place for one in bearing})
    shown = set(_within([*_in_turn(bearing), *others], words))
    above: dict[int, _Sentence] = {}
    for one in seen:
        if one.is_heading:
            above[one.place] = one
        elif one in shown and one.place in above:
            shown.add(above[one.place])
    by_place = groupby(sorted(shown, key=lambda one: (one.place, one.at)), lambda one: one.place)
    return tuple(Piece(place + 1, chunks[place], _lines(found)) for place, found in by_place)


def _read(place: int, text: str, task: Task) -> list[_Sentence]:
    """Return the sentences of a text, without those that words to a reader bar."""
    return [
        _Sentence(place, at, one, any(title[:2] == (0, len(one)) for title in headings(one)), _worth(one, task))
        for at, (one, plain) in enumerate(statements(text))
        if plain or not states(one)
    ]


def _worth(sentence: str, task: Task) -> float:
    """Return how much a sentence bears on the task; what names a concept of a relative alone does not."""
    if named := mentions(sentence, tuple(owners(task))):
        return 0.0 if all(one.family for one in named) else 2.0
    ours = _stems(sentence)
    return max((len(ours & theirs) / len(theirs) for theirs in _asked(task)), default=0.0)


@lru_cache(maxsize=64)
def _asked(task: Task) -> tuple[frozenset[str], ...]:
    """Return the words of each anchor and of each term."""
    told = [*task.anchors, *task.negated_anchors, *map(bare, owners(task))]
    return tuple(dict.fromkeys(filter(None, map(_stems, told))))


def _stems(text: str) -> frozenset[str]:
    """Return the first five letters of the words of four and more that tell something."""
    return frozenset(word[:5] for word in re.findall(r"[^\W\d_]{4,}", text.lower()) if word not in _COMMON)


def _newest(sentences: Sequence[_Sentence], chunks: Sequence[Chunk]) -> list[_Sentence]:
    """Keep of equal sentences that of the newest chunk, of those the best."""
    kept: dict[str, _Sentence] = {}
    for one in sentences:
        there = kept.setdefault(one.text.casefold(), one)
        if chunks[one.place].time > chunks[there.place].time:
            kept[one.text.casefold()] = one
    return sorted(kept.values(), key=lambda one: (one.place, one.at))


def _in_turn(bearing: Iterable[_Sentence]) -> list[_Sentence]:
    """Order: what names a concept, one of each chunk in turn, best chunk first; then what has most of the words."""
    turn: Counter[int] = Counter()
    ordered = []
    for one in bearing:
        turn[one.place] += 1
        ordered.append((-one.worth, turn[one.place], one.place, one.at, one))
    return [one for *_, one in sorted(ordered, key=lambda item: item[:-1])]


def _first(sentences: Iterable[_Sentence]) -> list[_Sentence]:
    """Return of each chunk the sentences of its first words, at least one."""
    told: Counter[int] = Counter()
    found = []
    for one in sentences:
        if not told[one.place] or told[one.place] + one.words <= FIRST:
            found.append(one)
        told[one.place] += one.words
    return found


def _within(sentences: Iterable[_Sentence], words: int) -> list[_Sentence]:
    """Take sentences in their order while they fit; the first in any case."""
    taken: list[_Sentence] = []
    left = words
    for one in sentences:
        if one.words <= left or not taken:
            taken.append(one)
            left -= one.words
    return taken


def _lines(found: Iterable[_Sentence]) -> tuple[str, ...]:
    """Return the sentences of one chunk with ``LEFT_OUT`` where some between them are not shown."""
    lines: list[str] = []
    last: int | None = None
    for one in found:
        lines += [one.text] if last is None or one.at == last + 1 else [LEFT_OUT, one.text]
        last = one.at
    return tuple(lines)
