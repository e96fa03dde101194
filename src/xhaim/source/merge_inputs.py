"""What a merge reads of its stores: rows, subjects, splits, what codes mean, what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA
from xhaim.source.account import QUARANTINE_SCHEMA
from xhaim.source.meds.files import batches, opened
from xhaim.source.store import Store

_CODES: dict[str, pl.DataType] = {"code": pl.String(), "description": pl.String()}
_SPLITS: dict[str, pl.DataType] = {"subject_id": pl.Int64(), "split": pl.String()}


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


def join_quarantines(named: Mapping[str, Store], out: Path) -> None:
    """Write what the stores had set aside, each file's name after its store's."""
    frames = []
    for name, store in named.items():
        with opened(store.path / "quarantine.parquet", f"{name}/quarantine.parquet"):
            file = pl.concat_str(pl.lit(f"{name}/"), pl.col("file"))
            frames.append(store.quarantine().with_columns(file=file).select(list(QUARANTINE_SCHEMA)))
    pl.concat(frames).sink_parquet(out)
