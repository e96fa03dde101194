"""What a merge reads of its stores: rows, subjects, persons, clocks, splits, codes, what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import polars as pl

from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA
from xhaim.source.account import QUARANTINE_SCHEMA
from xhaim.source.meds.files import batches, opened
from xhaim.source.store import Store

_CODES: dict[str, pl.DataType] = {"code": pl.String(), "description": pl.String()}
_PERSONS: dict[str, pl.DataType] = {"subject_id": pl.Int64(), "person_id": pl.Int64()}
_SPLITS: dict[str, pl.DataType] = {"subject_id": pl.Int64(), "split": pl.String()}

AS_GIVEN, SEVERAL = "as given", "several"
"""What a store says of its clock where nothing is known of it, and where its subjects are on different ones."""


def by_name(stores: Sequence[Store]) -> dict[str, Store]:
    """Return the stores by the names of their folders, numbered where two are alike."""
    named: dict[str, Store] = {}
    for store in stores:
        name, n = store.path.name, 1
        while name in named:
            n += 1
            name = f"{store.path.name}-{n}"
        named[name] = store
    return named


def agreed(named: dict[str, Store], key: str, do: str) -> str | None:
    """Return the one value that stores give; ``None`` where none gives any. Raises DataError for two."""
    values = {name: str(store.info[key]) for name, store in named.items() if store.info.get(key)}
    if len(set(values.values())) > 1:
        raise DataError(
            f"the stores have different folders: {key}",
            got="; ".join(f"{name}: {value}" for name, value in values.items()),
            expected="one folder, or none in all stores but one",
            do=do,
        )
    return next(iter(values.values()), None)


def _shards(name: str, store: Store) -> Iterator[tuple[Path, str]]:
    """Yield the shards of a store, each with the name that messages give it."""
    for path in sorted((store.path / "data").glob("*.parquet")):
        yield path, f"{name}/data/{path.name}"


def _frame(path: Path, name: str, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return some columns of a file. Raises DataError where it is broken or lacks them."""
    with opened(path, name):
        return pl.read_parquet(path).select(pl.col(column).cast(dtype) for column, dtype in schema.items())


def count_rows(name: str, store: Store) -> int:
    """Return how many events a store has."""
    rows = 0
    for path, said in _shards(name, store):
        with opened(path, said) as file:
            rows += int(file.metadata.num_rows)
    return rows


def subjects_of(name: str, store: Store) -> pl.Series:
    """Return the subjects of a store, each once."""
    found = [pl.Series("subject_id", dtype=pl.Int64)]
    for path, said in _shards(name, store):
        with opened(path, said):
            found.append(pl.read_parquet(path, columns=["subject_id"])["subject_id"].unique())
    return pl.concat(found).unique()


def rows_of(name: str, store: Store) -> Iterator[pl.DataFrame]:
    """Yield a store's events in batches, by EVENT_SCHEMA. Raises DataError where a shard is broken or not a store's."""
    for path, said in _shards(name, store):
        for batch in batches(path, said, list(EVENT_SCHEMA)):
            frame = pl.DataFrame(pl.from_arrow(batch))
            if dict(frame.schema) != EVENT_SCHEMA:
                raise DataError(f"{said} is not a store's", expected=", ".join(EVENT_SCHEMA), do="ingest it again")
            yield frame.select(list(EVENT_SCHEMA))


def descriptions(named: Mapping[str, Store]) -> pl.DataFrame:
    """Return ``code`` and ``description`` of all codes that any store describes: the first store's words."""
    frames = [
        _frame(store.path / "metadata" / "codes.parquet", f"{name}/metadata/codes.parquet", _CODES)
        for name, store in named.items()
    ]
    return pl.concat(frames).drop_nulls("description").unique("code", keep="first", maintain_order=True)


def agreed_splits(named: Mapping[str, Store]) -> pl.DataFrame:
    """Return ``subject_id`` and ``split`` of all stores. Raises DataError where a subject is in two."""
    frames = [pl.DataFrame(schema=_SPLITS)]
    for name, store in named.items():
        path = store.path / "metadata" / "subject_splits.parquet"
        if path.is_file():
            frames.append(_frame(path, f"{name}/metadata/{path.name}", _SPLITS))
    splits = pl.concat(frames).unique().sort("subject_id", "split")
    torn = splits.filter(pl.col("subject_id").is_duplicated())["subject_id"].n_unique()
    if torn:
        raise DataError(
            "the stores put the same subjects in different splits",
            got=f"{torn} subjects",
            expected="the same split of a subject in every store",
            do="remove metadata/subject_splits.parquet of one of the stores",
        )
    return splits


