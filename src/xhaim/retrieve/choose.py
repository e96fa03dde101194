"""Which k chunks of a ranking are shown: places by polarity, and no place for what is said already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from xhaim.records import Polarity
from xhaim.retrieve.reading import Reading

_Told = set[tuple[Polarity, str]]


def choose(order: Sequence[int], readings: Sequence[Reading], k: int) -> list[int]:
    """Choose k rows of a ranking, in its order; ``readings``: of each row.

    Half of the places are for chunks that affirm, then a quarter for those that deny and an eighth for uncertain ones;
    each goes to the chunk with the most statements of its side that no chosen chunk has. What is left goes to the most
    new findings, then to any chunk before one that only repeats: boilerplate denials, new in their words alone, must
    not crowd out what the words of the task do not name. Of equals, the first of the ranking.
    """
    places: dict[Polarity, int] = {"affirmed": (k + 1) // 2, "negated": max(1, k // 4), "uncertain": max(1, k // 8)}
    chosen: list[int] = []
    told: _Told = set()

    def take(rows: Iterable[int], upto: int, worth: Callable[[Reading], tuple[int, bool]]) -> None:
        left = [row for row in rows if row not in chosen]
        while left and len(chosen) < upto:
            row = max(left, key=lambda one: worth(readings[one]))  # the first of equals
            left.remove(row)
            chosen.append(row)
            told.update(readings[row].statements)

    for side, n in places.items():
        of_side = [row for row in order if readings[row].side == side]
        take(of_side, min(k, len(chosen) + n), partial(_of_side, told, side))
    take(order, k, lambda one: (len(one.findings - told), not one.statements or not one.statements <= told))
    taken = set(chosen)
    return [row for row in order if row in taken]


def _of_side(told: _Told, side: Polarity, reading: Reading) -> tuple[int, bool]:
    """Count the statements of a side that are not yet told."""
    return sum(one[0] == side for one in reading.statements - told), True
