"""Thresholds of criteria: which side of them a value lies, in the unit of its signal."""

from __future__ import annotations

from functools import lru_cache

import polars as pl
from pydantic import model_validator

from xhaim.label_rules import Number, Strict
from xhaim.signals import catalogue
from xhaim.text.values import number_words
from xhaim.units import in_one_unit


def plain_number(value: float) -> float:
    """Return a number with six digits: values were stored in 32 bits, and 38.3 came back as 38.299999."""
    return float(f"{value:.6g}")


@lru_cache(maxsize=4096)
def in_signal_unit(signal: str, number: float, unit: str | None) -> float | None:
    """Return a number in the unit of a signal's catalogue entry, by the rules for its values; None where they refuse.

    Refused: a unit that the catalogue cannot turn into its own, a number outside the possible, and a number without
    a unit where that would be ambiguous.
    """
    row = {"sample_id": "", "code": catalogue()[signal].codes[0], "numeric_value": float(number), "unit": unit}
    judged = in_one_unit(pl.DataFrame([row], schema_overrides={"unit": pl.String}))
    value, fault = judged.select("value", "fault").row(0)
    return None if fault is not None or value is None else plain_number(value)


class Comparison(Strict):
    """One of four sides of a threshold; ``above`` and ``below`` leave the threshold itself out."""

    above: Number | None = None
    at_least: Number | None = None
    below: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Comparison:
        if len(self._given()) != 1:
            raise ValueError("one comparison, got " + (", ".join(self._given()) or "none") + "|above, at_least, below"
                             " or at_most")  # fmt: skip
        return self

    def _given(self) -> dict[str, float]:
        sides = ("above", "at_least", "below", "at_most")
        return {side: getattr(self, side) for side in sides if getattr(self, side) is not None}

    @property
    def threshold(self) -> float:
        """The number of the card, in the card's unit."""
        return next(iter(self._given().values()))

    @property
    def words(self) -> str:
        """The comparison without its number: ``at least``."""
        return next(iter(self._given())).replace("_", " ")

    def holds(self, value: float, threshold: float) -> bool:
        """Say whether a value is on the wanted side of a threshold in the same unit."""
        value, threshold = plain_number(value), plain_number(threshold)
        if self.above is not None:
            return value > threshold
        if self.at_least is not None:
            return value >= threshold
        return value < threshold if self.below is not None else value <= threshold


def checked(signal: str, number: float, unit: str | None) -> float:
    """Return a number of a card in the signal's unit. Raises ValueError, worded for its writer."""
    one = catalogue()[signal]
    units = ", ".join(sorted({one.unit or "no unit", *one.also}))
    if unit is None and one.unit is not None:
        raise ValueError(f"unit of {signal} is missing|one of {units}")
    value = in_signal_unit(signal, number, unit)
    if value is None:
        low, high = one.bounds
        said = number_words(number, unit)
        raise ValueError(f"{said} is no value of {signal}|a unit of {units}; {low:g} to {high:g} in {one.unit}")
    return value
