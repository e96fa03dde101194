"""The events of eICU's patient table: who somebody is, admissions, discharges, death."""

from __future__ import annotations

import polars as pl

from xhaim import events as ev
from xhaim.source.as_events import code, events, natural_key

HOSPITAL = "HOSPITAL"
"""Which hospital, so that one can be held out."""
UNIT_STAY_TYPE = "UNIT_STAY_TYPE"
"""Admission, readmission, transfer, step-down: the number is the visit's within the hospital stay."""
_SEX = {"Male": "M", "Female": "F"}
_RACE = {
    "Caucasian": "WHITE",
    "African American": "BLACK",
    "Hispanic": "HISPANIC",
    "Asian": "ASIAN",
    "Native American": "AMERICAN INDIAN",
    "Other/Unknown": "UNKNOWN",  # says neither: not a group of its own
}


def hospital_events(whole: pl.DataFrame, hospitals: pl.DataFrame) -> pl.DataFrame:
    """Return the events of hospital stays; ``whole`` has ``death``, ``death_known``, ``ended`` and ``years``."""
    whole = whole.drop("stay_id").join(hospitals.select(pl.exclude("row", "line")), on="hospitalid", how="left")
    source = natural_key("patient", "hadm_id")
    came, left, never = pl.col("admittime"), pl.col("dischtime"), pl.lit(None)
    birth = pl.datetime(pl.col("hospitaldischargeyear") - pl.col("years"), 1, 1)
    sex = code(ev.GENDER, pl.col("gender").replace(_SEX))
    race = code(ev.RACE, pl.col("ethnicity").replace(_RACE).str.to_uppercase())
    admitted = code(ev.HOSPITAL_ADMISSION, pl.col("hospitaladmitsource"))
    discharged = code(ev.HOSPITAL_DISCHARGE, pl.col("hospitaldischargelocation"))
    teaching = pl.when(pl.col("teachingstatus").str.to_lowercase() == "true").then(pl.lit("teaching"))
    about = pl.concat_str(
        pl.format("{} beds", "numbedscategory"), "region", teaching, separator="; ", ignore_nulls=True
    )
    return pl.concat(
        [
            events(whole.drop_nulls("years"), pl.lit(ev.BIRTH), birth, birth, source=source),
            events(whole.drop_nulls("gender"), sex, never, never, source=source),
            events(whole.drop_nulls("ethnicity"), race, came, came, source=source),
            events(whole, admitted, came, came, text_value=pl.col("hospitaladmitsource"), source=source),
            events(whole, code(HOSPITAL, pl.col("hospitalid")), came, came, text_value=about, source=source),
            events(whole.filter("ended"), discharged, left, pl.col("death_known"), source=source),
            events(whole.drop_nulls("death"), pl.lit(ev.DEATH), pl.col("death"), pl.col("death_known"), source=source),
        ]
    )


def unit_events(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the events of unit stays."""
    source = natural_key("patient", "hadm_id", "stay_id")
    entered, left = pl.col("admitted"), pl.col("outtime")
    moved_in = code(ev.ICU_ADMISSION, pl.col("unittype"))
    moved_out = code(ev.ICU_DISCHARGE, pl.col("unitdischargelocation"))
    kind = code(UNIT_STAY_TYPE, pl.col("unitstaytype"))
    return pl.concat(
        [
            events(rows, moved_in, entered, entered, text_value=pl.col("unitadmitsource"), source=source),
            events(rows, kind, entered, entered, numeric_value=pl.col("unitvisitnumber"), source=source),
            events(rows, moved_out, left, left, source=source),
        ]
    )
