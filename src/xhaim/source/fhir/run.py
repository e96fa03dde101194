"""One ingest of FHIR: a first pass for patients and encounters, a second for the rest, then each shard made whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.errors import DataError
from xhaim.ports import Progress
from xhaim.source.account import QUARANTINE_SCHEMA, Outcome, none_bad
from xhaim.source.draft import NO_EVENTS, Draft
from xhaim.source.fhir.books import Found, row_of
from xhaim.source.fhir.clinical import condition, medication_administration, medication_request, observation, procedure
from xhaim.source.fhir.core import CORE, Core, Gathering
from xhaim.source.fhir.events import Event, Here, Known
from xhaim.source.fhir.happened import changed
from xhaim.source.fhir.media import document, media
from xhaim.source.fhir.names import own_names
from xhaim.source.fhir.notes import diagnostic_report
from xhaim.source.fhir.pictures import FOLDER, Shelf
from xhaim.source.fhir.read import Row, read_fhir_file
from xhaim.source.fhir.studies import image_files, imaging_study
from xhaim.source.fhir.times import Clock
from xhaim.source.fhir.unused import NotUsedError, SetAsideError
from xhaim.source.fhir.values import at
from xhaim.source.fhir.versions import FACT_SCHEMA, RESOURCE_SCHEMA, nameless, told_once, version_of

HANDLERS: dict[str, Callable[[dict[str, Any], Known, Here], list[Event]]] = {
    "Observation": observation,
    "Condition": condition,
    "MedicationRequest": medication_request,
    "MedicationAdministration": medication_administration,
    "Procedure": procedure,
    "DiagnosticReport": diagnostic_report,
    "DocumentReference": document,
    "ImagingStudy": imaging_study,
    "Media": media,
}
OTHER, UNREADABLE = "other types", "unreadable"
"""Tables of resources of other types, and of what is no resource."""
_TYPE = re.compile(r"[A-Za-z]{1,40}")
_HELD = 20_000
_PARTS = {"resources": RESOURCE_SCHEMA, "facts": FACT_SCHEMA}


class Run:
    """What the steps of one ingest share."""

    def __init__(self, root: Path, files: list[Path], clock: Clock, store: Path, progress: Progress) -> None:
        self._root, self._files, self._clock, self._store, self._progress = root, files, clock, store, progress
        self._draft = Draft(store)
        self._done, self._total = 0, 3 * sum(path.stat().st_size for path in files)
        self._held: dict[str, list[dict[str, Any]]] = {name: [] for name in _PARTS}
        self._bad: dict[str, list[tuple[str, int | None, int | None, str]]] = {}
        self._counts: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        self._displays: dict[str, str] = {}
        self._opened: set[str] = set()

    def everything(self, subjects_per_shard: int) -> dict[str, Any]:
        """Read all files twice, write every shard; return the counts of tables and of what they gave."""
        core = self._first_pass()
        self._draft.expect(core.subjects, subjects_per_shard)
        for outcome in core.outcomes:
            self._open(outcome.table, outcome.used + outcome.bad.height + sum(outcome.unused.values()))
            self._draft.add(outcome)
        self._second_pass(core.known)
        tables, found = self._draft.finish("FHIR", "R4", self._describe, self._made_whole, self._on_shard)
        core.ids.write_parquet(self._store / "metadata" / "ids.parquet")
        counts = {"subjects": len(core.subjects), "stays": core.stays, **found}
        empty = [name for name, count in tables.items() if not count["rows_in"]]
        return {"tables": tables, "empty": empty, "counts": counts, "servers": list(core.servers)}

    def _rows(self) -> Iterator[tuple[str, Row]]:
        for path in self._files:
            file = path.relative_to(self._root).as_posix()
            for row in read_fhir_file(path, self._count):
                yield file, row

    def _count(self, stored_bytes: int) -> None:
        self._done += stored_bytes
        self._progress(self._done, self._total)

    def _on_shard(self, done: int, shards: int) -> None:
        # writing the shards is the last third of the work, by estimate
        self._progress(self._done + (self._total - self._done) * done // shards, self._total)

    # ---- the first pass ----

    def _first_pass(self) -> Core:
        gathering = Gathering(self._clock, image_files(self._root), Shelf(self._store / FOLDER))
        patients = 0
        for file, row in self._rows():
            if row.resource is None:
                continue
            kind = row.resource["resourceType"]
            name, urn = own_names(row.resource, row.full_url)
            gathering.meet(kind, name, urn, row.resource)
            patients += kind == "Patient"
            if kind in CORE and name:
                url, version = row.full_url or name.name, version_of(row.resource)
                found = Found(version, url, name.base, file, row.line, row.row or 0)
                gathering.add(kind, name.name, found, row.resource)
        if not patients:
            raise DataError(
                f"{self._root} holds no Patient",
                got=f"{len(self._files)} files",
                expected="bundles (.json) or NDJSON with Patient and what refers to it",
                do="export Patient together with the other resource types",
            )
        return gathering.finish()

    # ---- the second pass ----

    def _second_pass(self, known: Known) -> None:
        for file, row in self._rows():
            if row.resource is None:
                self._set_aside(UNREADABLE, file, row, row.fault or "unreadable")
            elif (kind := row.resource["resourceType"]) in CORE:
                if own_names(row.resource, row.full_url)[0] is None:
                    self._set_aside(kind, file, row, "id: missing, and no fullUrl")
            elif kind not in HANDLERS:
                self._others[kind if _TYPE.fullmatch(kind) and len(self._others) < 150 else "a type"] += 1
            else:
                try:
                    self._read(kind, row, known)
                except SetAsideError as error:
                    self._set_aside(kind, file, row, str(error))
            if len(self._held["facts"]) + len(self._held["resources"]) + sum(self._counts.values()) >= _HELD:
                self._settle()
        self._settle()
        if n := sum(self._others.values()):
            self._open(OTHER, n)
            unused = {f"{kind}: not read": count for kind, count in sorted(self._others.items())}
            self._draft.account.book(Outcome(OTHER, NO_EVENTS, 0, unused=unused))

    def _read(self, kind: str, row: Row, known: Known) -> None:
        """Turn a resource into events, put aside by shard: what became of it is booked when its shard is whole."""
        resource: dict[str, Any] = row.resource or {}
        called = own_names(resource, row.full_url)[0]
        subject = known.subject(resource, called.base if called else None)
        version, name = version_of(resource), (called or nameless(resource)).name
        updated = known.clock.moment(at(resource, "meta", "lastUpdated"))
        here = Here(name, row.full_url or name, known.place(resource, subject), subject, updated)
        try:
            events, unused = changed(resource, here, HANDLERS[kind](resource, known, here)), None
        except NotUsedError as error:
            events, unused = [], str(error)
        place = {"hadm_id": here.place.hadm_id, "stay_id": here.place.stay_id} if here.place else {}
        since = updated.known if updated else None
        which = {"name": name, "url": here.url, "digest": version.digest, "updated_at": since}
        for nth, event in enumerate(events):
            fact = row_of(subject, here.url, event)
            fact |= {key: number for key, number in place.items() if fact[key] is None}
            self._held["facts"].append({**fact, **which, "nth": nth})
            if display := event.get("display"):
                self._displays[event["code"]] = min(display[:200], self._displays.get(event["code"], display[:200]))
        about = {"subject_id": subject, "name": name, "kind": kind, "source": here.url, "unused": unused}
        self._held["resources"].append({**about, **version._asdict()})
        self._counts[kind] += 1

    def _set_aside(self, kind: str, file: str, row: Row, reason: str) -> None:
        self._bad.setdefault(kind, []).append((file, row.line, row.row, reason))
        self._counts[kind] += 1

    def _settle(self) -> None:
        """Book what was read and set aside, and put the rest aside on disk."""
        for kind, n in self._counts.items():
            self._open(kind, n)
        for kind, bad in self._bad.items():
            rows = pl.DataFrame(bad, schema=QUARANTINE_SCHEMA, orient="row")
            self._draft.account.book(Outcome(kind, NO_EVENTS, 0, rows))
        for name, schema in _PARTS.items():
            self._draft.parts.add(name, pl.DataFrame(self._held[name], schema=schema))
            self._held[name] = []
        self._counts, self._bad = Counter(), {}

    def _open(self, table: str, rows: int) -> None:
        if table not in self._opened:
            self._draft.account.open(table, ".")
            self._opened.add(table)
        self._draft.account.read(table, rows, none_bad())

    # ---- the shards ----

    def _made_whole(self, shard: int) -> list[pl.DataFrame]:
        """Return a shard's events: of several versions of a resource, each from when it came."""
        resources, facts = (self._draft.parts.read(shard, name, schema) for name, schema in _PARTS.items())
        outcomes, events = told_once(resources, facts)
        for outcome in outcomes:
            self._draft.account.book(outcome)
        return [events]

    def _describe(self, codes: pl.DataFrame) -> pl.DataFrame:
        known = {"code": list(self._displays), "description": list(self._displays.values())}
        return codes.join(pl.DataFrame(known, schema=dict.fromkeys(known, pl.String())), on="code", how="left")
