"""The files of a MEDS dataset: which there are, whether they can be trusted, and their rows in batches."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from xhaim.errors import DataError
from xhaim.source.crc import stored_crc
from xhaim.source.write import INFO

MAX_DEPTH = 8
MAX_JSON_BYTES = 16 << 20
MAX_CHUNK_BYTES = 8 << 30
"""Of one column in one row group, unpacked: writers keep row groups far smaller; what claims more is not read."""
BATCH_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Layout:
    """A MEDS dataset on disk."""

    root: Path
    shards: tuple[Path, ...]
    """``data/**/*.parquet``, ordered by path."""
    codes: Path | None
    splits: Path | None
    persons: Path | None
    """Which subjects are one person: no part of MEDS, xHAIM writes it beside a store's metadata."""
    about: dict[str, Any]
    """What ``metadata/dataset.json`` says; empty where there is none."""
    ours: dict[str, Any] | None
    """What ``ingest.json`` says, where xHAIM wrote the dataset: empty where it is an export."""
    remarks: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether the patients are simulated, by what xHAIM wrote beside the data."""
        return bool(self.ours and self.ours.get("simulated")) or (self.root / "SIMULATED").exists()

    @property
    def files(self) -> list[Path]:
        """Every file that decides what is read."""
        said = (self.root / "metadata" / "dataset.json", self.root / INFO, self.root / "SIMULATED")
        more = [self.codes, self.splits, self.persons, *(path if path.is_file() else None for path in said)]
        return [*self.shards, *(path for path in more if path is not None)]

    def name(self, path: Path) -> str:
        """Return a file's path as messages and tables name it."""
        return path.relative_to(self.root).as_posix()


def find_layout(root: Path) -> Layout:
    """Find the files. Raises DataError where this is no MEDS dataset, or a link leads out of it."""
    root = root.resolve()
    metadata, others = root / "metadata", 0
    shards: list[Path] = []
    if (root / "data").is_dir():
        for path in _walk(root / "data", root, MAX_DEPTH):
            if path.suffix == ".parquet":
                shards.append(path)
            else:
                others += 1
    if not shards:
        raise DataError(
            f"{root} is not a MEDS dataset",
            got="no Parquet file below data/" if (root / "data").is_dir() else "no folder data/",
            expected="data/**/*.parquet, and metadata/",
            do="point at the folder that holds data/ and metadata/",
        )
    about = read_object(metadata / "dataset.json", root)
    return Layout(
        root=root,
        shards=tuple(sorted(shards, key=lambda path: path.relative_to(root).as_posix())),
        codes=_inside(metadata / "codes.parquet", root),
        splits=_inside(metadata / "subject_splits.parquet", root),
        persons=_inside(metadata / "persons.parquet", root),
        about=about,
        ours=read_object(root / INFO, root) if about.get("etl_name") == "xhaim" else None,
        remarks=(f"{others} files below data/ are not Parquet and were not read",) if others else (),
    )


def parquet_files(root: Path) -> list[Path]:
    """Return the Parquet files below a folder, ordered by path. Raises DataError as ``find_layout`` does for links."""
    found = (path for path in _walk(root, root, MAX_DEPTH) if path.suffix == ".parquet")
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _walk(folder: Path, root: Path, depth: int) -> Iterator[Path]:
    """Yield the files below a folder; hidden ones are no data, a link out of the dataset is refused."""
    for entry in os.scandir(folder):
        if entry.name.startswith((".", "_")):
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            if path.is_dir() or _inside(path, root) is None:
                raise DataError(
                    f"{path.relative_to(root)} is a link that is not followed",
                    got="a link to a folder, or to nothing",
                    expected="files of the dataset itself",
                    do="copy the files into the dataset's folder",
                )
            yield path
        elif entry.is_dir():
            if depth == 0:
                raise DataError(f"{path.relative_to(root)} lies too deep", expected=f"at most {MAX_DEPTH} folders")
            yield from _walk(path, root, depth - 1)
        elif entry.is_file():
            yield path


def _inside(path: Path, root: Path) -> Path | None:
    """Return a file, or nothing where there is none. Raises DataError where a link leads out of the dataset."""
    if not path.is_file():
        return None
    if not path.resolve().is_relative_to(root):
        raise DataError(
            f"{path.relative_to(root)} is a link out of the dataset",
            expected=f"a file below {root}",
            do="copy the file into the dataset's folder",
        )
    return path


def read_object(path: Path, root: Path) -> dict[str, Any]:
    """Return a JSON object, empty where there is no file. Raises DataError for a broken or huge one."""
    if _inside(path, root) is None:
        return {}
    try:
        content = None if path.stat().st_size > MAX_JSON_BYTES else json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        content = type(error).__name__
    if not isinstance(content, dict):
        raise DataError(
            f"{path.relative_to(root)} cannot be read", got=type(content).__name__, expected="a JSON object"
        )
    return content


def fingerprint(layout: Layout) -> str:
    """Return 16 hex digits over names, sizes and CRCs of the dataset's files."""
    digest = hashlib.sha256()
    for path in layout.files:
        digest.update(f"{layout.name(path)}\0{path.stat().st_size}\0{stored_crc(path)}\n".encode())
    return digest.hexdigest()[:16]


@contextmanager
def opened(path: Path, name: str) -> Iterator[parquet.ParquetFile]:
    """Open a Parquet file; while it is open, whatever is wrong with its bytes is a DataError that names it."""
    try:
        with parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            twice = sorted({column for column in names if names.count(column) > 1})
            if twice:
                raise DataError(f"{name} has a column more than once", got=", ".join(twice)[:200])
            groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
            sizes = (group.column(j).total_uncompressed_size for group in groups for j in range(group.num_columns))
            if not 0 <= max(sizes, default=0) <= MAX_CHUNK_BYTES:
                raise DataError(
                    f"{name} claims absurd sizes", expected=f"at most {MAX_CHUNK_BYTES} bytes a column chunk"
                )
            yield file
    except (
        pa.ArrowException,
        pl.exceptions.PolarsError,
        OSError,
        UnicodeError,
        MemoryError,
        OverflowError,
        KeyError,
    ) as error:
        raise DataError(
            f"{name} cannot be read", got=type(error).__name__, expected="a whole Parquet file", do="copy it again"
        ) from error


def batches(path: Path, name: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some columns, every value checked (UTF-8, offsets, dictionary indices)."""
    with opened(path, name) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            batch.validate(full=True)
            yield batch
