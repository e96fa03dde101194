"""eICU's structured writing as documents: what was entered in one stay, in one table, at one time, a line each."""

from __future__ import annotations

import polars as pl

from xhaim import events as ev
from xhaim.source.as_events import code, events, natural_key
from xhaim.source.eicu.clock import at
from xhaim.source.eicu.words import name, number
from xhaim.source.eicu.writings import Writing

LINE_SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys(("subject_id", "hadm_id", "stay_id"), pl.Int64()),
    **dict.fromkeys(("time", "known_at"), pl.Datetime("us")),
    "entered": pl.Int64(),
    "title": pl.String(),
    "id": pl.Int64(),
    "line": pl.String(),
}
"""A line of a document that is not yet put together; ``entered`` is the offset by which lines are gathered."""


UNUSED = "steers the software, or says nothing"


def lines(writing: Writing, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a line (``LINE_SCHEMA``) for each row that says something; rows come from ``eicu_stays.placed``."""
    said = list(writing.words)
    choices = rows.select(said).unique()
    made = [writing.line(*row) for row in choices.iter_rows()]
    told = choices.with_columns(line=pl.Series(made, dtype=pl.String())).drop_nulls("line")
    title = writing.title if isinstance(writing.title, pl.Expr) else pl.lit(writing.title)
    return (
        rows.drop("line")
        .join(told, on=said, how="inner", nulls_equal=True)
        .with_columns(
            time=at(writing.offset), known_at=at(writing.entered), entered=writing.entered, title=title, id=writing.key
        )
        .select(pl.col(column).cast(dtype) for column, dtype in LINE_SCHEMA.items())
    )


def documents(table: str, writing: Writing, made: pl.DataFrame) -> pl.DataFrame:
    """Return a document for each stay, time of entry and title; a line that was entered twice stands once."""
    keys = ["subject_id", "hadm_id", "stay_id", "entered", "title"]
    whole = (
        made.sort(*keys, "id", "line", "time")
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("time").max(),  # the latest of what it speaks of: never known before it happened
            pl.col("known_at").max(),
            text=pl.col("line").unique(maintain_order=True).str.join("\n"),
        )
    )
    several = ["kind"] if isinstance(writing.title, pl.Expr) else []
    whole = whole.with_columns(kind=pl.col("title").str.replace_all(r"\W+", "-"))
    return events(
        whole,
        pl.lit(f"{ev.NOTE}//{writing.kind}"),
        pl.col("time"),
        pl.col("known_at"),
        text_value=pl.col("text"),
        title=pl.col("title"),
        source=natural_key(table, "stay_id", "entered", *several),
    )


# ---- numbers in an examination ------------------------------------------------------------------------------------

EXAM_NUMBERS = {
    "HR Current": "bpm",
    "BP (systolic) Current": "mmHg",
    "BP (diastolic) Current": "mmHg",
    "Resp Current": "insp/min",
    "O2 Sat% Current": "%",
    "FiO2%": "%",
    "PEEP": None,
    "CVP": None,
    "Motor Score": None,
    "Eyes Score": None,
    "Verbal Score": None,
}
"""Values of the moment, beside the document; the highest and lowest of a day have no time of their own."""


def exam_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers of an examination as charted values: ``CHART//HR Current//bpm``."""
    value, score = pl.col("physicalexamvalue"), pl.col("physicalexampath").str.extract(r"/GCS/(\w+ Score)/[^/]*$")
    found = rows.with_columns(what=pl.coalesce(score, value), number=number(pl.col("physicalexamtext")))
    kept = found.filter(pl.col("what").is_in(list(EXAM_NUMBERS)) & pl.col("number").is_not_null())
    unit = pl.col("what").replace_strict(EXAM_NUMBERS, default=None, return_dtype=pl.String)
    return events(
        kept,
        code(ev.CHART, name(pl.col("what")), unit),
        at("physicalexamoffset"),
        at("physicalexamoffset"),
        numeric_value=pl.col("number"),
        unit=unit,
        source=natural_key("physicalexam", "physicalexamid"),
    )
