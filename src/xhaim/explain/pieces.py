"""What can be taken out of one sample's input: the words of a chunk, one value, one image."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from xhaim.explain.facts import Removal
from xhaim.explain.quotes import Quote, Side
from xhaim.records import Document, Image, Measurement


@dataclass(frozen=True, slots=True)
class Passage:
    """The words of a chunk that are quoted, all of one side, and the document that they stand in."""

    document: Document
    quotes: tuple[Quote, ...]
    """At least one; the first is what it says foremost."""
    label: float | None = None
    """Where not the words are an input but the label of their film, read off them: 0, 0.5 (uncertain) or 1."""
    mixed: bool = False
    """Other words of the chunk speak for the other side, and are taken out with these."""

    earlier: bool = False
    """Of an earlier admission."""
    unread: bool = False
    """The model did not read it: it cannot be taken out."""

    @property
    def quote(self) -> Quote:
        """The first."""
        return self.quotes[0]


Source: TypeAlias = Passage | Measurement | Image


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that can be taken out of the input."""

    source: Source
    removal: Removal
    """Empty for words that the model did not read."""

    @property
    def time(self) -> datetime:
        """When it was written, measured or taken."""
        return self.source.document.time if isinstance(self.source, Passage) else self.source.time

    @property
    def speaks(self) -> Side | None:
        """The side that its own words take; ``None`` for a measurement, an image or neutral words."""
        return self.source.quote.speaks if isinstance(self.source, Passage) else None

    @property
    def foremost(self) -> bool:
        """Say whether its words name the finding itself."""
        return isinstance(self.source, Passage) and self.source.quote.foremost

    @property
    def mixed(self) -> bool:
        """Say whether words of both sides are taken out with it."""
        return isinstance(self.source, Passage) and self.source.mixed

    @property
    def earlier(self) -> bool:
        """Say whether its words are of an earlier admission."""
        return isinstance(self.source, Passage) and self.source.earlier

    @property
    def unread(self) -> bool:
        """Say whether the model did not read it."""
        return isinstance(self.source, Passage) and self.source.unread
