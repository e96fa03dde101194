"""What each piece of evidence changes: the risk with everything minus the risk without it, measured, never guessed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

from xhaim.config import ExplainSettings
from xhaim.errors import DataError
from xhaim.explain.facts import ModelFacts, Removal, RiskWithout
from xhaim.explain.pieces import Piece
from xhaim.explain.quotes import Side
from xhaim.explain.words import MIN_EFFECT
from xhaim.records import Measurement

EVERY_SET_OF = 5
"""Of so many pieces every set is tried: 31 variants."""
FOREMOST = 3
"""Places of a side for words that name the finding itself, before what moves the risk more but only goes with it."""
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


@dataclass(frozen=True, slots=True)
class Joint:
    """Several pieces taken out at once."""

    pieces: tuple[Measured, ...]
    risk: float
    """The risk without all of them."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """What was measured for one sample."""

    measured: tuple[Measured, ...]
    """Every candidate, in the candidates' order."""
    supporting: tuple[Measured, ...]
    """Evidence for that is shown: greatest effect first, then words without a measurable effect, then ``odd`` ones."""
    opposing: tuple[Measured, ...]
    """Evidence against that is shown, likewise; words that deny the finding always have a place."""
    unshown: tuple[Measured, ...]
    """Passages that are ``odd`` and found no place."""
    without_supporting: Joint | None
    """All the evidence for taken out at once; ``None`` where there is none, or it could not be measured."""
    flip: Joint | None
    """The smallest set of the pieces toward the answer whose joint removal crosses the operating point; of several of
    one size, the one that changes the risk most."""
    all_toward: Joint | None
    """All the shown pieces on the side of the answer (above the operating point: for; else against) that move the risk
    there, at once."""


def attribute(
    pieces: Sequence[Piece], facts: ModelFacts, risk_without: RiskWithout, settings: ExplainSettings
) -> Attribution:
    """Measure every piece in one batch, and the joint removals of those that are shown in a second.

    The batch holds the plain prediction too. Where it comes out otherwise than ``facts.risk``, by half a point or
    more, no effect is believed. Raises DataError when ``risk_without`` answers with another number of risks.
    """
    risks = ask(risk_without, [Removal(), *(piece.removal for piece in pieces)]) if pieces else [facts.risk]
    plain = risks[0]
    doubt = _doubt(plain, facts.risk)
    measured = tuple(_effect(piece, plain, risk, doubt) for piece, risk in zip(pieces, risks[1:], strict=True))
    supporting = _shown(measured, "for", settings.max_for)
    opposing = _shown(measured, "against", settings.max_against)
    unshown = tuple(one for one in measured if one.odd and one not in (*supporting, *opposing))
    if doubt is not None:
        return Attribution(measured, supporting, opposing, unshown, None, None, None)
    above = facts.risk >= facts.threshold
    toward = tuple(one for one in (supporting if above else opposing) if not one.odd)
    sets = _subsets(toward)
    others = [supporting] if supporting and supporting != toward else []
    joints = _together([*sets, *others], facts.risk - plain, risk_without)
    crossing = [one for one in joints[: len(sets)] if one and (one.risk >= facts.threshold) != above]
    return Attribution(
        measured,
        supporting,
        opposing,
        unshown,
        without_supporting=joints[-1] if supporting and (others or toward == supporting) else None,
        flip=min(crossing, key=lambda one: (len(one.pieces), -abs(facts.risk - one.risk)), default=None),
        all_toward=joints[len(sets) - 1] if sets else None,
    )


def _subsets(pieces: tuple[Measured, ...]) -> list[tuple[Measured, ...]]:
    """Return every set of the first pieces, smaller ones first, then longer and longer beginnings; all, last."""
    first = pieces[:EVERY_SET_OF]
    sets = [found for size in range(1, len(first) + 1) for found in combinations(first, size)]
    return [*sets, *(pieces[:size] for size in range(len(first) + 1, len(pieces) + 1))]


def ask(risk_without: RiskWithout, removals: Sequence[Removal]) -> list[float]:
    """Return one risk for each removal; what is asked twice is measured once.

    Raises DataError when ``risk_without`` answers with another number of risks.
    """
    once = list(dict.fromkeys(removals))
    risks = [float(risk) for risk in risk_without(once)]
    if len(risks) != len(once):
        raise DataError(
            "the model did not answer every removal",
            got=f"{len(risks)} risks",
            expected=f"{len(once)}, one for each removal and in its order",
        )
    found = dict(zip(once, risks, strict=True))
    return [found[removal] for removal in removals]


def is_risk(value: float) -> bool:
    """Say whether a model's answer is a probability."""
    return math.isfinite(value) and 0 <= value <= 1


def _doubt(plain: float, risk: float) -> str | None:
    """Say why no effect can be believed."""
    if is_risk(plain) and abs(plain - risk) < MIN_EFFECT:
        return None
    return "the model did not reproduce its own prediction when it was run again"


def _effect(piece: Piece, plain: float, risk: float, doubt: str | None) -> Measured:
    if doubt is not None:
        return Measured(piece, None, doubt)
    if not is_risk(risk):
        return Measured(piece, None, "the model gave no risk without it")
    return Measured(piece, plain - risk, None)


def _shown(measured: Sequence[Measured], side: Side, most: int) -> tuple[Measured, ...]:
    """Order by what moves the risk to that side; words on the finding itself keep places that others would crowd.

    An image or a value without a measurable effect is no evidence, nor is a value whose effect is under a tenth of the
    greatest.
    """
    least = LEAST_SHARE * max((one.size for one in measured), default=0.0)
    told = [one for one in measured if one.side == side]
    told = [one for one in told if one.size >= least or not isinstance(one.piece.source, Measurement)]
    mine = sorted(told, key=lambda one: -one.toward)
    spoken = [one for one in mine if one.piece.speaks == side]
    foremost = [one for one in spoken if one.piece.foremost]
    chosen = list(dict.fromkeys([*mine[: most - FOREMOST], *foremost, *spoken[:1], *mine]))[:most]
    return tuple(one for one in mine if one in chosen)


def _together(sets: Sequence[tuple[Measured, ...]], shift: float, risk_without: RiskWithout) -> list[Joint | None]:
    """Measure several joint removals in one batch, set by set; ``None`` where the model gave no risk."""
    if not sets:
        return []
    removals = [reduce(Removal.__or__, (one.piece.removal for one in pieces), Removal()) for pieces in sets]
    return [
        Joint(pieces, min(1.0, max(0.0, risk + shift))) if is_risk(risk) else None
        for pieces, risk in zip(sets, ask(risk_without, removals), strict=True)
    ]
