"""What the codes mean, from MIMIC-IV's dictionaries of laboratory tests, bedside items and diagnoses."""

from __future__ import annotations

import polars as pl

from xhaim import events as ev
from xhaim.source.account import Outcome
from xhaim.source.as_events import code
from xhaim.source.csv_tables.checked import Columns
from xhaim.source.keys import without_duplicates

DICTIONARIES: dict[str, Columns] = {
    "d_labitems": {"itemid": "int!", "label": "text", "fluid": "text", "category": "text"},
    "d_items": {"itemid": "int!", "label": "text", "linksto": "text"},
    "d_icd_diagnoses": {"icd_code": "text!", "icd_version": "int!", "long_title": "text"},
}
_KINDS = {"chartevents": ev.CHART, "procedureevents": ev.PROCEDURE, "inputevents": ev.INPUT, "outputevents": ev.OUTPUT}


def code_key(codes: pl.Expr) -> pl.Expr:
    """Return the part of a code that a dictionary knows: a diagnosis as it is, of others the kind and the item."""
    item = codes.str.extract(r"^([A-Z_]+//[^/]+)")
    return pl.when(codes.str.starts_with(f"{ev.DIAGNOSIS}//")).then(codes).otherwise(item)


def descriptions(name: str, rows: pl.DataFrame) -> tuple[Outcome, pl.DataFrame]:
    """Return the account of one dictionary, and ``key`` and ``description`` of what it knows."""
    key = (
        code(f"{ev.DIAGNOSIS}//ICD", pl.col("icd_version"), pl.col("icd_code"))
        if name == "d_icd_diagnoses"
        else pl.col("itemid").cast(pl.String)
    )
    kept, bad = without_duplicates(rows.with_columns(key=key), "key")
    outcome = Outcome(name, pl.DataFrame(schema=ev.EVENT_SCHEMA), kept.height, bad)
    if name == "d_labitems":
        where = pl.concat_str("fluid", "category", separator=", ", ignore_nulls=True)
        label = pl.format("{} ({})", "label", where)
        return outcome, kept.select(key=code(ev.LAB, pl.col("key")), description=label)
    if name == "d_items":
        kind = pl.col("linksto").replace_strict(_KINDS, default=None)
        return outcome, kept.select(key=pl.concat_str(kind, "key", separator="//"), description="label").drop_nulls(
            "key"
        )
    return outcome, kept.select("key", description="long_title")
