"""A piece of evidence with its measured effect, the side that it is on, and which of many are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xhaim.explain.pieces import Piece
from xhaim.explain.quotes import Side
from xhaim.explain.words import MIN_EFFECT
from xhaim.records import Measurement

FOREMOST = 3
"""Places of a side for words that name the finding itself, the newest first, before what moves the risk more but only
goes with it or was said long ago; at least one place is for what moves the risk most."""
NOT_READ = "the model did not read these words"
LEAST_SHARE = 0.1
"""Of the greatest effect: values that move the risk less are left out."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A piece and its effect."""

    piece: Piece
    effect: float | None
    """Risk with everything minus risk without the piece; above 0: it raises the risk. ``None``: not measured."""
    reason: str | None
    """Why there is no effect; ``None`` where there is one."""

    @property
    def size(self) -> float:
        """The size of a measurable effect, else 0: what cannot be told apart from none."""
        return abs(self.effect) if self.effect is not None and abs(self.effect) >= MIN_EFFECT else 0.0

    @property
    def side(self) -> Side | None:
        """The side that its words take; where they take none, that of a measurable effect; ``None``: neither.

        Words first: a reader who finds "No effusion" among the evidence for stops reading.
        """
        if self.piece.speaks is not None or not self.size or self.effect is None:
            return self.piece.speaks
        return "for" if self.effect > 0 else "against"

    @property
    def odd(self) -> bool:
        """Say whether it moves the risk otherwise than its words speak."""
        return bool(self.size) and self.toward < 0 and not self.piece.mixed

    @property
    def toward(self) -> float:
        """What it moves the risk toward its own side; below 0: the other way."""
        if not self.size or self.effect is None:
            return 0.0
        return self.effect if self.side == "for" else -self.effect


def shown(measured: Sequence[Measured], side: Side, most: int) -> tuple[Measured, ...]:
    """Order by what moves the risk to that side; words on the finding itself keep places that others would crowd.

    An image or a value without a measurable effect is no evidence, nor is a value whose effect is under a tenth of the
    greatest. What is ``odd`` is shown only where it names the finding itself. Of words without a measurable effect
    those of this admission come first.
    """
    least = LEAST_SHARE * max((one.size for one in measured), default=0.0)
    told = [one for one in measured if one.side == side]
    told = [one for one in told if one.size >= least or not isinstance(one.piece.source, Measurement)]
    told = [one for one in told if one.piece.foremost or not one.odd]
    mine = sorted(told, key=lambda one: (-one.toward, one.piece.earlier))
    spoken = [one for one in mine if one.piece.speaks == side]
    newest = sorted((one for one in spoken if one.piece.foremost), key=lambda one: one.piece.time, reverse=True)
    foremost = sorted(newest, key=lambda one: one.odd)
    first = mine[: max(1, most - FOREMOST)] if most > 1 else []
    chosen = list(dict.fromkeys([*first, *foremost, *spoken[:1], *mine]))[:most]
    return tuple(one for one in mine if one in chosen)
