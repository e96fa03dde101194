"""One ingest of MIMIC-IV: every table read once, rows put aside by shard, then each shard made whole and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from xhaim.events import CHART, LAB, PROCEDURE
from xhaim.ports import Progress
from xhaim.signals import signal_of_code
from xhaim.source.account import Outcome
from xhaim.source.as_events import Table
from xhaim.source.csv_tables.checked import TYPES, Columns, Only
from xhaim.source.draft import NO_EVENTS, Draft
from xhaim.source.keys import of_known_subjects
from xhaim.source.mimic_iv import cxr_files, images, notes
from xhaim.source.mimic_iv.codes import DICTIONARIES, code_key, descriptions
from xhaim.source.mimic_iv.core import CORE, Core, read_core
from xhaim.source.mimic_iv.layout import Layout, detect_version
from xhaim.source.mimic_iv.tables import STREAMED
from xhaim.source.write import write_splits

NO_SIGNAL = "not a catalogued signal"
"""Why an item is not used where only signals are asked for."""
BY_ROW: dict[str, Table] = {**STREAMED, "machine_measurements": notes.ECG}
"""Tables of which every row gives its events by itself."""
BY_SUBJECT: dict[str, Columns] = {
    "radiology": notes.RADIOLOGY,
    "radiology_detail": notes.DETAIL,
    "discharge": notes.DISCHARGE,
    **dict.fromkeys(notes.ADDED_NOTES, notes.ADDED),
    "cxr_metadata": images.METADATA,
    "cxr_chexpert": images.CHEXPERT,
}
"""Tables whose rows need others of the same subject: put aside as they are, turned into events shard by shard."""


class Run:
    """What the steps of one ingest share."""

    def __init__(
        self,
        layout: Layout,
        files: pl.DataFrame,
        store: Path,
        progress: Progress,
        only: Mapping[str, Only] = MappingProxyType({}),
    ) -> None:
        """``files`` are those of ``chest_files``; ``store`` is the empty folder to write into.

        ``only``: table -> the rows of it that are asked for, where not all are.
        """
        self._layout, self._files, self._store, self._progress, self._only = layout, files, store, progress, only
        self._draft = Draft(store)
        self._done, self._total = 0, sum(path.stat().st_size for path in layout.tables.values())
        self._on_disk: tuple[str, ...] = ()
        self._named: list[pl.Series] = []  # the paths of images and reports that the metadata name

    def everything(self, subjects_per_shard: int) -> dict[str, Any]:
        """Read every table, write every shard; return the version, and the counts of tables and of what they gave."""
        core = read_core({name: self._batches(name, columns) for name, columns in CORE.items()})
        version = detect_version(self._layout, core.year_groups)
        self._draft.expect(core.subjects, subjects_per_shard)
        for outcome in core.outcomes:
            self._draft.add(outcome)
        self._read_by_row(core)
        self._read_by_subject(core)
        self._read_splits(core)
        known = self._read_dictionaries()
        self._on_disk = cxr_files.open_account(self._files, self._draft.account)
        tables, counts = self._draft.finish(
            "MIMIC-IV",
            version["detected"],
            lambda codes: codes.with_columns(key=code_key(pl.col("code"))).join(known, on="key", how="left"),
            self._made_whole,
            # writing the shards is the other half of the work, by estimate
            lambda done, shards: self._progress(self._total + self._total * done // shards, 2 * self._total),
        )
        empty = [name for name, count in tables.items() if not count["rows_in"]]
        counts = {"subjects": len(core.subjects), "stays": core.stays, **counts}
        return {"version": version, "tables": tables, "empty": empty, "counts": counts}

    def _batches(self, name: str, columns: Columns, only: Only | None = None) -> Iterator[pl.DataFrame]:
        """Yield the good rows of a table and book the others; nothing where the table is absent."""
        path = self._layout.tables.get(name)
        if path is not None:
            yield from self._draft.batches(name, path, self._layout.root, columns, self._count, only, NO_SIGNAL)

    def _count(self, stored_bytes: int) -> None:
        self._done += stored_bytes
        self._progress(self._done, 2 * self._total)

    def _read_by_row(self, core: Core) -> None:
        for name, table in BY_ROW.items():
            rows = self._batches(name, table.columns, self._only.get(name))
            self._draft.add_all(rows, partial(turn, name, table, core))

    def _read_by_subject(self, core: Core) -> None:
        for name, columns in BY_SUBJECT.items():
            for rows in self._batches(name, columns):
                known, strangers = of_known_subjects(rows, core.subjects)
                self._draft.account.book(Outcome(name, rows.clear(), 0, strangers))
                self._draft.parts.add(name, known)

    def _read_splits(self, core: Core) -> None:
        batches = list(self._batches("cxr_split", images.SPLIT))
        if batches:
            rows, strangers = of_known_subjects(pl.concat(batches), core.subjects)
            outcome, splits = images.subject_splits(rows)
            self._draft.account.book(replace(outcome, bad=pl.concat([outcome.bad, strangers])))
            write_splits(self._store, splits)

    def _read_dictionaries(self) -> pl.DataFrame:
        known = [pl.DataFrame(schema={"key": pl.String(), "description": pl.String()})]
        for name, columns in DICTIONARIES.items():
            batches = list(self._batches(name, columns))
            if batches:
                outcome, described = descriptions(name, pl.concat(batches))
                self._draft.account.book(outcome)
                known.append(described)
        return pl.concat(known)

    def _made_whole(self, shard: int) -> list[pl.DataFrame]:
        """Return the events of tables whose rows need others of the same subject."""
        rows = {name: self._draft.parts.read(shard, name, _schema(columns)) for name, columns in BY_SUBJECT.items()}
        pictures, studies = images.image_events(rows["cxr_metadata"], self._files)
        reports, details, reported = notes.radiology_events(rows["radiology"], rows["radiology_detail"], studies)
        outcomes = [
            pictures,
            reports,
            details,
            notes.discharge_events(rows["discharge"]),
            *(notes.added_events(name, rows[name]) for name in notes.ADDED_NOTES),
            images.label_events(rows["cxr_chexpert"], studies, reported),
            cxr_files.report_events(studies, self._files, reported.filter("whole")),
            *self._files_named(
                pictures.events["image_path"].drop_nulls(), studies, shard + 1 == self._draft.parts.shards
            ),
        ]
        for outcome in outcomes:
            if outcome.table in self._layout.tables or outcome.table in self._on_disk:
                self._draft.account.book(outcome)
        return [outcome.events for outcome in outcomes]

    def _files_named(self, images: pl.Series, studies: pl.DataFrame, last: bool) -> Iterator[Outcome]:
        """Yield the account of a shard's image files, and with the last shard that of the files that nothing names."""
        self._named += [images, studies.select(cxr_files.text_of_study().alias("path")).to_series()]
        yield Outcome("cxr_files", NO_EVENTS, len(images))
        if last:
            yield from cxr_files.leftovers(self._files, pl.concat(self._named))


