"""The tables of hosp/ and icu/: which columns are read, when their facts were known, and which events a row becomes.

``time`` is when something happened, ``known_at`` when a clinician could know it: never before ``time``. Where a rule
must guess, it guesses late: a late guess loses a little, an early one leaks.
"""

from __future__ import annotations

import polars as pl

from xhaim import events as ev
from xhaim.source.as_events import Table, code, events, natural_key
from xhaim.source.csv_tables.checked import columns

LAB_LAG = pl.duration(hours=6)
CULTURE_LAG = pl.duration(days=8)
CODING_LAG = pl.duration(days=30)

CLOCK: dict[str, str] = {
    "patients": "sex: static; birth: 1 January of anchor_year - anchor_age; death: see admissions, else dod 23:59:59",
    "admissions": "type, place, race, insurance, language, marital status at admittime (asked for then, without a time "
    "of their own: all but type and place may have been amended until discharge); discharge at the later of dischtime "
    "and deathtime; death at deathtime, else (hospital_expire_flag 1) at dischtime",
    "transfers": "intime",
    "icustays": "admission at intime, discharge at outtime",
    "labevents": "storetime; without one, charttime + 6 h (95 % of the MIMIC-IV demo's results were stored in 4.9 h)",
    "microbiologyevents": "storetime, else the end of storedate, else charttime + 8 days (95 % of the demo's: 7.4)",
    "diagnoses_icd": "dischtime + 30 days: billing codes are assigned after discharge",
    "prescriptions": "starttime",
    "emar": "storetime, else charttime",
    "chartevents": "storetime, else charttime: bedside values are seen when they are taken",
    "outputevents": "storetime, else charttime",
    "procedureevents": "the later of endtime and storetime: the value is a duration, known at its end",
    "inputevents": "the later of endtime and storetime: the value is an amount, known at its end",
}
"""When facts are known, in words; goes into ingest.json."""


_STORED = pl.coalesce("storetime", "charttime")
_HAS_VALUE = pl.col("valuenum").is_not_null() | pl.col("value").is_not_null()
_WORDS = pl.when(pl.col("valuenum").is_null()).then(pl.col("value"))
_ICU = "subject_id int!  hadm_id int  stay_id int"


def _labevents(rows: pl.DataFrame) -> pl.DataFrame:
    value = pl.when(pl.col("value") != "___").then(pl.col("value"))  # removed by de-identification
    return events(
        rows,
        code(ev.LAB, pl.col("itemid"), pl.col("valueuom")),
        pl.col("charttime"),
        pl.coalesce(pl.col("storetime"), pl.col("charttime") + LAB_LAG),
        numeric_value=pl.col("valuenum"),
        text_value=pl.when(pl.col("valuenum").is_null()).then(pl.coalesce(value, "comments", "value")),
        unit=pl.col("valueuom"),
        source=natural_key("hosp/labevents", "labevent_id"),
    )


def _chartevents(rows: pl.DataFrame) -> pl.DataFrame:
    return events(
        rows,
        code(ev.CHART, pl.col("itemid"), pl.col("valueuom")),
        pl.col("charttime"),
        _STORED,
        numeric_value=pl.col("valuenum"),
        text_value=_WORDS,
        unit=pl.col("valueuom"),
        source=pl.lit("icu/chartevents"),
    )


def _outputevents(rows: pl.DataFrame) -> pl.DataFrame:
    return events(
        rows,
        code(ev.OUTPUT, pl.col("itemid"), pl.col("valueuom")),
        pl.col("charttime"),
        _STORED,
        numeric_value=pl.col("value"),
        unit=pl.col("valueuom"),
        source=pl.lit("icu/outputevents"),
    )


def _procedureevents(rows: pl.DataFrame) -> pl.DataFrame:
    return events(
        rows,
        code(ev.PROCEDURE, pl.col("itemid")),
        pl.col("starttime"),
        pl.max_horizontal("endtime", "storetime"),
        numeric_value=pl.col("value"),
        unit=pl.col("valueuom"),
        source=natural_key("icu/procedureevents", "orderid"),
    )


def _inputevents(rows: pl.DataFrame) -> pl.DataFrame:
    return events(
        rows,
        code(ev.INPUT, pl.col("itemid"), pl.col("amountuom")),
        pl.col("starttime"),
        pl.max_horizontal("endtime", "storetime"),
        numeric_value=pl.col("amount"),
        unit=pl.col("amountuom"),
        source=natural_key("icu/inputevents", "orderid"),
    )


def _transfers(rows: pl.DataFrame) -> pl.DataFrame:
    source, entered = natural_key("hosp/transfers", "transfer_id"), pl.col("intime")
    return events(rows, code(ev.TRANSFER, pl.col("careunit")), entered, entered, source=source)


