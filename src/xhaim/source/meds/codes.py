"""Codes of the common MEDS converters in the store's spelling, and when facts without a ``known_at`` are known.

Only what means the same is spelled anew; every other code stays as it is. The table rests on the published sources of
MIMIC_IV_MEDS (0.1 and 0.2: ``KIND//…``), of meds_etl's MIMIC-IV converter (``MIMIC_IV_…/…``) and of the OMOP
converters (``Gender/F``, ``Visit/IP``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from xhaim import events as ev
from xhaim.signals import catalogue, signal_of_code

DISCHARGE_NOTE = f"{ev.NOTE}//discharge"
MIMIC: tuple[tuple[str, str], ...] = (
    (r"LAB//RESULT//(\d+)//(.*)", r"LAB//\1//\2"),
    (r"LAB//(2[23]\d{4})//(.*)", r"CHART//\1//\2"),  # MIMIC-IV's item ids from 220000 on are of the bedside chart
    (r"SUBJECT_FLUID_OUTPUT//(\d+)//(.*)", r"OUTPUT//\1//\2"),
    (r"MIMIC_IV_LABITEM/(\d+)", r"LAB//\1"),
    (r"MIMIC_IV_Admission/(.+)", r"HOSPITAL_ADMISSION//\1"),
    (r"MIMIC_IV_Discharge_Location/(.+)", r"HOSPITAL_DISCHARGE//\1"),
    (r"MIMIC_IV_Gender/(.+)", r"GENDER//\1"),
    (r"MIMIC_IV_Race/(.+)", r"RACE//\1"),
    (r"MIMIC_IV_Insurance/(.+)", r"INSURANCE//\1"),
    (r"MIMIC_IV_Language/(.+)", r"LANGUAGE//\1"),
    (r"MIMIC_IV_Marital_Status/(.+)", r"MARITAL_STATUS//\1"),
)
"""Spelled so in datasets whose name says MIMIC-IV only: elsewhere ``LAB//220045`` may be another hospital's own."""
ANYWHERE: tuple[tuple[str, str], ...] = (
    (r"SNOMED/3950001", ev.BIRTH),  # MEDS before 0.3
    (r"SNOMED/419620001", ev.DEATH),
    (r"Gender/([FM])", r"GENDER//\1"),
    (r"Race/1", "RACE//AMERICAN INDIAN OR ALASKA NATIVE"),  # OMOP's vocabulary Race
    (r"Race/2", "RACE//ASIAN"),
    (r"Race/3", "RACE//BLACK OR AFRICAN AMERICAN"),
    (r"Race/4", "RACE//NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER"),
    (r"Race/5", "RACE//WHITE"),
    (r"Visit/(IP|ERIP)", r"HOSPITAL_ADMISSION//\1"),
    (rf"{ev.NOTE}//(?i:\s*discharge).*", DISCHARGE_NOTE),  # "discharge-summary", "Discharge summary": how it ended
)
BILLED = re.compile(
    r"(DIAGNOSIS//ICD|PROCEDURE//ICD|DRG|HCPCS)//.*|(ICD(9|10)(CM|Proc|PCS)|HCPCS|APR|HCFA)/.*", re.DOTALL
)
"""Codes that coders assign after discharge, which converters date at discharge or at the admission's days."""
LAGS: tuple[tuple[re.Pattern[str], int], ...] = (
    (BILLED, 30 * 24),
    (re.compile(rf"({ev.NOTE}|{ev.IMAGE_LABEL})(//.*)?", re.DOTALL), 24),
    (re.compile(rf"{ev.MICROBIOLOGY}(//.*)?", re.DOTALL), 8 * 24),
    (re.compile(rf"({ev.LAB}|LOINC)/.*", re.DOTALL), 6),
)
"""Hours from the event until it is taken to be known, by its code; the first that fits, else none."""
_UNIT = re.compile(rf"({ev.LAB}|{ev.CHART}|{ev.OUTPUT})//\d+//(.+)", re.DOTALL)
_MIMIC_ITEM = "MIMIC_IV_ITEM/"

CLOCK: Mapping[str, str] = {
    "given": "known_at as the dataset gives it; where it is before the time, the time; where it is null, the guess of "
    "datasets without it",
    "none": "known_at is not given: guessed late from the event's time: laboratory results (LAB, LOINC but for vital "
    "signs) 6 h later, notes and labels of images 24 h, cultures 8 days, billing codes (ICD, DRG, HCPCS) 30 days, all "
    "else at once; what is exactly at midnight is taken for a date, so for the end of that day",
}
"""When facts are known, in words; goes into ingest.json."""


def translate(codes: pl.DataFrame, dataset: str) -> pl.DataFrame:
    """Return ``code``, ``ours``, ``code_unit`` (null where the code names none) and ``lag`` (hours; for code's kind).

    ``codes``: ``code``, each once; ``dataset``: its name in dataset.json.
    """
    mimic = re.search(r"mimic.?iv", dataset, re.IGNORECASE) is not None
    table = [(re.compile(pattern, re.DOTALL), ours) for pattern, ours in (*(MIMIC if mimic else ()), *ANYWHERE)]
    rows = []
    for code in codes["code"]:
        ours = _spelled(code, table, mimic)
        unit = _UNIT.fullmatch(ours) if mimic else None
        rows.append((code, ours, unit[2] if unit and unit[2] != "UNK" else None, _lag(code, ours)))
    schema = {"code": pl.String(), "ours": pl.String(), "code_unit": pl.String(), "lag": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _spelled(code: str, table: list[tuple[re.Pattern[str], str]], mimic: bool) -> str:
    if mimic and code.startswith(_MIMIC_ITEM):
        # this spelling does not say of which table an item is; the catalogue does, for the items that it knows
        item = code.removeprefix(_MIMIC_ITEM)
        return next((ours for ours in signal_of_code() if ours.split("//")[1:] == [item]), code)
    for pattern, ours in table:
        found = pattern.fullmatch(code)
        if found:
            return found.expand(ours)
    return code


def _lag(code: str, ours: str) -> int:
    """Return the hours of LAGS. A vital sign named by LOINC is seen when it is taken."""
    signal = signal_of_code().get("//".join(re.split("/+", ours)[:2]))
    if signal and catalogue()[signal].group == "vital":
        return 0
    return next((hours for pattern, hours in LAGS if pattern.fullmatch(code) or pattern.fullmatch(ours)), 0)


def known_at(time: pl.Expr, lag: pl.Expr) -> pl.Expr:
    """Return when a fact without a ``known_at`` is taken to be known: never before ``time``, late in doubt."""
    midnight = time == time.dt.truncate("1d")
    return time + pl.duration(hours=lag + pl.when(midnight).then(24).otherwise(0))
