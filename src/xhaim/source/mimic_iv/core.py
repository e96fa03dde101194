"""The tables that all others refer to: patients, admissions, ICU stays; small enough to be held whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from xhaim import events as ev
from xhaim.source.account import Outcome
from xhaim.source.as_events import code, events, natural_key
from xhaim.source.csv_tables.checked import Columns, columns
from xhaim.source.keys import of_known_subjects, without_duplicates

CORE: dict[str, Columns] = {
    "patients": columns(
        "subject_id int!  gender text  anchor_age int!  anchor_year int!  anchor_year_group text?  dod time"
    ),
    "admissions": columns(
        "subject_id int!  hadm_id int!  admittime time!  dischtime time  deathtime time  hospital_expire_flag int "
        "admission_type text  admission_location text  discharge_location text  insurance text  language text "
        "marital_status text  race text?  ethnicity text?"
    ),
    "icustays": columns(
        "subject_id int!  hadm_id int!  stay_id int!  first_careunit text  last_careunit text  intime time! "
        "outtime time"
    ),
}
_KEYS = {"patients": "subject_id", "admissions": "hadm_id", "icustays": "stay_id"}
_DAY_END = pl.duration(hours=23, minutes=59, seconds=59)


@dataclass(frozen=True, slots=True)
class Core:
    """Who there is, when they were in hospital, and the events of that."""

    subjects: pl.Series
    """Int64, ascending."""
    admissions: pl.DataFrame
    """``hadm_id``, ``dischtime``."""
    year_groups: tuple[str, ...]
    stays: int
    outcomes: tuple[Outcome, ...]


def read_core(tables: dict[str, Iterable[pl.DataFrame]]) -> Core:
    """Return the core from the good rows of its three tables."""
    kept: dict[str, pl.DataFrame] = {}
    bad: dict[str, pl.DataFrame] = {}
    for name, batches in tables.items():
        rows, again = without_duplicates(pl.concat(batches), _KEYS[name])
        if name != "patients":
            rows, strangers = of_known_subjects(rows, kept["patients"]["subject_id"].sort())
            again = pl.concat([again, strangers])
        kept[name], bad[name] = rows, again
    patients, admissions, stays = (kept[name] for name in CORE)
    made = {
        "patients": _patient_events(patients, admissions),
        "admissions": _admission_events(admissions),
        "icustays": _stay_events(stays),
    }
    return Core(
        subjects=patients["subject_id"].sort(),
        admissions=admissions.select("hadm_id", "dischtime"),
        year_groups=tuple(patients["anchor_year_group"].drop_nulls().unique().sort()),
        stays=stays.height,
        outcomes=tuple(Outcome(name, made[name], kept[name].height, bad[name]) for name in CORE),
    )


def _patient_events(patients: pl.DataFrame, admissions: pl.DataFrame) -> pl.DataFrame:
    source = natural_key("hosp/patients", "subject_id")
    born = pl.datetime(pl.col("anchor_year") - pl.col("anchor_age"), 1, 1)
    never = pl.lit(None)
    outside = patients.drop_nulls("dod").join(_deaths_in_hospital(admissions), on="subject_id", how="anti")
    died = pl.col("dod").dt.truncate("1d") + _DAY_END
    known_sex = patients.drop_nulls("gender")
    return pl.concat(
        [
            events(patients, pl.lit(ev.BIRTH), born, born, source=source),
            events(known_sex, code(ev.GENDER, pl.col("gender")), never, never, source=source),
            events(outside, pl.lit(ev.DEATH), died, died, source=source),
        ]
    )


def _deaths_in_hospital(admissions: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each subject who died in hospital: the first such admission, with the time in ``died``."""
    at_discharge = pl.when(pl.col("hospital_expire_flag") == 1).then(pl.col("dischtime"))
    died = admissions.with_columns(died=pl.coalesce("deathtime", at_discharge)).drop_nulls("died")
    return died.sort("subject_id", "died", "hadm_id").unique("subject_id", keep="first", maintain_order=True)


def _admission_events(admissions: pl.DataFrame) -> pl.DataFrame:
    rows = admissions.with_columns(race=pl.coalesce("race", "ethnicity"))
    source = natural_key("hosp/admissions", "hadm_id")
    at = pl.col("admittime")
    facts = {"race": ev.RACE, "insurance": ev.INSURANCE, "language": ev.LANGUAGE, "marital_status": ev.MARITAL_STATUS}
    left, died = pl.col("dischtime"), pl.col("died")
    admitted = code(ev.HOSPITAL_ADMISSION, pl.col("admission_type"))
    discharged = code(ev.HOSPITAL_DISCHARGE, pl.col("discharge_location"))
    return pl.concat(
        [
            events(rows, admitted, at, at, text_value=pl.col("admission_location"), source=source),
            *(
                events(rows.drop_nulls(name), code(kind, pl.col(name)), at, at, source=source)
                for name, kind in facts.items()
            ),
            # some who died have a dischtime of 00:00 on that day: the discharge must not tell the death before it
            events(rows.drop_nulls("dischtime"), discharged, left, pl.col("deathtime"), source=source),
            events(_deaths_in_hospital(rows), pl.lit(ev.DEATH), died, died, source=source),
        ]
    )


def _stay_events(stays: pl.DataFrame) -> pl.DataFrame:
    source = natural_key("icu/icustays", "stay_id")
    entered, left = pl.col("intime"), pl.col("outtime")
    moved_in = code(ev.ICU_ADMISSION, pl.col("first_careunit"))
    moved_out = code(ev.ICU_DISCHARGE, pl.col("last_careunit"))
    return pl.concat(
        [
            events(stays, moved_in, entered, entered, source=source),
            events(stays.drop_nulls("outtime"), moved_out, left, left, source=source),
        ]
    )
