"""Several stores of the same people as one: records of one source and images of another, for example."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from xhaim import events as ev
from xhaim.errors import DataError
from xhaim.ports import Progress, silent
from xhaim.source.account import Outcome, none_bad
from xhaim.source.draft import SUBJECTS_PER_SHARD, Draft, ingest_once
from xhaim.source.meds.stays import count_stays
from xhaim.source.merge_inputs import (
    agreed,
    agreed_persons,
    agreed_splits,
    agreed_zone,
    by_name,
    count_rows,
    descriptions,
    join_quarantines,
    rows_of,
    subjects_of,
)
from xhaim.source.store import Store
from xhaim.source.write import LAYOUT, write_splits

_NO_EVENTS = pl.DataFrame(schema=ev.EVENT_SCHEMA)


def merge(stores: Sequence[Path], out: Path, progress: Progress = silent) -> dict[str, Any]:
    """Write a store at ``out`` that holds the events of all ``stores``; return what its ``ingest.json`` says.

    The same ``subject_id``, ``hadm_id``, ``stay_id`` or ``study_id`` is the same person, admission, stay or study. An
    event that several stores tell, alike in every column, is told as often as the store that tells it most often.
    The data do not depend on the order of the stores; of a code's descriptions the first store's is kept. Raises
    DataError where stores contradict each other: clocks, persons, splits, folders of images, folders of truth.
    """
    out = out.resolve()
    given = [Store.open(path.resolve()) for path in stores]
    if len(given) < 2 or out in [store.path for store in given]:
        raise DataError(
            "nothing to merge" if len(given) < 2 else f"{out} is one of the stores that are merged",
            expected="two stores or more, and a new folder for the result",
            do="xhaim merge STORE STORE --out NEW",
        )
    named = by_name(given)
    said = {
        "layout": LAYOUT,
        "fingerprint": hashlib.sha256("\n".join(store.fingerprint for store in given).encode()).hexdigest()[:16],
        "root": [str(store.path) for store in given],
        "subjects_per_shard": SUBJECTS_PER_SHARD,
        "source": "merge",
        "simulated": any(store.simulated for store in given),
        "truth": agreed(named, "truth", "leave one of the simulations out"),
        "image_root": agreed(
            named, "image_root", "put both folders of images below one, ingest again with that, then merge"
        ),
    }
    return ingest_once(out, said, lambda folder: _make(named, folder, progress))


def _make(named: dict[str, Store], folder: Path, progress: Progress) -> dict[str, Any]:
    """Write the merged store into an empty folder; return the rest of what is said of it."""
    draft = Draft(folder)
    subjects = [subjects_of(name, store) for name, store in named.items()]
    everyone = pl.concat(subjects).unique().sort()
    shared = len(everyone) < sum(len(some) for some in subjects)
    splits, persons = agreed_splits(named), agreed_persons(named, everyone)
    zone, doubts = agreed_zone(named, subjects)
    described = descriptions(named)
    draft.expect(everyone)
    total, done = sum(count_rows(name, store) for name, store in named.items()), 0
    for name, store in named.items():
        draft.account.open(name, "data/*.parquet")
        for rows in rows_of(name, store):
            draft.account.read(name, rows.height, none_bad())
            draft.parts.add(f"of {name}", rows)
            done += rows.height
            progress(done, 2 * total)

    def made_whole(shard: int) -> list[pl.DataFrame]:
        rows = {name: draft.parts.read(shard, f"of {name}", ev.EVENT_SCHEMA) for name in named}
        whole, told = each_once(rows)
        for name, (used, again) in told.items():
            draft.account.book(Outcome(name, _NO_EVENTS, used, unused={"told by an earlier store too": again}))
        return [whole]

    tables, counts = draft.finish(
        " + ".join(str(store.info.get("source") or "unknown") for store in named.values()),
        "merged",
        lambda used: used.join(described, on="code", how="left"),
        made_whole,
        lambda written, shards: progress(total + total * written // shards, 2 * total),
    )
    if splits.height:
        write_splits(folder, splits)
    if persons is not None:
        persons.write_parquet(folder / "metadata" / "persons.parquet")
    join_quarantines(named, folder / "quarantine.parquet")
    people = {"subjects": len(everyone)} | ({} if persons is None else {"persons": persons["person_id"].n_unique()})
    about = _about(named, shared)
    return {
        **about,
        "time_zone": zone,
        "remarks": [*about["remarks"], *doubts],
        "tables": tables,
        "counts": {**people, **count_stays(folder), **counts},
    }


def each_once(rows: dict[str, pl.DataFrame]) -> tuple[pl.DataFrame, dict[str, tuple[int, int]]]:
    """Return the rows, equal ones of several stores as often as in the store with most, and (used, not) by store."""
    numbered = [
        frame.with_columns(
            nth=pl.int_range(pl.len()).over(list(ev.EVENT_SCHEMA)), store=pl.lit(place, pl.Int64)
        )
        for place, frame in enumerate(rows.values())
    ]  # fmt: skip
    both = pl.concat(numbered)
    kept = both.unique([*ev.EVENT_SCHEMA, "nth"], keep="first", maintain_order=True)
    used = dict(kept.group_by("store").len().iter_rows())
    told = {
        name: (used.get(place, 0), frame.height - used.get(place, 0))
        for place, (name, frame) in enumerate(rows.items())
    }
    return kept.select(list(ev.EVENT_SCHEMA)), told


def _about(named: dict[str, Store], shared: bool) -> dict[str, Any]:
    infos = {name: store.info for name, store in named.items()}
    absent = [set(info.get("absent") or []) for info in infos.values()]
    remarks = [f"{name}: {remark}" for name, info in infos.items() for remark in info.get("remarks") or []]
    if not shared:
        remarks.append("no subject is in more than one store: if these are the same people, their ids differ")
    guessed = any(info.get("known_at") == "time" for info in infos.values())
    return {
        "absent": sorted(set.intersection(*absent)),
        "remarks": remarks,
        "version": {name: info.get("version") for name, info in infos.items()},
        "known_at": "time" if guessed else "given",
        "clock": {
            f"{name}/{table}": rule for name, info in infos.items() for table, rule in (info.get("clock") or {}).items()
        },
        "stores": {
            name: {key: info.get(key) for key in ("source", "root", "fingerprint", "simulated", "tables")}
            for name, info in infos.items()
        },
    }
