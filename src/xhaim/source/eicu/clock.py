"""Minutes from unit admission as times: the one place where eICU's offsets are turned."""

from __future__ import annotations

import polars as pl

MOST_MINUTES = 10 * 366 * 1440
"""An offset further away than ten years is an error of entry."""
FAR = "{}: more than ten years away"
"""Why such a row is set aside."""


def near(name: str) -> pl.Expr:
    """Say whether an offset, where there is one, is nearer than that."""
    return pl.col(name).is_between(-MOST_MINUTES, MOST_MINUTES).fill_null(value=True)


def at(offset: str) -> pl.Expr:
    """Return the time of an offset, of rows that have ``admitted``."""
    return pl.col("admitted") + pl.duration(minutes=pl.col(offset))


def placed(rows: pl.DataFrame, places: pl.DataFrame, offsets: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows of known stays with the columns of ``places`` (``Stays.places``), and the others as set aside."""
    joined = rows.rename({"patientunitstayid": "stay_id"}).join(places, on="stay_id", how="left")
    reason = pl.coalesce(
        pl.when(pl.col("subject_id").is_null()).then(pl.lit("patientunitstayid: not in patient")),
        *(pl.when(~near(name)).then(pl.lit(FAR.format(name))) for name in offsets),
    )
    judged = joined.with_columns(reason=reason)
    bad = judged.drop_nulls("reason").select("row", "line", "reason")
    return judged.filter(pl.col("reason").is_null()).drop("reason"), bad
