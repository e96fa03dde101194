"""Which signs and mimics of a card a patient's evidence names: those are worth telling a reader of this patient."""

from __future__ import annotations

from collections.abc import Sequence

from xhaim.knowledge.card import Card
from xhaim.knowledge.said import shown
from xhaim.records import Chunk, KnowledgeLine, Named, Polarity, Span
from xhaim.text.polarity import mentions, names_any
from xhaim.text.sentences import sentences

_FIRST: tuple[Polarity, ...] = ("affirmed", "uncertain", "negated")


def named(card: Card, chunks: Sequence[Chunk]) -> tuple[Named, ...]:
    """Return the signs, then the mimics, that the chunks name, in the card's order, each once.

    Where several sentences name it: the first that affirms it, else the first in doubt, else the first that denies it,
    in the order of ``chunks``. What is said of another person or of the past does not count.
    """
    found = []
    for place in ("signs", "mimics"):
        for at, one in enumerate(getattr(card, place)):
            said = _said(one.terms, chunks)
            polarity = next((each for each in _FIRST if each in said), None)
            if polarity is not None:
                found.append(Named(card.line(place, at), said[polarity], polarity))
    return tuple(found)


def of_signal(card: Card, signal: str) -> tuple[KnowledgeLine, ...]:
    """Return what the card says of the values of a signal."""
    return tuple(card.line("values", at) for at, one in enumerate(card.values) if one.signal == signal)


def _said(terms: tuple[str, ...], chunks: Sequence[Chunk]) -> dict[Polarity, Span]:
    first: dict[Polarity, Span] = {}
    for chunk in chunks:
        if not names_any(chunk.text, terms):
            continue
        for start, end in sentences(chunk.text):
            for mention in mentions(chunk.text[start:end], terms):
                if not (mention.family or mention.historical):
                    at = (start + mention.start, start + mention.end)
                    span = shown(chunk.doc_id, chunk.text, (start, end), at)
                    moved = Span(span.doc_id, span.start + chunk.start, span.end + chunk.start)
                    first.setdefault(mention.polarity, moved)
    return first