def signals() -> dict[str, Only]:
    """Return, for each table that signals come from, the items that are signals of the catalogue."""
    kinds = {"chartevents": CHART, "labevents": LAB, "procedureevents": PROCEDURE}
    codes = [code.split("//") for code in signal_of_code()]
    return {
        table: Only("itemid", frozenset(int(item) for kind, item in codes if kind == wanted and item.isdecimal()))
        for table, wanted in kinds.items()
    }


def _schema(columns: Columns) -> dict[str, pl.DataType]:
    return {**{name: TYPES[kind.rstrip("!?")] for name, kind in columns.items()}, "row": pl.Int64(), "line": pl.Int64()}


def turn(name: str, table: Table, core: Core, rows: pl.DataFrame) -> Outcome:
    """Turn good rows of one table into events."""
    known, bad = of_known_subjects(rows, core.subjects)
    if name == "diagnoses_icd":
        known = known.join(core.admissions, on="hadm_id", how="left")
        timeless = known.filter(pl.col("dischtime").is_null())
        reason = pl.lit("hadm_id: no such admission, or one without dischtime").alias("reason")
        bad = pl.concat([bad, timeless.select("row", "line", reason)])
        known = known.drop_nulls("dischtime")
    used = known if table.used is None else known.filter(table.used)
    return Outcome(name, table.events(used), used.height, bad, {table.unused: known.height - used.height})
