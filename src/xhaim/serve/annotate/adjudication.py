"""Where raters differ by two or more: what each said, and what is settled in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xhaim.judge.agreement_people import FINAL
from xhaim.records import DIMENSIONS
from xhaim.serve.annotate.drawing import Item
from xhaim.serve.annotate.scoring import Said

APART = 2
"""Points from which a difference is looked at again."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """One item on which raters differ."""

    item: Item
    dimensions: tuple[str, ...]
    """In which they do."""
    raters: Mapping[str, Said]
    """Everybody who scored the item, by name."""
    final: Said | None
    """What was settled; ``None``: nothing yet."""

    @property
    def settled(self) -> bool:
        """Say whether everything in dispute has a final score."""
        return self.final is not None and all(name in self.final.scores for name in self.dimensions)


def disputes(drawn: Sequence[Item], said: Mapping[tuple[str, str], Said]) -> list[Dispute]:
    """Return the items on which people differ by ``APART`` points or more, in the order of ``drawn``."""
    found = []
    for item in drawn:
        raters = {rater: one for (name, rater), one in sorted(said.items()) if name == item.explanation}
        final = raters.pop(FINAL, None)
        apart = tuple(name for name in DIMENSIONS if _range(raters, name) >= APART)
        if apart:
            found.append(Dispute(item, apart, raters, final))
    return found


def _range(raters: Mapping[str, Said], dimension: str) -> int:
    given = [one.scores[dimension] for one in raters.values() if dimension in one.scores]
    return max(given) - min(given) if given else 0
