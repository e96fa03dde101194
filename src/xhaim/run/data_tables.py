"""Stage: what the data of a run are, for its report: who is in it, what was set aside, which reports were withheld."""

from __future__ import annotations

import polars as pl

from xhaim.cohort.table1 import table_1
from xhaim.evaluate.data_grids import DataTables
from xhaim.events import NOTE, code_is
from xhaim.modality.documents import MAX_CHARACTERS, too_long
from xhaim.modality.measurements import set_aside
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.people import People


def store_data_tables(run: Run, people: People, known: Stage) -> DataTables:
    """Write the tables to ``data_tables/`` once. ``known``: the admissible events of any one policy."""
    stage = run.directory.stage("data_tables", run.key("data tables", known.key, *people.labels))
    who = stage.once(
        "who.parquet",
        lambda: table_1(run.store.events(), people.samples, people.labels, people.splits),
    )
    aside = stage.once("set_aside.parquet", lambda: _set_aside(known))
    listed = pl.read_parquet(run.directory.root / "samples" / "index_reports.parquet")
    reports = (
        listed.group_by("how", "doubtful", "known_before")
        .agg(pl.len().alias("notes"), pl.col("sample_id").n_unique().alias("samples"))
        .sort("doubtful", "how", "known_before")
    )
    return DataTables(who, aside, reports)


def _set_aside(known: Stage) -> pl.DataFrame:
    """Count shard by shard: the values of all samples never lie in memory at once."""
    counts = []
    for path in known.shards():
        events = pl.read_parquet(path)
        counts.append(set_aside(events))
        if long := too_long(events):
            row = {"signal": "Notes", "fault": f"longer than {MAX_CHARACTERS:,} characters", "n": long}
            counts.append(pl.DataFrame([row], schema=counts[0].schema))
        if silent := events.filter(code_is(NOTE) & (pl.col("text_value").fill_null("").str.strip_chars() == "")).height:
            row = {"signal": "Notes", "fault": "without text", "n": silent}
            counts.append(pl.DataFrame([row], schema=counts[0].schema))
    return pl.concat(counts).group_by("signal", "fault").agg(pl.col("n").sum()).sort("signal", "fault")
