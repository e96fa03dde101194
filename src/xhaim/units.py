"""Values of catalogued signals in one unit, and which cannot be used: the catalogue's rules, applied once for all."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import polars as pl

from xhaim.signals import Signal, catalogue, signal_of_code

BEFORE_ADMISSION = timedelta(hours=24)
"""Values count from so long before the hospital admission: the emergency department is part of the stay."""
UNKNOWN_UNIT = "unknown unit"
IMPOSSIBLE = "impossible value"
NO_UNIT = "no unit"
AMBIGUOUS = "ambiguous unit"
TWO_SCALES = "two scales without a unit"
_RULES = ("bare", "scale", "offset", "signal_unit", "low", "high", "least", "most", "needs_unit")


def in_one_unit(values: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that are values of a catalogued signal, with signal, label, value and unit (the catalogue's).

    ``values``: events with ``sample_id``. ``fault`` says why a value cannot be used, null where it can: ``unknown
    unit``; ``impossible value``, outside the catalogue's bounds; and of values without a unit, which else are taken
    for the catalogue's: ``no unit`` where the catalogue wants one (a weight of 150); ``ambiguous unit`` where the
    number would be usual in another unit of the signal and strange in the catalogue's (a temperature of 98, a
    creatinine of 88); ``two scales without a unit`` for all others of a sample's signal of which one is ambiguous.
    Usual is half to double the normal range, strange is below a quarter or above ten times of it; both within the
    bounds, which stand for them where there is no normal range. A sample's own rows alone decide.
    """
    numbers = values.filter(pl.col("numeric_value").is_not_null())
    number = pl.col("numeric_value").cast(pl.Float64)
    judged = (
        numbers.join(_rules(numbers.select("code", "unit").unique()), on=["code", "unit"], nulls_equal=True)
        .with_columns((number * pl.col("scale") + pl.col("offset")).alias("value"))
        .with_row_index("row")
    )
    judged = judged.with_columns(ambiguous=pl.col("row").is_in(_usual_elsewhere(judged).to_list()))
    ambiguous = pl.col("ambiguous") & ~pl.col("value").is_between(pl.col("least"), pl.col("most"))
    mixed = pl.col("bare") & ambiguous.any().over("sample_id", "signal")
    return judged.with_columns(
        pl.when(pl.col("scale").is_null())
        .then(pl.lit(UNKNOWN_UNIT))
        .when(pl.col("bare") & pl.col("needs_unit"))
        .then(pl.lit(NO_UNIT))
        .when(ambiguous)
        .then(pl.lit(AMBIGUOUS))
        .when(~pl.col("value").is_between(pl.col("low"), pl.col("high")))
        .then(pl.lit(IMPOSSIBLE))
        .when(mixed)
        .then(pl.lit(TWO_SCALES))
        .alias("fault"),
        pl.col("signal_unit").alias("unit"),
    ).drop("row", "ambiguous", *_RULES)


def _rules(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return code, unit and the rules for them, of those that are a signal's: words are looked at once for a pair."""
    given = pl.col("unit").fill_null("").str.to_lowercase().str.replace_all(r"[\s\[\]{}]", "").str.replace("[µμ]", "u")
    prefix = pl.col("code").str.split("//").list.head(2).list.join("//")
    return (
        pairs.select("code", "unit", given.alias("given"), prefix.alias("prefix"), (given == "").alias("bare"))
        .join(_signals(), on="prefix", how="inner")
        .join(_scales(), on=["signal", "given"], how="left")
        .drop("prefix", "given")
    )


def _usual_elsewhere(judged: pl.DataFrame) -> pl.Series:
    """Return the ``row`` of numbers without a unit that, taken in another unit of their signal, would be usual."""
    return (
        judged.filter("bare")
        .select("row", "signal", pl.col("numeric_value").cast(pl.Float64).alias("number"))
        .join(_other_scales(), on="signal")
        .filter((pl.col("number") * pl.col("a") + pl.col("b")).is_between(pl.col("from"), pl.col("to")))
        .select(pl.col("row").unique())
        .to_series()
    )


@cache
def _other_scales() -> pl.DataFrame:
    """Signal, scale and offset of another unit, and what is usual after them."""
    rows = [
        (signal.name, scale, offset, *_around(signal, 2, 2))
        for signal in catalogue().values()
        for scale, offset in sorted({(a, b) for a, b in signal.also.values() if (a, b) != (1.0, 0.0)})
    ]
    kinds = {"signal": pl.String(), **dict.fromkeys(("a", "b", "from", "to"), pl.Float64())}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _around(signal: Signal, below: float, above: float) -> tuple[float, float]:
    if signal.normal is None:
        return signal.bounds
    return max(signal.bounds[0], signal.normal[0] / below), min(signal.bounds[1], signal.normal[1] * above)


@cache
def _signals() -> pl.DataFrame:
    """Code prefix -> signal, its label, unit and ranges."""
    known = catalogue()
    return pl.DataFrame(
        [
            {
                "prefix": code,
                "signal": name,
                "label": known[name].label,
                "signal_unit": known[name].unit,
                "low": known[name].bounds[0],
                "high": known[name].bounds[1],
                "least": _around(known[name], 4, 10)[0],
                "most": _around(known[name], 4, 10)[1],
                "needs_unit": known[name].needs_unit,
            }
            for code, name in signal_of_code().items()
        ],
        infer_schema_length=None,
    )


@cache
def _scales() -> pl.DataFrame:
    """Signal and plain lower-case unit -> how the number becomes a value in the catalogue's unit."""
    rows = []
    for signal in catalogue().values():
        units = {"": (1.0, 0.0), _plain(signal.unit or ""): (1.0, 0.0)}
        units |= {_plain(unit): rule for unit, rule in signal.also.items()}
        rows += [{"signal": signal.name, "given": unit, "scale": a, "offset": b} for unit, (a, b) in units.items()]
    return pl.DataFrame(rows)


def _plain(unit: str) -> str:
    """Lower case, without spaces and brackets, u for micro: as the values' units are compared."""
    return "".join(unit.lower().replace("µ", "u").replace("μ", "u").split()).translate(str.maketrans("", "", "[]{}"))
