"""eICU Collaborative Research Database 2.0, the full release or its demo, from the published files to a store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.events import EVENT_SCHEMA
from xhaim.ports import Progress, silent
from xhaim.source.account import Outcome
from xhaim.source.csv_tables.checked import Columns
from xhaim.source.draft import SUBJECTS_PER_SHARD, Draft, ingest_once
from xhaim.source.eicu import documents as eicu_documents
from xhaim.source.eicu.clock import placed
from xhaim.source.eicu.layout import Layout, as_written, find_layout
from xhaim.source.eicu.stays import HOSPITALS, PATIENT, Stays, read_stays
from xhaim.source.eicu.tables import STREAMED
from xhaim.source.eicu.writings import WRITINGS
from xhaim.source.write import LAYOUT

TABLES = ("patient", "hospital", *STREAMED, *WRITINGS)
NOT_READ = {
    **dict.fromkeys(
        ("apacheapsvar", "apachepredvar"),
        "sums up the first 24 hours, and partly the outcome, without a time of knowledge",
    ),
    "apachepatientresult": "holds outcomes and the predictions of another model: never an input",
    "respiratorycare": "starts and ends of ventilation contradict each other; respiratorycharting and treatment say it",
    **dict.fromkeys(("careplangoal", "careplancareprovider"), "template goals and staff, not findings"),
    **dict.fromkeys(("careplaneol", "careplaninfectiousdisease"), "a handful of rows; care plan and diagnosis say it"),
    "customlab": "names of each hospital's own, without units",
}
"""Tables of eICU that are left where they are, and why."""
CLOCK = {
    "patient": "sex: static; birth: 1 January of the year of discharge - age; admission facts at admission; discharges "
    "and death at their offsets (death in the unit: at unit discharge), never known before the last of them",
    "hospital": "at hospital admission",
    **{name: table.clock for name, table in STREAMED.items()},
    **{name: table.clock for name, table in WRITINGS.items()},
}
"""When the facts of each table were known, in words."""


@dataclass(frozen=True, slots=True)
class Eicu:
    """The source ``eicu``."""

    subjects_per_shard: int = SUBJECTS_PER_SHARD

    def ingest(self, root: Path, out: Path, progress: Progress = silent) -> dict[str, Any]:
        """Read the eICU files below ``root`` into a store at ``out``; return what its ``ingest.json`` says.

        ``unchanged`` is added to what is returned: true where the store at ``out`` already holds these very files,
        and nothing was done. Raises DataError when a file cannot be trusted as a whole, or ``out`` is not a store;
        then ``out`` is as it was.
        """
        layout = find_layout(root.resolve(), TABLES)
        same = {
            "layout": LAYOUT,
            "fingerprint": layout.fingerprint,
            "root": str(layout.root),
            "subjects_per_shard": self.subjects_per_shard,
        }

        def make(store: Path) -> dict[str, Any]:
            return _Run(layout, store, progress).everything(self.subjects_per_shard)

        return ingest_once(out.resolve(), same, make)

    def look(self, root: Path) -> dict[str, Any]:
        """Say which tables lie below ``root``. Raises DataError when this is not eICU."""
        layout = find_layout(root, TABLES)
        return {
            "kind": "records in eICU's layout",
            "simulated": False,
            "tables": {name: file.relative_to(root).as_posix() for name, file in layout.tables.items()},
            "absent": [name for name in TABLES if name not in layout.tables],
            "not_read": _not_read(layout),
            "remarks": list(layout.remarks),
        }


def _not_read(layout: Layout) -> dict[str, str]:
    return {name: NOT_READ.get(name, "not a table of eICU that is known here") for name in layout.unread}


class _Run:
    """What the steps of one ingest share."""

    def __init__(self, layout: Layout, store: Path, progress: Progress) -> None:
        self._layout, self._store, self._progress = layout, store, progress
        self._draft = Draft(store)
        self._done, self._total = 0, sum(path.stat().st_size for path in layout.tables.values())

    def everything(self, subjects_per_shard: int) -> dict[str, Any]:
        """Read every table, write every shard; return what ``ingest.json`` says beside what decides it."""
        hospital = list(self._batches("hospital", HOSPITALS))
        patient = pl.concat(self._batches("patient", PATIENT))
        stays = read_stays(patient, pl.concat(hospital) if hospital else None)
        self._draft.expect(stays.subjects, subjects_per_shard)
        for outcome in stays.outcomes:
            self._draft.add(outcome)
        self._read_rows(stays)
        self._read_writing(stays)
        tables, counts = self._draft.finish(
            "eICU-CRD",
            "2.0",
            lambda codes: codes.with_columns(description=pl.lit(None, pl.String())),
            self._documents,
            # writing the shards is the other half of the work, by estimate
            lambda done, shards: self._progress(self._total + self._total * done // shards, 2 * self._total),
        )
        stays.persons.write_parquet(self._store / "metadata" / "persons.parquet")
        people = {"subjects": len(stays.subjects), "persons": stays.persons["person_id"].n_unique()}
        return {
            "source": "eicu",
            "time_zone": "made up",
            "simulated": False,
            "truth": None,
            "image_root": None,
            "absent": [name for name in TABLES if name not in self._layout.tables],
            "not_read": _not_read(self._layout),
            "remarks": [*self._layout.remarks, *stays.remarks],
            "version": {"detected": "2.0", "evidence": "the tables' names and columns; other releases have the same"},
            "tables": tables,
            "empty": [name for name, count in tables.items() if not count["rows_in"]],
            "counts": {**people, "stays": stays.places.height, **counts},
            "clock": CLOCK,
        }

    def _batches(self, name: str, columns: Columns) -> Iterator[pl.DataFrame]:
        """Yield the good rows of a table, column names in lower case, and book the others; nothing if it is absent."""
        path = self._layout.tables.get(name)
        if path is not None:
            written = as_written(path, columns)
            for rows in self._draft.batches(name, path, self._layout.root, written, self._count):
                yield rows.rename(dict(zip(written, columns, strict=True)))

    def _count(self, stored_bytes: int) -> None:
        self._done += stored_bytes
        self._progress(self._done, 2 * self._total)

    def _read_rows(self, stays: Stays) -> None:
        for name, table in STREAMED.items():
            for rows in self._batches(name, table.columns):
                known, bad = placed(rows, stays.places, table.offsets)
                used = known.filter(table.used)
                unused = {table.unused: known.height - used.height}
                self._draft.add(Outcome(name, table.events(used), used.height, bad, unused))

    def _read_writing(self, stays: Stays) -> None:
        for name, table in WRITINGS.items():
            for rows in self._batches(name, table.columns):
                known, bad = placed(rows, stays.places, (table.offset, table.entered))
                made = eicu_documents.lines(table, known)
                numbers = pl.DataFrame(schema=EVENT_SCHEMA)
                if name == "physicalexam":
                    numbers = eicu_documents.exam_numbers(known)
                unused = {eicu_documents.UNUSED: known.height - made.height}
                self._draft.add(Outcome(name, numbers, made.height, bad, unused))
                self._draft.parts.add(name, made)

    def _documents(self, shard: int) -> list[pl.DataFrame]:
        """Return a shard's documents, put together from lines that may lie far apart in a table."""
        return [
            eicu_documents.documents(name, table, self._draft.parts.read(shard, name, eicu_documents.LINE_SCHEMA))
            for name, table in WRITINGS.items()
        ]
