"""eICU's tables of which every row gives its events by itself: which columns are read, and when facts were known.

``time`` is when something happened, ``known_at`` when a clinician could know it: never before ``time``. Where a rule
must guess, it guesses late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from xhaim import events as ev
from xhaim.source.as_events import code, events, natural_key
from xhaim.source.csv_tables.checked import Columns, columns
from xhaim.source.eicu import rows as eicu_rows
from xhaim.source.eicu.clock import at


@dataclass(frozen=True, slots=True)
class Rows:
    """How one table is read."""

    columns: Columns
    offsets: tuple[str, ...]
    """Its columns in minutes from unit admission."""
    events: Callable[[pl.DataFrame], pl.DataFrame]
    """Used rows to events."""
    used: pl.Expr
    """Which good rows become events."""
    unused: str
    """Why the others do not."""
    clock: str
    """When its facts are known, in words."""


PERIODIC: dict[str, str | None] = {
    "temperature": "°C",
    "sao2": "%",
    "heartrate": "bpm",
    "respiration": "insp/min",
    **dict.fromkeys(("cvp", "etco2", "icp", "pasystolic", "padiastolic", "pamean"), "mmHg"),
    **dict.fromkeys(("systemicsystolic", "systemicdiastolic", "systemicmean"), "mmHg"),
    **dict.fromkeys(("st1", "st2", "st3"), "mm"),
}
"""Column -> unit."""
APERIODIC: dict[str, str | None] = {
    **dict.fromkeys(("noninvasivesystolic", "noninvasivediastolic", "noninvasivemean", "paop"), "mmHg"),
    **dict.fromkeys(("cardiacoutput", "cardiacinput", "svr", "svri", "pvr", "pvri"), None),
}
MEDIAN_OF = 5
"""Minutes that a value of vitalperiodic is the median of; which minutes is not said."""


def _vitals(table: str, units: dict[str, str | None], lag: int, clock: str) -> Rows:
    """Return how a table is read that has a column for each sign."""
    when, key = at("observationoffset"), f"{table}id"

    def wide(rows: pl.DataFrame) -> pl.DataFrame:
        return pl.concat(
            events(
                rows.drop_nulls(sign),
                code(f"{ev.CHART}//{sign}", pl.lit(unit, pl.String())),
                when,
                when + pl.duration(minutes=lag),
                numeric_value=pl.col(sign),
                unit=pl.lit(unit, pl.String()),
                source=natural_key(table, key),
            )
            for sign, unit in units.items()
        )

    asked = columns(f"{key} int!  patientunitstayid int!  observationoffset int!")
    some = pl.any_horizontal(pl.col(sign).is_not_null() for sign in units)
    return Rows({**asked, **dict.fromkeys(units, "number?")}, ("observationoffset",), wide, some, "no value", clock)


STREAMED: dict[str, Rows] = {
    "lab": Rows(
        columns(
            "labid int!  patientunitstayid int!  labresultoffset int!  labname text!  labresult number  "
            "labresulttext text  labmeasurenamesystem text  labresultrevisedoffset int"
        ),
        ("labresultoffset", "labresultrevisedoffset"),
        eicu_rows.lab,
        pl.col("labresult").is_not_null() | pl.col("labresulttext").is_not_null(),
        "no value",
        "labresultrevisedoffset (when the result was entered or revised), else labresultoffset (drawn) + 6 h",
    ),
    "vitalperiodic": _vitals(
        "vitalperiodic", PERIODIC, MEDIAN_OF, "observationoffset + 5 minutes: each value is the median of 5 minutes"
    ),
    "vitalaperiodic": _vitals("vitalaperiodic", APERIODIC, 0, "observationoffset: seen when taken"),
    "nursecharting": Rows(
        columns(
            "nursingchartid int!  patientunitstayid int!  nursingchartoffset int!  nursingchartentryoffset int!  "
            "nursingchartcelltypevallabel text!  nursingchartcelltypevalname text  nursingchartvalue text"
        ),
        ("nursingchartoffset", "nursingchartentryoffset"),
        eicu_rows.nurse_charting,
        pl.col("nursingchartvalue").is_not_null(),
        "no value",
        "nursingchartentryoffset",
    ),
    "respiratorycharting": Rows(
        columns(
            "respchartid int!  patientunitstayid int!  respchartoffset int!  respchartentryoffset int!  "
            "respchartvaluelabel text!  respchartvalue text"
        ),
        ("respchartoffset", "respchartentryoffset"),
        eicu_rows.respiratory_charting,
        pl.col("respchartvalue").is_not_null(),
        "no value",
        "respchartentryoffset",
    ),
    "intakeoutput": Rows(
        columns(
            "intakeoutputid int!  patientunitstayid int!  intakeoutputoffset int!  intakeoutputentryoffset int!  "
            "cellpath text  celllabel text!  cellvaluenumeric number"
        ),
        ("intakeoutputoffset", "intakeoutputentryoffset"),
        eicu_rows.intake_output,
        pl.col("cellvaluenumeric").is_not_null(),
        "no value",
        "intakeoutputentryoffset; the running totals of a row are not read: they need not be of its own time",
    ),
    "infusiondrug": Rows(
        columns("infusiondrugid int!  patientunitstayid int!  infusionoffset int!  drugname text!  drugrate text"),
        ("infusionoffset",),
        eicu_rows.infusions,
        pl.col("drugrate").is_not_null(),
        "no rate",
        "infusionoffset: a rate is charted while it runs; amounts and weights are not read",
    ),
    "medication": Rows(
        columns(
            "medicationid int!  patientunitstayid int!  drugorderoffset int!  drugstartoffset int!  drugname text  "
            "drughiclseqno int  dosage text  routeadmin text  frequency text"
        ),
        ("drugorderoffset", "drugstartoffset"),
        eicu_rows.orders,
        pl.col("drugname").is_not_null() | pl.col("drughiclseqno").is_not_null(),
        "no drug named",
        "the later of drugorderoffset and drugstartoffset; when it stopped and whether it was cancelled are not read, "
        "as both are later knowledge without a time",
    ),
    "microlab": Rows(
        columns(
            "microlabid int!  patientunitstayid int!  culturetakenoffset int!  culturesite text  organism text  "
            "antibiotic text  sensitivitylevel text"
        ),
        ("culturetakenoffset",),
        eicu_rows.cultures,
        pl.col("organism").is_not_null(),
        "no result",
        "culturetakenoffset + 8 days: when a result came is not published",
    ),
}
