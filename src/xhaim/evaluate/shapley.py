"""What each modality is worth: Shapley values of the AUC over all combinations, by HAIM's formula (Soenksen 2022).

The value of player i of n is the mean gain of adding it, over all sets S of the others, each weighing
1 / (n * C(n - 1, |S|)). So the values of all players add up to the AUC of all together minus that of nothing, 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb

from xhaim.errors import DataError
from xhaim.evaluate.metrics import Score, Unscored

NOTHING = 0.5
"""AUC of a model that sees nothing."""


def every_combination(players: Sequence[str]) -> list[frozenset[str]]:
    """Return the 2^n - 1 sets of one player or more: small ones first, then in the order of ``players``."""
    return [frozenset(some) for size in range(1, len(players) + 1) for some in combinations(players, size)]


def shapley(scores: Mapping[frozenset[str], Score], players: Sequence[str]) -> dict[str, Score]:
    """Return the Shapley value of each player.

    ``scores``: AUC of each of ``every_combination(players)``. Every player's value rests on all of them: where one is
    unscored, all values are, and say why. Raises DataError where a combination is not there, or a player is twice.
    """
    every = every_combination(players)
    missing = [some for some in every if some not in scores]
    if missing or len(set(players)) < len(players):
        raise DataError(
            "Shapley values need every combination of different players",
            got=f"{len(missing)} of {len(every)} missing",
            expected=f"all combinations of {', '.join(players)}",
        )
    found = {some: scores[some] for some in every}
    for some, score in found.items():
        if isinstance(score, Unscored):
            return dict.fromkeys(players, Unscored(f"{' + '.join(sorted(some))}: {score.reason}"))
    value = {some: float(score) for some, score in found.items() if not isinstance(score, Unscored)}
    value[frozenset()] = NOTHING
    n = len(players)
    return {
        player: sum(
            (value[some | {player}] - value[some]) / (n * comb(n - 1, len(some)))
            for some in (frozenset(), *every)
            if player not in some
        )
        for player in players
    }


def by_modality(scores: Mapping[frozenset[str], Score], modality: Mapping[str, str]) -> dict[frozenset[str], Score]:
    """Return the score of each set of modalities, as HAIM has it: the mean over all combinations of exactly these.

    ``scores``: of combinations of sources; ``modality``: source -> modality. A mean with an unscored part is unscored.
    """
    groups: dict[frozenset[str], list[Score]] = {}
    for some, score in scores.items():
        groups.setdefault(frozenset(modality[source] for source in some), []).append(score)
    return {group: _mean(some) for group, some in groups.items()}


def _mean(scores: Sequence[Score]) -> Score:
    values = [score for score in scores if not isinstance(score, Unscored)]
    unscored = [score for score in scores if isinstance(score, Unscored)]
    return unscored[0] if unscored else sum(values) / len(values)
