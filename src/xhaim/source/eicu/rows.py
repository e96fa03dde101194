"""Rows of eICU's laboratory, charts, pumps and orders as events."""

from __future__ import annotations

import polars as pl

from xhaim import events as ev
from xhaim.source.as_events import code, events, natural_key
from xhaim.source.eicu.clock import at
from xhaim.source.eicu.words import name, number

LAB_LAG = pl.duration(hours=6)
CULTURE_LAG = pl.duration(days=8)


def lab(rows: pl.DataFrame) -> pl.DataFrame:
    """Return results: a number, or the words where there is none."""
    unit = name(pl.col("labmeasurenamesystem"))
    drawn = at("labresultoffset")
    return events(
        rows,
        code(ev.LAB, name(pl.col("labname")), unit),
        drawn,
        pl.coalesce(at("labresultrevisedoffset"), drawn + LAB_LAG),
        numeric_value=pl.col("labresult"),
        text_value=pl.when(pl.col("labresult").is_null()).then(pl.col("labresulttext")),
        unit=unit,
        source=natural_key("lab", "labid"),
    )


def _charted(rows: pl.DataFrame, table: str, what: pl.Expr, value: str, when: str, entered: str) -> pl.DataFrame:
    """Return charted values of any item, numbers where they are numbers, else words."""
    words, found = pl.col(value), number(pl.col(value))
    in_name = what.str.extract(r"\(([CF])\)$").replace_strict({"C": "°C", "F": "°F"}, default=None)
    unit = pl.coalesce(in_name, pl.when(words.str.contains(r"\d\s*%\s*$")).then(pl.lit("%")))
    keys = {"nursecharting": "nursingchartid", "respiratorycharting": "respchartid"}
    return events(
        rows,
        code(ev.CHART, name(what), unit),
        at(when),
        at(entered),
        numeric_value=found,
        text_value=pl.when(found.is_null()).then(words),
        unit=pl.when(found.is_not_null()).then(unit),
        source=natural_key(table, keys[table]),
    )


def nurse_charting(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what nurses charted, the part of a score beside its name."""
    label, item = pl.col("nursingchartcelltypevallabel"), pl.col("nursingchartcelltypevalname")
    # Heart Rate and Value are both the label's own; Non-Invasive BP Systolic and Temperature (C) say all by themselves
    what = pl.when(item.is_null() | (item == "Value")).then(label).otherwise(item)
    part = item.is_in(["Eyes", "Verbal", "Motor"])
    what = pl.when(part).then(pl.format("{} {}", label, item)).otherwise(what)
    return _charted(rows, "nursecharting", what, "nursingchartvalue", "nursingchartoffset", "nursingchartentryoffset")


def respiratory_charting(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what respiratory therapists charted."""
    what = pl.col("respchartvaluelabel")
    return _charted(rows, "respiratorycharting", what, "respchartvalue", "respchartoffset", "respchartentryoffset")


def intake_output(rows: pl.DataFrame) -> pl.DataFrame:
    """Return volumes in and out, and weights."""
    path = pl.col("cellpath").fill_null("")
    out, into = path.str.contains("|Output (ml)|", literal=True), path.str.contains("|Intake (ml)|", literal=True)
    kind = pl.when(out).then(pl.lit(ev.OUTPUT)).when(into).then(pl.lit(ev.INPUT)).otherwise(pl.lit(ev.CHART))
    weighed = pl.col("celllabel").str.extract(r"\((kg|lb)\)$")
    unit = pl.when(out | into).then(pl.lit("mL")).otherwise(weighed)
    return events(
        rows,
        pl.concat_str(kind, name(pl.col("celllabel")).fill_null("UNK"), unit.fill_null("UNK"), separator="//"),
        at("intakeoutputoffset"),
        at("intakeoutputentryoffset"),
        numeric_value=pl.col("cellvaluenumeric"),
        unit=unit,
        source=natural_key("intakeoutput", "intakeoutputid"),
    )


def infusions(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rates of pumps, in the unit that stands behind the drug."""
    unit = pl.col("drugname").str.extract(r"\(([^()]+)\)\s*$").str.strip_chars()
    drug = pl.col("drugname").str.replace(r"\s*\([^()]*\)\s*$", "")
    rate = number(pl.col("drugrate"))
    return events(
        rows,
        code(ev.INPUT, name(drug), name(unit)),
        at("infusionoffset"),
        at("infusionoffset"),
        numeric_value=rate,
        text_value=pl.when(rate.is_null()).then(pl.col("drugrate")),
        unit=unit,
        source=natural_key("infusiondrug", "infusiondrugid"),
    )


def orders(rows: pl.DataFrame) -> pl.DataFrame:
    """Return orders of drugs, by name, or by the number of their kind."""
    drug = pl.coalesce(pl.col("drugname"), pl.format("HICL {}", "drughiclseqno"))
    start = at("drugstartoffset")
    how = pl.concat_str("dosage", "routeadmin", "frequency", separator=" ", ignore_nulls=True)
    return events(
        rows,
        code(ev.PRESCRIPTION, name(drug)),
        start,
        at("drugorderoffset"),
        text_value=pl.when(how != "").then(how),
        source=natural_key("medication", "medicationid"),
    )


def cultures(rows: pl.DataFrame) -> pl.DataFrame:
    """Return organisms and what they are sensitive to."""
    taken = at("culturetakenoffset")
    drug = pl.concat_str("antibiotic", "sensitivitylevel", separator=": ", ignore_nulls=True)
    drug = pl.when(drug != "").then(drug)
    return events(
        rows,
        code(ev.MICROBIOLOGY, name(pl.col("culturesite")), name(pl.col("organism"))),
        taken,
        taken + CULTURE_LAG,
        text_value=pl.concat_str("culturesite", "organism", drug, separator="; ", ignore_nulls=True),
        source=natural_key("microlab", "microlabid"),
    )
