"""eICU's patient table: when each stay was, how it ended, and who it is; and a place in time for every other row.

eICU gives minutes from unit admission, times of day and the year of hospital discharge, never a date. Times here are
made up by one rule: hospital admission is on 1 January of the year of discharge, at its own time of day; a unit
admission is ``hospitaladmitoffset`` before it (that offset is mostly negative). So all times within a hospital stay
keep their distances, and times of day are the real ones; days, months and seasons mean nothing.

eICU does not say which of a person's hospital stays came first. Any order would let one stay's facts be known in
another that may have been earlier, so each hospital stay is a subject of its own: ``subject_id`` is
``patienthealthsystemstayid``. Who is the same person stands in ``metadata/persons.parquet``, for splits by person.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from xhaim.source.account import Outcome
from xhaim.source.csv_tables.checked import columns
from xhaim.source.eicu.clock import FAR, at, near
from xhaim.source.eicu.stay_events import HOSPITAL, UNIT_STAY_TYPE, hospital_events, unit_events
from xhaim.source.identity import numbers_of
from xhaim.source.keys import without_duplicates

OLDEST = 90
"""Ages above 89 are published as ``> 89``."""

PATIENT = columns(
    "patientunitstayid int!  patienthealthsystemstayid int!  uniquepid text!  gender text  age text  ethnicity text  "
    "hospitalid int  hospitaladmittime24 text!  hospitaladmitoffset int!  hospitaladmitsource text  "
    "hospitaldischargeyear int!  hospitaldischargeoffset int!  hospitaldischargelocation text  "
    "hospitaldischargestatus text  unittype text  unitadmitsource text  unitvisitnumber int  unitstaytype text  "
    "unitdischargeoffset int!  unitdischargelocation text  unitdischargestatus text"
)
HOSPITALS = columns("hospitalid int!  numbedscategory text  teachingstatus text  region text")


@dataclass(frozen=True, slots=True)
class Stays:
    """Who there is, and where their rows belong in time."""

    places: pl.DataFrame
    """``stay_id``, ``subject_id``, ``hadm_id``, ``admitted`` (to the unit), one row for each unit stay."""
    persons: pl.DataFrame
    """``subject_id``, ``person_id``, ascending: hospital stays of one person have one person_id."""
    outcomes: tuple[Outcome, ...]
    remarks: tuple[str, ...]

    @property
    def subjects(self) -> pl.Series:
        """Int64, ascending."""
        return self.persons["subject_id"]


def read_stays(patient: pl.DataFrame, hospital: pl.DataFrame | None) -> Stays:
    """Return the stays from the good rows of patient and, where it is there, hospital."""
    rows, again = without_duplicates(patient, "patientunitstayid")
    rows, faulty = _with_times(rows)
    rows, strangers = _one_person(rows)
    whole = _hospital_stays(rows)
    hospitals, twice = without_duplicates(_empty_hospitals() if hospital is None else hospital, "hospitalid")
    made = pl.concat([hospital_events(whole, hospitals), unit_events(rows)])
    outcomes = [Outcome("patient", made, rows.height, pl.concat([again, faulty, strangers]))]
    if hospital is not None:
        outcomes.append(Outcome("hospital", made.clear(), hospitals.height, twice))
    person = numbers_of(whole["uniquepid"]).rename({"id": "uniquepid", "number": "person_id"})
    return Stays(
        places=rows.select("stay_id", "subject_id", "hadm_id", "admitted"),
        persons=whole.join(person, on="uniquepid").select("subject_id", "person_id").sort("subject_id"),
        outcomes=tuple(outcomes),
        remarks=_remarks(rows, whole),
    )


def _empty_hospitals() -> pl.DataFrame:
    text = dict.fromkeys(("numbedscategory", "teachingstatus", "region"), pl.String())
    return pl.DataFrame(schema={"hospitalid": pl.Int64(), **text, "row": pl.Int64(), "line": pl.Int64()})


def _with_times(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Place each unit stay; set aside those that cannot be placed."""
    offsets = ("hospitaladmitoffset", "hospitaldischargeoffset", "unitdischargeoffset")
    clock = pl.col("hospitaladmittime24").str.to_time("%H:%M:%S", strict=False)
    year = pl.col("hospitaldischargeyear")
    reason = pl.coalesce(
        pl.when(clock.is_null()).then(pl.lit("hospitaladmittime24: not a time of day")),
        pl.when(~year.is_between(1900, 2200)).then(pl.lit("hospitaldischargeyear: not a year")),
        *(pl.when(~near(name)).then(pl.lit(FAR.format(name))) for name in offsets),
    )
    judged = rows.with_columns(reason=reason, clock=clock)
    good = judged.filter(pl.col("reason").is_null()).drop("reason").sort("patienthealthsystemstayid", *_EARLIEST)
    hospital = pl.datetime(year, 1, 1).dt.combine(pl.col("clock")).cast(pl.Datetime("us"))
    first = hospital.first().over("patienthealthsystemstayid")  # one instant for all unit stays of a hospital stay
    placed = good.with_columns(
        stay_id=pl.col("patientunitstayid"),
        subject_id=pl.col("patienthealthsystemstayid"),
        hadm_id=pl.col("patienthealthsystemstayid"),
        admittime=first,
        own_admittime=hospital,
    ).with_columns(admitted=pl.col("admittime") - pl.duration(minutes=pl.col("hospitaladmitoffset")))
    return placed.with_columns(outtime=at("unitdischargeoffset"), dischtime=at("hospitaldischargeoffset")), (
        judged.drop_nulls("reason").select("row", "line", "reason")
    )


