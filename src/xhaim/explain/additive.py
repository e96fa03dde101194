"""What each cited piece adds to the risk, so that all parts sum exactly to the risk less the base rate.

Single removals do not add up: two reports that say the same hide each other. Averaged over the orders in which
evidence can be taken out (Shapley 1953; sampled orders and their reverses, Mitchell et al. 2022) each piece has one
share, and every order telescopes, so the sum is exact whatever the number of orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xhaim.errors import DataError
from xhaim.explain.attribution import Attribution, ask, is_risk
from xhaim.explain.facts import ModelFacts, Removal, RiskWithout
from xhaim.explain.faithfulness import Inventory, generator
from xhaim.explain.measured import Measured
from xhaim.explain.said import cite, key_of
from xhaim.records import Evidence, Explanation, Modality, Record

OTHER, FIXED = "other evidence", "what cannot be taken out"


def additive(
    record: Record,
    task_id: str,
    evidence: Mapping[Modality, Evidence],
    attribution: Attribution,
    facts: ModelFacts,
    risk_without: RiskWithout,
    orders: int,
) -> tuple[list[tuple[Measured, float]], dict[str, float]]:
    """Return each shown piece's share of the risk, and the shares of ``OTHER`` and ``FIXED``: a change of the risk.

    They sum to ``facts.risk`` less ``facts.base_rate``, to rounding. ``OTHER``: all texts, values and the image that
    are not shown; ``FIXED``: what the model says with nothing that can be taken out, less the base rate. ``orders`` is
    made even, so that each has its reverse; they are decided by the sample and the task. Raises DataError where the
    model gives no risk of some removal, or not the risk that is explained.
    """
    shown = [*attribution.supporting, *attribution.opposing]
    cited = Removal.of(one.piece.removal for one in shown)
    other = Inventory.of(record, evidence, facts.films).everything - cited
    players = [*(one.piece.removal for one in shown), other]
    wanted = _orders(len(players), orders, generator(record, task_id))
    removals: dict[Removal, float] = {Removal(): facts.risk}
    for order in wanted:
        removals.update(dict.fromkeys(_path(players, order), 0.0))
    for removal, risk in zip(removals, ask(risk_without, list(removals)), strict=True):
        if not is_risk(risk):
            raise DataError("the risk cannot be taken apart", got="no risk without some evidence", expected="0 to 1")
        removals[removal] = risk
    shares = np.zeros(len(players))
    for order in wanted:
        path = [removals[one] for one in _path(players, order)]
        for place, player in enumerate(order):
            shares[player] += (path[place] - path[place + 1]) / len(wanted)
    nothing = removals[_path(players, wanted[0])[-1]]
    rest = {OTHER: float(shares[-1]), FIXED: nothing + (facts.risk - removals[Removal()]) - facts.base_rate}
    return list(zip(shown, shares[:-1].tolist(), strict=True)), rest


def _path(players: Sequence[Removal], order: Sequence[int]) -> list[Removal]:
    """Return what is taken out, from nothing to all, one player of ``order`` after the other."""
    path = [Removal()]
    for player in order:
        path.append(path[-1] | players[player])
    return path


def _orders(players: int, count: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    drawn = [tuple(int(one) for one in rng.permutation(players)) for _ in range(max(1, (count + 1) // 2))]
    return [order for one in drawn for order in (one, one[::-1])]


def by_marker(
    explanation: Explanation, shown: Sequence[tuple[Measured, float]], rest: Mapping[str, float]
) -> dict[str, float]:
    """Return the shares under the marks of their citations; pieces whose sentence was left out are other evidence."""
    marks = {key_of(one): f"[{one.marker}]" for one in explanation.citations}
    shares: dict[str, float] = {}
    for measured, share in shown:
        name = marks.get(key_of(cite(measured)), OTHER)
        shares[name] = shares.get(name, 0.0) + share
    for name, share in rest.items():
        shares[name] = shares.get(name, 0.0) + share
    return shares
