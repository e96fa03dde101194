"""What each piece of evidence changes: the risk with everything minus the risk without it, measured, never guessed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from xhaim.config import ExplainSettings
from xhaim.errors import DataError
from xhaim.explain.facts import ModelFacts, Removal, RiskWithout
from xhaim.explain.measured import NOT_READ, Measured, shown
from xhaim.explain.pieces import Piece
from xhaim.explain.words import MIN_EFFECT

EVERY_SET_OF = 5
"""Of so many pieces every set is tried: 31 variants."""


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
    """Every candidate: in their order what the model read, then what it did not."""
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
    pieces: Sequence[Piece],
    facts: ModelFacts,
    risk_without: RiskWithout,
    settings: ExplainSettings,
    *,
    of_now: bool = False,
) -> Attribution:
    """Measure every piece that the model read in one batch, and the joint removals of those that are shown in a second.

    The batch holds the plain prediction too. Where it comes out otherwise than ``facts.risk``, by half a point or
    more, no effect is believed. ``of_now``: the question is of a course and not of a finding that may be old, so words
    of an earlier admission are evidence only where they move the risk as they speak. Raises DataError when
    ``risk_without`` answers with another number of risks.
    """
    read = [piece for piece in pieces if not piece.unread]
    risks = ask(risk_without, [Removal(), *(piece.removal for piece in read)]) if read else [facts.risk]
    plain = risks[0]
    doubt = _doubt(plain, facts.risk)
    measured = tuple(_effect(piece, plain, risk, doubt) for piece, risk in zip(read, risks[1:], strict=True))
    measured += tuple(Measured(piece, None, NOT_READ) for piece in pieces if piece.unread)
    telling = [one for one in measured if not (of_now and one.piece.earlier and one.toward <= 0)]
    supporting = shown(telling, "for", settings.max_for)
    opposing = shown(telling, "against", settings.max_against)
    unshown = tuple(one for one in measured if one.odd and one not in (*supporting, *opposing))
    if doubt is not None:
        return Attribution(measured, supporting, opposing, unshown, None, None, None)
    above = facts.risk >= facts.threshold
    every = tuple(one for one in supporting if not one.piece.unread)
    against = tuple(one for one in opposing if not one.piece.unread)
    toward = tuple(one for one in (every if above else against) if not one.odd)
    sets = _subsets(toward)
    others = [] if above or not every else [every]
    joints = _together([*sets, *others], facts.risk - plain, risk_without)
    crossing = [one for one in joints[: len(sets)] if one and (one.risk >= facts.threshold) != above]
    return Attribution(
        measured,
        supporting,
        opposing,
        unshown,
        without_supporting=joints[-1] if joints and (others or toward == every) else None,
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


def _together(sets: Sequence[tuple[Measured, ...]], shift: float, risk_without: RiskWithout) -> list[Joint | None]:
    """Measure several joint removals in one batch, set by set; ``None`` where the model gave no risk."""
    if not sets:
        return []
    removals = [Removal.of(one.piece.removal for one in pieces) for pieces in sets]
    return [
        Joint(pieces, min(1.0, max(0.0, risk + shift))) if is_risk(risk) else None
        for pieces, risk in zip(sets, ask(risk_without, removals), strict=True)
    ]