_EARLIEST = (-pl.col("hospitaladmitoffset"), pl.col("patientunitstayid"))
"""The order of unit stays within a hospital stay."""


def _one_person(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    same = pl.col("uniquepid") == pl.col("uniquepid").first().over("hadm_id")
    reason = pl.lit("uniquepid: another person has this hospital stay").alias("reason")
    return rows.filter(same), rows.filter(~same).select("row", "line", reason)


def _hospital_stays(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the first unit stay's row of each hospital stay, with ``death`` and ``ended`` (how it ended is clear)."""
    died_there = pl.when(pl.col("unitdischargestatus") == "Expired").then(pl.col("outtime"))
    first = rows.with_columns(
        unit_death=died_there.min().over("hadm_id"), unit_death_last=died_there.max().over("hadm_id")
    ).unique("hadm_id", keep="first", maintain_order=True)
    status, in_unit = pl.col("hospitaldischargestatus").fill_null("UNK"), pl.col("unit_death").is_not_null()
    died = (status == "Expired") | ((status == "UNK") & in_unit)
    return first.with_columns(
        death=pl.when(died).then(pl.min_horizontal("dischtime", "unit_death")),
        death_known=pl.when(died).then(pl.max_horizontal("dischtime", "unit_death_last")),
        ended=died | ((status == "Alive") & ~in_unit),
        years=_years(),
    )


def _years() -> pl.Expr:
    age = pl.col("age").str.strip_chars()
    old = age.str.contains(r"^>\s*89$")
    years = pl.when(old).then(OLDEST).otherwise(age.cast(pl.Int64, strict=False))
    return pl.when(years.is_between(0, 120)).then(years)


def _remarks(rows: pl.DataFrame, whole: pl.DataFrame) -> tuple[str, ...]:
    kinds = rows["unitstaytype"].fill_null("UNK").value_counts().sort("unitstaytype")
    los = pl.col("dischtime") - pl.col("admittime")
    unlike = rows.filter((pl.col("own_admittime") != pl.col("admittime")) | (los != los.first().over("hadm_id")))
    said = {
        "hospital stays without an age that can be read: no birth": whole["years"].null_count(),
        f"hospital stays of age > 89, taken for {OLDEST}": whole.filter(pl.col("age").str.starts_with(">")).height,
        "hospital stays whose end is unclear (no status, or alive though dead in the unit): no discharge, no death": (
            whole.filter(~pl.col("ended")).height
        ),
        "unit stays whose times of the hospital stay differ from the first unit stay's, which are kept": unlike.height,
    }
    return (
        "dates are made up: hospital admission on 1 January of the year of discharge; distances within a hospital stay "
        "and times of day are real",
        "a subject is a hospital stay, since the order of a person's hospital stays is not published; "
        "metadata/persons.parquet says which belong to one person: split by person_id",
        f"{whole.height} hospital stays of {whole['uniquepid'].n_unique()} persons in "
        f"{whole['hospitalid'].n_unique()} hospitals (code {HOSPITAL}//<id>)",
        f"all unit stays are kept ({', '.join(f'{kind}: {n}' for kind, n in kinds.iter_rows())}); "
        f"the kind is an event of the stay, {UNIT_STAY_TYPE}//<kind>",
        *(f"{what}: {n}" for what, n in said.items() if n),
    )
