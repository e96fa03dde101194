"""Rows of a MEDS dataset as events of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from xhaim import events as ev
from xhaim.source.meds.codes import DISCHARGE_NOTE, known_at
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
    """``known_at null`` and ``known_at early``: rows whose known_at was not used; ``silent``: notes without text;
    ``timeless``: rows without a time that are no facts of a person."""


def turn(rows: pl.DataFrame, spelled: pl.DataFrame, plan: Plan) -> Turned:
    """Turn good rows (``meds_columns.typed``) into events; ``spelled``: what ``meds_codes.translate`` gave."""
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in ev.EVENT_SCHEMA.items() if name not in rows.columns]
    read = rows.with_columns(absent).join(spelled, on="code", how="left", maintain_order="left")
    supposed = _without(read)
    guess = known_at(pl.col("time"), pl.col("lag"))
    if "known_at" in plan.chosen:
        timed = read.filter(pl.col("time").is_not_null())
        early = timed.filter(pl.col("known_at") < pl.col("time")).height
        supposed |= {"known_at null": timed["known_at"].null_count(), "known_at early": early}
        known = pl.max_horizontal("known_at" if plan.ours else pl.coalesce("known_at", guess), "time")
    else:
        known = guess
    others = pl.col("source") if plan.ours else pl.coalesce("source", pl.lit("meds"))
    made = pl.coalesce("source", _source()) if plan.ours else _source()
    events = read.with_columns(
        code="ours" if plan.ours else _kind(),
        title=pl.coalesce("title", _words()),
        known_at=known,
        unit=pl.coalesce("unit", "code_unit"),
        source=pl.when(_is(ev.NOTE, ev.IMAGE)).then(made).otherwise(others),
    )
    nothing = pl.DataFrame(schema=ev.EVENT_SCHEMA)
    return Turned(events.select(list(ev.EVENT_SCHEMA)), pl.concat([nothing, *_more(events)]), supposed)


def _is(*kinds: str) -> pl.Expr:
    return pl.any_horizontal((pl.col("ours") == kind) | pl.col("ours").str.starts_with(f"{kind}//") for kind in kinds)


def _without(read: pl.DataFrame) -> dict[str, int]:
    """Count notes without text, and rows without a time that are no facts of a person."""
    silent = _is(ev.NOTE) & (pl.col("text_value").fill_null("").str.strip_chars() == "")
    timeless = pl.col("time").is_null() & ~_is(ev.GENDER, ev.BIRTH, *ATTRIBUTES.values())
    return read.select(silent=silent.sum(), timeless=timeless.sum()).row(0, named=True)


def _kind() -> pl.Expr:
    """Return the code: a note whose title begins with discharge is a discharge summary, whatever its code says."""
    titled = pl.col("title").str.strip_chars_start().str.to_lowercase().str.starts_with("discharge")
    return pl.when(_is(ev.NOTE) & titled).then(pl.lit(DISCHARGE_NOTE)).otherwise("ours")


def _words() -> pl.Expr:
    """Return what the dataset calls a note that is spelled anew: it becomes the title where there is none."""
    return pl.when(_is(ev.NOTE) & (pl.col("ours") != pl.col("code"))).then(
        pl.col("code").str.strip_prefix(f"{ev.NOTE}//")
    )


def _source() -> pl.Expr:
    """Return the ``source`` of a note or an image: by it they are known, so no other subject has it.

    What the dataset itself calls its source need not differ between rows.
    """
    at = pl.col("time").dt.strftime("%Y%m%dT%H%M%S%.6f").fill_null("")
    key = pl.coalesce("image_path", pl.concat_str("ours", at, separator="@"))
    parts = pl.concat_str("source", key, separator="#", ignore_nulls=True)
    return pl.concat_str(pl.lit("meds#"), pl.col("subject_id").cast(pl.String), pl.lit("/"), parts)


def told_apart(events: pl.DataFrame) -> pl.DataFrame:
    """Number the notes and images of a subject that have one ``source``: ``~2``, ``~3``, in the order of values."""
    named = ev.code_is(ev.NOTE) | ev.code_is(ev.IMAGE)
    chosen, one = events.filter(named), ["subject_id", "source"]
    while chosen.select(pl.struct(one).is_duplicated().any()).item():
        nth = pl.int_range(1, pl.len() + 1).over(one)
        numbered = pl.concat_str("source", pl.lit("~"), nth.cast(pl.String))
        ordered = chosen.sort(list(ev.EVENT_SCHEMA))
        chosen = ordered.with_columns(source=pl.when(nth > 1).then(numbered).otherwise("source"))
    return pl.concat([events.filter(~named), chosen])


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