def _microbiology(rows: pl.DataFrame) -> pl.DataFrame:
    time = pl.coalesce("charttime", "chartdate")
    day_end = pl.col("storedate").dt.truncate("1d") + pl.duration(days=1)
    sensitivity = pl.concat_str("ab_name", "interpretation", separator=": ")
    said = ("spec_type_desc", "test_name", "org_name")
    return events(
        rows,
        code(ev.MICROBIOLOGY, pl.col("test_itemid"), pl.col("org_itemid")),
        time,
        pl.coalesce(pl.col("storetime"), day_end, time + CULTURE_LAG),
        text_value=pl.concat_str(*said, sensitivity, "comments", separator="; ", ignore_nulls=True),
        source=natural_key("hosp/microbiologyevents", "microevent_id"),
    )


def _prescriptions(rows: pl.DataFrame) -> pl.DataFrame:
    return events(
        rows,
        code(ev.PRESCRIPTION, pl.col("drug")),
        pl.col("starttime"),
        pl.col("starttime"),
        text_value=pl.concat_str("dose_val_rx", "dose_unit_rx", "route", separator=" ", ignore_nulls=True),
        source=natural_key("hosp/prescriptions", "pharmacy_id"),
    )


def _emar(rows: pl.DataFrame) -> pl.DataFrame:
    return events(
        rows,
        code(ev.MEDICATION, pl.col("medication"), pl.col("event_txt")),
        pl.col("charttime"),
        _STORED,
        source=natural_key("hosp/emar", "emar_id"),
    )


def _diagnoses(rows: pl.DataFrame) -> pl.DataFrame:
    """Need ``dischtime``, joined from admissions."""
    return events(
        rows,
        code(f"{ev.DIAGNOSIS}//ICD", pl.col("icd_version"), pl.col("icd_code")),
        pl.col("dischtime"),
        pl.col("dischtime") + CODING_LAG,
        source=natural_key("hosp/diagnoses_icd", "hadm_id", "seq_num"),
    )


_CHARTED = "itemid int!  charttime time!  storetime time  valueuom text"
_RAN = "itemid int!  starttime time!  endtime time!  storetime time  statusdescription text?  orderid int?"
_NOT_REWRITTEN = pl.col("statusdescription").ne_missing("Rewritten")
_REWRITTEN = "rewritten: replaced by another row"

STREAMED: dict[str, Table] = {
    "transfers": Table(
        columns("subject_id int!  hadm_id int  transfer_id int!  eventtype text  careunit text  intime time!"),
        _transfers,
        pl.col("careunit").is_not_null(),  # at a discharge there is none
        "discharges: they are in admissions",
    ),
    "labevents": Table(
        columns(
            f"labevent_id int!  subject_id int!  hadm_id int  {_CHARTED}  value text  valuenum number  comments text?"
        ),
        _labevents,
        _HAS_VALUE | pl.col("comments").is_not_null(),
        "no value",
    ),
    "microbiologyevents": Table(
        columns(
            "microevent_id int!  subject_id int!  hadm_id int  chartdate time!  charttime time  storedate time? "
            "storetime time?  test_itemid int  test_name text  org_itemid int  org_name text  spec_type_desc text "
            "ab_name text  interpretation text  comments text"
        ),
        _microbiology,
    ),
    "diagnoses_icd": Table(
        columns("subject_id int!  hadm_id int!  seq_num int  icd_code text!  icd_version int!"), _diagnoses
    ),
    "prescriptions": Table(
        columns(
            "subject_id int!  hadm_id int  pharmacy_id int  starttime time!  drug text!  dose_val_rx text "
            "dose_unit_rx text  route text"
        ),
        _prescriptions,
    ),
    "emar": Table(
        columns(
            "subject_id int!  hadm_id int  emar_id text!  charttime time!  medication text  event_txt text "
            "storetime time"
        ),
        _emar,
    ),
    "chartevents": Table(
        columns(f"{_ICU}  {_CHARTED}  value text  valuenum number"), _chartevents, _HAS_VALUE, "no value"
    ),
    "procedureevents": Table(
        columns(f"{_ICU}  {_RAN}  value number  valueuom text"), _procedureevents, _NOT_REWRITTEN, _REWRITTEN
    ),
    "inputevents": Table(
        columns(f"{_ICU}  {_RAN}  amount number  amountuom text"), _inputevents, _NOT_REWRITTEN, _REWRITTEN
    ),
    "outputevents": Table(
        columns(f"{_ICU}  {_CHARTED}  value number"), _outputevents, pl.col("value").is_not_null(), "no value"
    ),
}
"""Tables of which any row can be turned into events by itself."""
