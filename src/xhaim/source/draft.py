"""A store in the making: what every source does once it has turned its rows into events."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA, IMAGE, NOTE, code_is
from xhaim.source.account import Account, Outcome
from xhaim.source.csv_tables.ahead import THREADS, in_order
from xhaim.source.csv_tables.blocks import OnBytes
from xhaim.source.csv_tables.checked import Columns, Only, nothing, read_table
from xhaim.source.parts import Parts
from xhaim.source.write import INFO, building, stored_info, write_json, write_metadata, write_shard

SUBJECTS_PER_SHARD = 500
"""At most so many are in one shard, unless a source is told otherwise; fewer where they have many events."""
NO_EVENTS = pl.DataFrame(schema=EVENT_SCHEMA)
NOT_ASKED = "not asked for: another item"
"""Why rows that ``Only`` leaves out are not used, unless a source says it better."""


def ingest_once(out: Path, same: dict[str, Any], make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``ingest.json`` of ``out`` says, after ``make`` wrote the store into the empty folder it is given.

    ``same`` (with ``layout`` and ``fingerprint``) says what was read, and how: where the store at ``out`` says the
    same, and was written by the same code, nothing is done, and ``unchanged`` is true in what is returned. ``make``
    returns the rest of the information. Raises DataError when ``out`` is there and is no store, or one of another
    place or with other options, or what ``make`` raises; then ``out`` is as it was.
    """
    before = stored_info(out)
    decided = {**same, "code": reading_code()}
    if before is not None and all(before.get(key) == value for key, value in decided.items()):
        return {**before, "unchanged": True}
    if before is not None:
        _refuse_another(out, before, same)
    with building(out) as store:
        info = {**decided, "identity": _identity(decided), **make(store)}
        write_json(store / INFO, info)
    return {**info, "unchanged": False}


def _refuse_another(out: Path, before: dict[str, Any], same: dict[str, Any]) -> None:
    """Raise DataError where the store at ``out`` is of another place, or was made with other options."""
    other = [key for key in same if key not in {"layout", "fingerprint"} and before.get(key) != same[key]]
    if other:
        raise DataError(
            f"{out} holds another store",
            got=", ".join(f"{key}: {before.get(key)}" for key in other)[:300],
            expected=", ".join(f"{key}: {same[key]}" for key in other)[:300],
            do="choose another --out, or remove this one",
        )


def _identity(decided: dict[str, Any]) -> str:
    """Return 16 hex digits of everything that decides a store but the place where its files lay."""
    what = {key: value for key, value in decided.items() if key != "root"}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


@cache
def reading_code() -> str:
    """Return 16 hex digits over the code that reads records: a mended rule of known_at makes every store anew."""
    root = Path(str(files("xhaim")))
    paths = [root / "events.py", root / "signals.yaml"]
    paths += [path for path in (root / "source").rglob("*.py") if "simulate" not in path.parts]
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


class Draft:
    """Events put aside on disk by shard as they come, and the account of every row."""

    def __init__(self, store: Path) -> None:
        """``store`` is the empty folder to write into."""
        self._store = store
        self._work = store / "parts"
        self._work.mkdir()
        self.account = Account(self._work)
        self.parts = Parts(self._work, pl.Series(dtype=pl.Int64), SUBJECTS_PER_SHARD)

    def expect(self, subjects: pl.Series, subjects_per_shard: int = SUBJECTS_PER_SHARD) -> None:
        """Say, before the first ``add``, which subjects there are (Int64, ascending): events have no others."""
        self.parts = Parts(self._work, subjects, subjects_per_shard)

    def batches(
        self,
        table: str,
        path: Path,
        root: Path,
        columns: Columns,
        on_bytes: OnBytes = nothing,
        only: Only | None = None,
        not_asked: str = NOT_ASKED,
    ) -> Iterator[pl.DataFrame]:
        """Yield the good rows of a csv table (``checked.read_table``), and book all of them.

        Rows that ``only`` leaves out are booked as not used, for the reason ``not_asked``.
        """
        self.account.open(table, path.relative_to(root).as_posix())
        for batch in read_table(path, columns, on_bytes, only=only):
            self.account.read(table, batch.good.height + batch.unused, batch.bad)
            self.account.book(Outcome(table, NO_EVENTS, 0, unused={not_asked: batch.unused}))
            yield batch.good

    def add_all(self, batches: Iterator[pl.DataFrame], turn: Callable[[pl.DataFrame], Outcome]) -> None:
        """Turn rows into events by several threads, and book and put them aside in order; ``turn`` is a function."""
        for outcome in in_order(batches, turn, THREADS):
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Book what became of good rows, and put their events aside."""
        self.account.book(outcome)
        self.parts.add("events", outcome.events)

    def finish(
        self,
        name: str,
        version: str,
        describe: Callable[[pl.DataFrame], pl.DataFrame],
        made_whole: Callable[[int], list[pl.DataFrame]] | None = None,
        on_shard: Callable[[int, int], None] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Write the shards and the metadata; return the tables' account, and what the store holds in numbers.

        ``describe`` gives ``code`` and ``description`` of the codes it is given; ``made_whole`` gives a shard's events
        that need other rows of the same subjects; ``on_shard`` is told how many shards are written, of how many.
        """
        self.parts.close()
        counts: Counter[str] = Counter()
        codes = [pl.DataFrame(schema={"code": pl.String()})]

        def whole(shard: int) -> tuple[int, pl.DataFrame]:
            others = made_whole(shard) if made_whole else []
            return shard, pl.concat([self.parts.read(shard, "events", EVENT_SCHEMA), *others])

        def written(item: tuple[int, pl.DataFrame]) -> tuple[pl.DataFrame, Mapping[str, int]]:
            shard, events = item
            write_shard(self._store, shard, events)
            return events.select(pl.col("code").unique()), _counts(events)

        shards = map(whole, range(self.parts.shards))  # one is read while another is written: few are held
        for done, (found, numbers) in enumerate(in_order(shards, written, threads=1), start=1):
            codes.append(found)
            counts.update(numbers)
            if on_shard:
                on_shard(done, self.parts.shards)
        write_metadata(self._store, name, version, describe(pl.concat(codes).unique()))
        tables = self.account.close(self._store / "quarantine.parquet")
        shutil.rmtree(self._work)
        kinds = {key.removeprefix("notes of "): n for key, n in counts.items() if key.startswith("notes of ")}
        rest = {key: n for key, n in counts.items() if not key.startswith("notes of ")}
        return tables, {**rest, "notes": dict(sorted(kinds.items()))}


def _counts(events: pl.DataFrame) -> dict[str, int]:
    """Return events, images, images without a file, studies, and notes by kind, of one shard."""
    pictures = events.filter(code_is(IMAGE))
    kinds = events.filter(code_is(NOTE))["code"].str.split("//").list.last().value_counts()
    return {
        "events": events.height,
        "images": pictures.height,
        "images_without_file": pictures["image_path"].null_count(),
        "studies": pictures["study_id"].n_unique(),
        **{f"notes of {kind}": n for kind, n in kinds.iter_rows()},
    }
