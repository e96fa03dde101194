"""Which notes are the report of the index study, or may be: by study id, by time and exam, by their words.

Two readers need that. The guard withholds what is found among the notes known before t, and looks at nothing else, so
that no later text decides what is seen. The listing (``index_reports``) looks at later notes too, and counts where
the words of a report that was read after t already stand in what was known before: an error of some clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from xhaim.cohort.exams import chest_film, clearly_other, is_radiology, may_be_chest_film
from xhaim.cohort.indication import reading
from xhaim.events import NOTE, code_is

NEAR = timedelta(minutes=10)
"""A chest film's report without a study id, this near to the prediction time, is the index report; any other may be."""
BEFORE, AFTER = timedelta(hours=2), timedelta(hours=24)
"""And within these it may be: clocks of scanner and report differ, and some dictate a day later."""
GRAM = 5
LEAST_GRAMS = 10
"""Fewer word 5-grams of its own do not tell a report from a template."""
ALIKE, SAME = 0.5, 0.9
"""Share of the index report's own 5-grams from which a note repeats it, and from which it is the same text."""

INDEX_REPORT_SCHEMA = {
    "sample_id": pl.String(),
    "source": pl.String(),
    "title": pl.String(),
    "time": pl.Datetime("us"),
    "known_before": pl.Boolean(),  # known before the prediction time: only then could it have been seen
    "how": pl.String(),  # study id; time and exam; text; overlap (words of a later index report, not withheld)
    "score": pl.Float64(),  # of time and exam: 1 at the prediction time, 0 at the window's edge; of text: the share
    "doubtful": pl.Boolean(),
}
_FOUND = {"row": pl.UInt32(), "how": pl.String(), "score": pl.Float64(), "doubtful": pl.Boolean()}
_WORD = re.compile(r"[a-z0-9]+")
_Gram = tuple[str, ...]


def may_be_index_report() -> pl.Expr:
    """Say which events, beside their sample's columns, are looked at: of the index study, or near it in time."""
    unlinked = pl.col("study_id").is_null() & _away().is_between(-BEFORE, AFTER)
    timed = is_radiology() & (unlinked | (_away().abs() <= NEAR)).fill_null(value=False)
    return pl.col("index_study_id").is_not_null() & (_of_study() | timed)


def find(notes: pl.DataFrame) -> pl.DataFrame:
    """Return row, how, score (0 to 1), doubtful of the notes that are, or may be, their sample's index report.

    ``notes``: events beside their sample's columns, with ``row``. By study id: any note, certain. By time and exam:
    within NEAR any radiology report but of clearly another exam, certain where it is a chest film's without a study
    id; and, doubtful, what may be a chest film's without a study id within BEFORE and AFTER. By text: a note that
    repeats, of the certain reports among ``notes``, what no earlier report had said (ALIKE; doubtful below SAME).
    Text copied forward from earlier reports, templates and the sections before the reading do not count.
    """
    wanted = notes.filter(code_is(NOTE) & pl.col("index_study_id").is_not_null())
    placed = _by_id_and_time(wanted)
    return pl.concat([placed, _by_text(wanted, placed)]).sort("row")


def index_reports(events: pl.LazyFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Return INDEX_REPORT_SCHEMA: for each sample with an index study, every note that is or may be its report.

    Ordered by sample_id, time, source. ``overlap``: known before t, not withheld, and yet it holds the words of an
    index report that was known later.
    """
    keys = samples.select("sample_id", "subject_id", "prediction_time", "index_study_id").drop_nulls("index_study_id")
    before = pl.max_horizontal("known_at", "time") < pl.col("prediction_time")
    notes = (
        events.filter(code_is(NOTE) & pl.col("text_value").is_not_null() & pl.col("known_at").is_not_null())
        .join(keys.lazy(), on="subject_id", how="inner")
        .with_columns(known_before=before)
        .filter(pl.col("known_before") | may_be_index_report())
        .collect()
        .sort("sample_id", "time", "source", "text_value")
        .with_row_index("row")
    )
    withheld = find(notes.filter("known_before"))
    found = notes.join(find(notes), on="row").join(withheld.select("row", own="how"), on="row", how="left")
    slipped = pl.col("known_before") & pl.col("own").is_null()
    return (
        found.with_columns(
            how=pl.when(slipped).then(pl.lit("overlap")).otherwise("how"), doubtful=pl.col("doubtful") | slipped
        )
        .sort("row")
        .select([pl.col(name).cast(kind) for name, kind in INDEX_REPORT_SCHEMA.items()])
    )


def _away() -> pl.Expr:
    return pl.col("time") - pl.col("prediction_time")


def _of_study() -> pl.Expr:
    same = pl.col("study_id") == pl.col("index_study_id")
    return code_is(NOTE) & same.fill_null(value=False)


def _by_id_and_time(notes: pl.DataFrame) -> pl.DataFrame:
    near = (_away().abs() <= NEAR).fill_null(value=False)
    window = pl.when(_away() < timedelta(0)).then(pl.lit(BEFORE)).otherwise(pl.lit(AFTER))
    unlinked = pl.col("study_id").is_null() & _away().is_between(-BEFORE, AFTER)
    timed = is_radiology() & ((near & ~clearly_other()) | (unlinked & may_be_chest_film()).fill_null(value=False))
    return (
        notes.filter(_of_study() | timed)
        .with_columns(
            how=pl.when(_of_study()).then(pl.lit("study id")).otherwise(pl.lit("time and exam")),
            score=pl.when(_of_study()).then(1.0).otherwise(1.0 - _away().abs() / window),
            doubtful=~_of_study() & ~(near & chest_film() & pl.col("study_id").is_null()),
        )
        .select([pl.col(name).cast(kind) for name, kind in _FOUND.items()])
    )


def _by_text(notes: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """Find notes that repeat the certain reports; only samples that have such a report are read."""
    certain = placed.filter(~pl.col("doubtful"))
    reports = notes.join(certain.select("row"), on="row", how="semi")
    others = notes.join(reports.select("sample_id").unique(), on="sample_id", how="semi").join(
        placed.select("row"), on="row", how="anti"
    )
    own_study = pl.col("study_id").is_not_null() & (pl.col("study_id") != pl.col("index_study_id"))
    others = others.with_columns(earlier=is_radiology() & (own_study | (_away() < -BEFORE)))
    texts = {key[0]: part for key, part in others.partition_by("sample_id", as_dict=True).items()}
    rows: list[tuple[int, str, float, bool]] = []
    for (sample_id,), mine in reports.partition_by("sample_id", as_dict=True).items():
        if sample_id in texts:
            rows += _repeating(mine["text_value"].to_list(), texts[sample_id])
    return pl.DataFrame(rows, schema=_FOUND, orient="row")


def _repeating(reports: list[str], others: pl.DataFrame) -> Iterator[tuple[int, str, float, bool]]:
    own = {gram for text in reports for gram in _grams(reading(text or ""))}
    for text in others.filter("earlier")["text_value"]:
        own.difference_update(_grams(text))
    if len(own) < LEAST_GRAMS:
        return
    for row, text in others.filter(~pl.col("earlier")).select("row", "text_value").iter_rows():
        share = len(own.intersection(_grams(text))) / len(own)
        if share >= ALIKE:
            yield row, "text", share, share < SAME


def _grams(text: str | None) -> Iterator[_Gram]:
    words = _WORD.findall((text or "").lower())
    return zip(*(words[start:] for start in range(GRAM)), strict=False)
