"""Notes: discharge summaries, radiology reports with their exams, addenda and chest studies, ECG machine readings.

And what MIMIC-IV does not publish and a user may put beside it: ``echo_notes.csv`` and ``ecg_notes.csv``.
"""

from __future__ import annotations

import polars as pl

from xhaim import events as ev
from xhaim.source.account import Outcome
from xhaim.source.as_events import Table, events, natural_key
from xhaim.source.csv_tables.checked import columns
from xhaim.source.keys import without_duplicates

REPORT_LAG = pl.duration(hours=24)
CLOCK_DRIFT = pl.duration(hours=1)
LINK_WINDOW = pl.duration(minutes=10)
"""A chest exam's report belongs to the study of its subject at most this far away in time."""

CLOCK = {
    "radiology": "storetime, else charttime + 24 h",
    "discharge": "storetime, else the end of charttime's day (charttime is the discharge date at 00:00)",
    "machine_measurements": "ecg_time + 1 h: the machine prints its reading at once, but its clock is not set by the "
    "hospital's, and may be behind it",
    "echo_notes": "storetime, else charttime + 24 h",
    "ecg_notes": "storetime, else charttime + 24 h",
}
RADIOLOGY = columns("note_id text!  subject_id int!  hadm_id int  charttime time!  storetime time  text text!")
DISCHARGE = RADIOLOGY
DETAIL = columns("note_id text!  subject_id int!  field_name text!  field_value text  field_ordinal int")
ADDED = columns("note_id text!  subject_id int!  hadm_id int?  charttime time!  storetime time?  text text!")
ADDED_NOTES = {"echo_notes": ("echo", "Echocardiogram"), "ecg_notes": ("ecg", "ECG report")}
"""A user's own tables of notes: the kind of note, and its title."""
_FILM = r"(?i)(?:^|[^a-z])(?:CHEST|CXR|THORAX)(?:[^a-z]|$)"
_OTHER = r"(?i)\b(?:CT|CTA|MR|MRI|US|ULTRASOUND|TOMOGRAPHY|PET)\b"
"""A chest exam is a film where nothing says that it is another modality: as the guard tells the index report."""
_LINES = tuple(f"report_{line}" for line in range(18))


def _ecg(rows: pl.DataFrame) -> pl.DataFrame:
    return events(
        rows,
        pl.lit(f"{ev.NOTE}//ecg"),
        pl.col("ecg_time"),
        pl.col("ecg_time") + CLOCK_DRIFT,
        text_value=pl.concat_str(_LINES, separator="\n", ignore_nulls=True),
        title=pl.lit("ECG: machine reading"),
        source=natural_key("ecg/machine_measurements", "study_id"),
    )


ECG = Table(
    {**columns("subject_id int!  study_id int!  ecg_time time!"), **dict.fromkeys(_LINES, "text?")},
    _ecg,
    pl.any_horizontal(pl.col(line).is_not_null() for line in _LINES),
    "no words",
)


def discharge_events(notes: pl.DataFrame) -> Outcome:
    """Return discharge summaries as documents."""
    rows, bad = without_duplicates(notes, "note_id")
    day_end = pl.col("charttime").dt.truncate("1d") + pl.duration(days=1)
    made = events(
        rows,
        pl.lit(f"{ev.NOTE}//discharge"),
        pl.col("charttime"),
        pl.coalesce(pl.col("storetime"), day_end),
        text_value=pl.col("text"),
        title=pl.lit("Discharge summary"),
        source=natural_key("note/discharge", "note_id"),
    )
    return Outcome("discharge", made, rows.height, bad)


def added_events(table: str, notes: pl.DataFrame) -> Outcome:
    """Return the notes of one of ADDED_NOTES as documents: a report is known when it is stored, not when one looks."""
    kind, title = ADDED_NOTES[table]
    rows, bad = without_duplicates(notes, "note_id")
    made = events(
        rows,
        pl.lit(f"{ev.NOTE}//{kind}"),
        pl.col("charttime"),
        pl.coalesce(pl.col("storetime"), pl.col("charttime") + REPORT_LAG),
        text_value=pl.col("text"),
        title=pl.lit(title),
        source=natural_key(f"note/{table}", "note_id"),
    )
    return Outcome(table, made, rows.height, bad)


