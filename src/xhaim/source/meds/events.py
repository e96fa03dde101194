"""Rows of a MEDS dataset as events of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from xhaim import events as ev
from xhaim.source.meds.codes import known_at
from xhaim.source.meds.columns import ATTRIBUTES, Plan
from xhaim.source.meds.values import END


@dataclass(frozen=True, slots=True)
class Turned:
    """What some rows became; ``events`` and ``more`` by EVENT_SCHEMA."""

    events: pl.DataFrame
    """One for each row, in its order."""
    more: pl.DataFrame
    """What further columns of the rows tell: facts of an admission, the end of a visit."""
    supposed: Mapping[str, int]
    """``known_at null`` and ``known_at early``: rows whose known_at was not used."""


def turn(rows: pl.DataFrame, spelled: pl.DataFrame, plan: Plan) -> Turned:
    """Turn good rows (``meds_columns.typed``) into events; ``spelled``: what ``meds_codes.translate`` gave."""
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in ev.EVENT_SCHEMA.items() if name not in rows.columns]
    read = rows.with_columns(absent).join(spelled, on="code", how="left", maintain_order="left")
    supposed = {}
    if "known_at" in plan.chosen:
        timed = read.filter(pl.col("time").is_not_null())
        early = timed.filter(pl.col("known_at") < pl.col("time")).height
        supposed = {"known_at null": timed["known_at"].null_count(), "known_at early": early}
        known = pl.max_horizontal("known_at", "time")
    else:
        known = known_at(pl.col("time"), pl.col("ours"), pl.col("lag"))
    source = pl.col("source") if plan.ours else pl.coalesce("source", _source())
    unit = pl.coalesce("unit", "code_unit")
    events = read.with_columns(code="ours", known_at=known, unit=unit, source=source)
    nothing = pl.DataFrame(schema=ev.EVENT_SCHEMA)
    return Turned(events.select(list(ev.EVENT_SCHEMA)), pl.concat([nothing, *_more(events)]), supposed)


def _source() -> pl.Expr:
    """Return the ``source`` of an event that has none: by it documents and images are known."""
    at = pl.col("time").dt.strftime("%Y%m%dT%H%M%S%.6f").fill_null("")
    key = pl.coalesce("image_path", pl.concat_str("ours", at, separator="@"))
    kinds = pl.any_horizontal(
        (pl.col("ours") == kind) | pl.col("ours").str.starts_with(f"{kind}//") for kind in (ev.NOTE, ev.IMAGE)
    )
    return pl.when(kinds).then(pl.concat_str(pl.lit("meds#"), key)).otherwise(pl.lit("meds"))


def _more(events: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the events that other columns of a row tell: facts of an admission, and the end of a visit."""
    bare = {name: pl.lit(None, ev.EVENT_SCHEMA[name]) for name in ("numeric_value", "text_value", "unit", "title")}
    for name, kind in ATTRIBUTES.items():
        if name in events.columns:
            said = events.filter(pl.col(name).is_not_null() & (pl.col(name) != ""))
            yield said.with_columns(**bare, code=pl.concat_str(pl.lit(f"{kind}//"), name)).select(list(ev.EVENT_SCHEMA))
    if END in events.columns:
        ended = events.filter(ev.code_is(ev.HOSPITAL_ADMISSION) & (pl.col(END) >= pl.col("time")))
        left = {"time": pl.col(END), "known_at": pl.max_horizontal("known_at", END)}
        yield ended.with_columns(**bare, **left, code=pl.lit(f"{ev.HOSPITAL_DISCHARGE}//UNK")).select(
            list(ev.EVENT_SCHEMA)
        )
