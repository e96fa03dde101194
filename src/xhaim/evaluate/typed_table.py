"""A table whose cells are numbers, intervals, or the reason why there is none: in words, and as a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from xhaim.evaluate.compare import Estimate
from xhaim.evaluate.grids import Grid, estimate_words
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.wording import MINUS

Cell = Estimate | Unscored | tuple[float, float] | float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """What a reader sees of one field of the rows."""

    heading: str
    name: str
    show: Callable[[Cell], str]
    once: bool = False
    """Said once: empty where the row above says the same of the same task."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of the same fields; some are shown as columns, all are in the frame."""

    key: str
    stamps: tuple[str, ...]
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]
    notes: tuple[str, ...] = ()

    @property
    def grid(self) -> Grid:
        """The table in words."""
        return Grid(
            self.key,
            self.stamps,
            self.caption,
            tuple(column.heading for column in self.columns),
            tuple(self._once([self._shown(row) for row in self.rows])),
            self.notes,
        )

    def _once(self, rows: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
        above: tuple[str, ...] = ()
        for row in rows:
            goes_on = above[:1] == row[:1]
            yield tuple(
                "" if column.once and goes_on and above[place] == cell else cell
                for place, (column, cell) in enumerate(zip(self.columns, row, strict=True))
            )
            above = row

    def _shown(self, row: Mapping[str, Cell]) -> tuple[str, ...]:
        """A reason is said once in a row."""
        cells = [row.get(column.name) for column in self.columns]
        return tuple(
            "not computed" if isinstance(cell, Unscored) and cell in cells[:place] else column.show(cell)
            for place, (column, cell) in enumerate(zip(self.columns, cells, strict=True))
        )

    @property
    def frame(self) -> pl.DataFrame:
        """The table as numbers; of a field ``x``: ``x``, and where they apply ``x_se``, ``x_low``, ``x_reason`` ...

        A number that was not computed is null, and its reason stands beside it.
        """
        flat = [{name: value for field, cell in row.items() for name, value in _flat(field, cell)} for row in self.rows]
        names = list(dict.fromkeys(name for row in flat for name in row))
        series = [pl.Series(name, [row.get(name) for row in flat], strict=False) for name in names]
        return pl.DataFrame([one.cast(pl.Float64) if one.dtype == pl.Null else one for one in series])


def _flat(field: str, cell: Cell) -> list[tuple[str, float | int | str | bool | None]]:
    if isinstance(cell, Estimate):
        return [(field, cell.mean), (f"{field}_se", cell.se), (f"{field}_splits", cell.splits)]
    if isinstance(cell, Unscored):
        return [(field, None), (f"{field}_reason", cell.reason)]
    if isinstance(cell, tuple):
        return [(f"{field}_low", cell[0]), (f"{field}_high", cell[1])]
    return [(field, cell)]


def number(digits: int = 3, *, signed: bool = False) -> Callable[[Cell], str]:
    """Return what words a number, an estimate, an interval, or the reason why there is none."""
    sign = "+" if signed else ""

    def one(value: float) -> str:
        return f"{value:{sign}.{digits}f}".replace("-", MINUS)

    def show(cell: Cell) -> str:
        if cell is None:
            return ""
        if isinstance(cell, Unscored):
            return str(cell)
        if isinstance(cell, Estimate):
            return estimate_words(cell, digits).replace("-", MINUS)
        if isinstance(cell, tuple):
            return f"{one(cell[0])} to {one(cell[1])}"
        return one(float(cell)) if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else str(cell)

    return show


def p_value(cell: Cell) -> str:
    """Return a p value with three digits, never as 0."""
    if isinstance(cell, float):
        return f"{cell:.3f}" if cell >= 0.001 else "under 0.001"
    return "" if cell is None else str(cell)


def words(cell: Cell) -> str:
    """Return text as it is, and counts with their thousands apart."""
    return "" if cell is None else f"{cell:,}" if type(cell) is int else str(cell)
