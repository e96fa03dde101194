"""Which admission and which ICU stay events belong to, where the dataset itself does not say."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from xhaim.events import DEATH, HOSPITAL_ADMISSION, HOSPITAL_DISCHARGE, ICU_ADMISSION, ICU_DISCHARGE, NOTE, code_is
from xhaim.source.identity import number_of

_DIED = ("DIED", "EXPIRED", "DECEASED", "DEATH")


def with_stays(events: pl.DataFrame) -> pl.DataFrame:
    """Number admissions and ICU stays without an id; say in which admission ICU stays, notes and deaths were.

    An admission without an id gets one made from subject, kind and time; a discharge without one gets that of the
    subject's last admission before it. An ICU stay without ``hadm_id`` gets that of the hospital admission that it
    began in, a note that of the one that holds its time, and a death that of the admission which it ended: it lay
    within it, or the discharge says died.
    ``events``: whole subjects, of EVENT_SCHEMA; the others are left as they are.
    """
    events = _numbered(events, "hadm_id", HOSPITAL_ADMISSION, HOSPITAL_DISCHARGE)
    events = _numbered(events, "stay_id", ICU_ADMISSION, ICU_DISCHARGE)
    admissions = _admissions(events)
    within = (code_is(ICU_ADMISSION) | code_is(NOTE)) & pl.col("hadm_id").is_null()
    events = _placed(events, within, admissions, pl.col("left").is_null() | (pl.col("time") <= pl.col("left")))
    stays = events.filter(code_is(ICU_ADMISSION)).drop_nulls(["stay_id", "hadm_id"])
    of_stay = stays.group_by("stay_id").agg(pl.col("hadm_id").min().alias("stay_hadm"))
    left_icu = code_is(ICU_DISCHARGE) & pl.col("hadm_id").is_null()
    joined = events.join(of_stay, on="stay_id", how="left")
    events = joined.with_columns(
        hadm_id=pl.when(left_icu).then("stay_hadm").otherwise("hadm_id")
    ).drop("stay_hadm")  # fmt: skip
    # a discharge "died" may be dated at 00:00 of the day of death, so before it
    ended = pl.col("left").is_null() | (pl.col("time") <= pl.col("left")) | pl.col("died")
    return _placed(events, code_is(DEATH) & pl.col("hadm_id").is_null(), admissions, ended)


def count_stays(store: Path) -> dict[str, int]:
    """Return how many ICU stays and hospital admissions a store holds, by their ids."""
    events = pl.scan_parquet(sorted((store / "data").glob("*.parquet")), glob=False)
    kinds = {"stays": (ICU_ADMISSION, "stay_id"), "admissions": (HOSPITAL_ADMISSION, "hadm_id")}
    found = [
        pl.col(key).filter(code_is(kind)).drop_nulls().n_unique().alias(name) for name, (kind, key) in kinds.items()
    ]
    counts: dict[str, int] = events.select(found).collect().row(0, named=True)
    return counts


def _numbered(events: pl.DataFrame, key: str, begins: str, ends: str) -> pl.DataFrame:
    timed = pl.col("time").is_not_null() & pl.col(key).is_null()
    nameless = events.filter(code_is(begins) & timed).select("subject_id", "time").unique()
    if nameless.height:
        numbers = [number_of(f"{begins} of {subject} at {time}") for subject, time in nameless.iter_rows()]
        made = nameless.with_columns(pl.Series("made", numbers, dtype=pl.Int64))
        events = events.join(made, on=["subject_id", "time"], how="left")
        events = events.with_columns(pl.when(code_is(begins) & timed).then("made").otherwise(key).alias(key)).drop(
            "made"
        )
    begun = events.filter(code_is(begins)).drop_nulls(["time", key])
    return _placed(events, code_is(ends) & timed, begun.select("subject_id", "time", key), pl.lit(value=True), key)


def _admissions(events: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each hospital admission: subject_id, time, hadm_id, left (null: not said), died."""
    died = pl.any_horizontal(pl.col("code").str.to_uppercase().str.contains(word, literal=True) for word in _DIED)
    discharges = (
        events.filter(code_is(HOSPITAL_DISCHARGE))
        .group_by("subject_id", "hadm_id")
        .agg(pl.col("time").max().alias("left"), died.any().alias("died"))
    )
    admitted = events.filter(code_is(HOSPITAL_ADMISSION)).drop_nulls(["time", "hadm_id"])
    begun = admitted.group_by("subject_id", "hadm_id").agg(pl.col("time").min())
    return begun.join(discharges, on=["subject_id", "hadm_id"], how="left").with_columns(
        pl.col("died").fill_null(value=False)
    )


def _placed(
    events: pl.DataFrame, which: pl.Expr, places: pl.DataFrame, fits: pl.Expr, key: str = "hadm_id"
) -> pl.DataFrame:
    """Give some events the ``key`` of the subject's last place (of equal times the least) begun by then, if it fits."""
    chosen = which & pl.col("time").is_not_null()
    lacking = events.filter(chosen)
    if lacking.is_empty() or places.is_empty():
        return events
    begun = places.sort("subject_id", "time", key, descending=[False, False, True]).rename({key: "place"})
    found = lacking.sort("time").join_asof(
        begun.sort("time", maintain_order=True), on="time", by="subject_id", check_sortedness=False
    )
    given = found.with_columns(pl.when(fits).then("place").otherwise(None).alias(key)).select(events.columns)
    return pl.concat([events.filter(~chosen.fill_null(value=False)), given])