def radiology_events(
    notes: pl.DataFrame, details: pl.DataFrame, studies: pl.DataFrame
) -> tuple[Outcome, Outcome, pl.DataFrame]:
    """Return radiology reports as documents, the details' account, and the studies that have a report.

    ``studies`` has ``subject_id``, ``study_id``, ``study_time``; what comes back has ``study_id``, ``known_at``, the
    latest of its reports and their addenda, and ``whole``: a report is there, not an addendum alone. An addendum takes
    the exam and the study of its parent.
    """
    rows, bad = without_duplicates(notes, "note_id")
    rows = rows.with_columns(known_at=pl.coalesce(pl.col("storetime"), pl.col("charttime") + REPORT_LAG))
    rows = rows.join(_exams(details), on="note_id", how="left")
    rows = rows.join(_studies_of(rows, studies), on="note_id", how="left")
    parents = _parents(details).join(
        rows.select(parent="note_id", parent_exam="exam", parent_study="study_id"), on="parent", how="left"
    )
    rows = rows.join(parents, on="note_id", how="left").with_columns(
        exam=pl.coalesce("exam", "parent_exam"), study_id=pl.coalesce("parent_study", "study_id")
    )
    kind = pl.when(pl.col("parent").is_null()).then(pl.lit("Radiology")).otherwise(pl.lit("Radiology addendum"))
    made = events(
        rows,
        pl.lit(f"{ev.NOTE}//radiology"),
        pl.col("charttime"),
        pl.col("known_at"),
        text_value=pl.col("text"),
        study_id=pl.col("study_id"),
        title=pl.concat_str(kind, "exam", separator=": ", ignore_nulls=True),
        source=natural_key("note/radiology", "note_id"),
    )
    used = details.filter(pl.col("field_name").is_in(["exam_name", "parent_note_id", "addendum_note_id"])).height
    account = Outcome("radiology_detail", made.clear(), used, unused={"other fields": details.height - used})
    linked = rows.drop_nulls("study_id").with_columns(known_at=pl.max_horizontal("known_at", "charttime"))
    reported = linked.group_by("study_id").agg(pl.col("known_at").max(), whole=pl.col("parent").is_null().any())
    return Outcome("radiology", made, rows.height, bad), account, reported.sort("study_id")


def _exams(details: pl.DataFrame) -> pl.DataFrame:
    """Return ``note_id`` and ``exam``: its exam names in their order."""
    named = details.filter(pl.col("field_name") == "exam_name").drop_nulls("field_value")
    ordered = named.sort("note_id", "field_ordinal", "field_value")
    return ordered.group_by("note_id", maintain_order=True).agg(
        exam=pl.col("field_value").unique(maintain_order=True).str.join("; ")
    )


def _parents(details: pl.DataFrame) -> pl.DataFrame:
    """Return ``note_id`` of each addendum and its ``parent``, written down on either side."""
    field, value = pl.col("field_name"), pl.col("field_value")
    child = details.filter(field == "parent_note_id").select("note_id", parent=value)
    parent = details.filter(field == "addendum_note_id").select(note_id=value, parent=pl.col("note_id"))
    both = pl.concat([child, parent]).drop_nulls().sort("note_id", "parent")
    return both.unique("note_id", keep="first", maintain_order=True)


def _studies_of(notes: pl.DataFrame, studies: pl.DataFrame) -> pl.DataFrame:
    """Return ``note_id`` and ``study_id`` of reports of chest films: the nearest study within the window.

    A report of several exams is a film's where one of them is. Without an exam name the report's first 300 characters
    say what was examined.
    """
    exams = pl.coalesce(pl.col("exam").str.split("; "), pl.concat_list(pl.col("text").str.slice(0, 300)))
    film = pl.element().str.contains(_FILM) & ~pl.element().str.contains(_OTHER)
    chest = notes.filter(exams.list.eval(film).list.any())
    away = (pl.col("charttime") - pl.col("study_time")).abs()
    near = chest.select("note_id", "subject_id", "charttime").join(studies, on="subject_id").with_columns(away=away)
    near = near.filter(pl.col("away") <= LINK_WINDOW).sort("note_id", "away", "study_id")
    return near.unique("note_id", keep="first", maintain_order=True).select("note_id", "study_id")