def agreed_zone(named: Mapping[str, Store], subjects: Sequence[pl.Series]) -> tuple[str, list[str]]:
    """Return the clock that the stores' times are on (``several`` where they differ), and remarks on it.

    A store says ``UTC``, a zone's name, ``local`` (of a hospital, its zone not said), ``made up``, or ``as given``:
    not known. Raises DataError where stores with the same subjects are on different clocks: their order would be wrong.
    """
    zones = {name: str(store.info.get("time_zone") or AS_GIVEN) for name, store in named.items()}
    people = dict(zip(zones, subjects, strict=True))
    remarks = []
    for one, other in combinations(zones, 2):
        if not people[one].is_in(people[other].implode()).any():
            continue
        if _clock_of(zones[one], zones[other]) is None:
            raise DataError(
                "stores of the same subjects are on different clocks: what came first could not be told",
                got=f"{one}: {zones[one]}; {other}: {zones[other]}",
                expected="the same zone, or local times of the same hospital",
                do="of FHIR: xhaim ingest fhir FOLDER --out STORE --set zone=Europe/Berlin, with the hospital's zone; "
                "of MEDS: write its times with the time zone UTC, if that is what they are, and ingest it again",
            )
        unsaid = [name for name in (one, other) if zones[name] == AS_GIVEN]
        if unsaid and len({zones[one], zones[other]}) > 1:
            remarks.append(f"{unsaid[0]}: its times are as given, not known to be on the clock of the other stores")
    clock: str | None = next(iter(zones.values()))
    for zone in zones.values():
        clock = _clock_of(clock, zone) if clock else None
    return clock or SEVERAL, sorted(set(remarks))


def _clock_of(one: str, other: str) -> str | None:
    """Return the clock that both may be on, by the name that says most; ``None``: they differ."""
    if one == other and one != SEVERAL:
        return one
    both = {one, other}
    if both & {"UTC", "made up", SEVERAL}:
        return None
    named = both - {"local", AS_GIVEN}
    return None if len(named) > 1 else named.pop() if named else "local"


def agreed_persons(named: Mapping[str, Store], everyone: pl.Series) -> pl.DataFrame | None:
    """Return ``subject_id`` and ``person_id`` of ``everyone``; ``None`` where no store has persons.

    A subject that no store names is a person of its own. Raises DataError where one subject is two persons, or the
    number of a person of several subjects is also that of another subject.
    """
    paths = {name: store.path / "metadata" / "persons.parquet" for name, store in named.items()}
    frames = [_frame(path, f"{name}/metadata/{path.name}", _PERSONS) for name, path in paths.items() if path.is_file()]
    if not frames:
        return None
    said = pl.concat(frames).drop_nulls().unique()
    alone = pl.DataFrame({"subject_id": everyone}).join(said, on="subject_id", how="anti")
    alone = alone.with_columns(person_id="subject_id")
    torn = said.filter(pl.col("subject_id").is_duplicated())["subject_id"].n_unique()
    taken = alone.join(said, on="person_id", how="semi").height
    if torn or taken:
        raise DataError(
            "the stores say of the same subjects that they are different persons",
            got=f"{torn} subjects of two persons; {taken} subjects with the number of a person of another store",
            expected="one person for a subject in every store",
            do="see metadata/persons.parquet of the stores",
        )
    return pl.concat([said, alone]).sort("subject_id")


def join_quarantines(named: Mapping[str, Store], out: Path) -> None:
    """Write what the stores had set aside, each file's name after its store's."""
    frames = []
    for name, store in named.items():
        with opened(store.path / "quarantine.parquet", f"{name}/quarantine.parquet"):
            file = pl.concat_str(pl.lit(f"{name}/"), pl.col("file"))
            frames.append(store.quarantine().with_columns(file=file).select(list(QUARANTINE_SCHEMA)))
    pl.concat(frames).sink_parquet(out)
