"""Where the tables of eICU 2.0 lie under a folder, by name and column in any case, and a fingerprint of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xhaim.errors import DataError
from xhaim.source.crc import stored_crc
from xhaim.source.csv_tables.checked import Columns, header_of
from xhaim.source.one_file import one_file

MAX_DEPTH = 3
"""Folders below the root in which tables are looked for."""
LAB_COLUMNS = frozenset({"patientunitstayid", "labresultoffset", "labname", "labresult"})


@dataclass(frozen=True, slots=True)
class Layout:
    """What was found under a root."""

    root: Path
    tables: dict[str, Path]
    """Table, in lower case -> file; those that are read, in the order they were asked for."""
    remarks: tuple[str, ...]
    """What a reader should know about the choice of files."""
    unread: tuple[str, ...]
    """Names of csv files that are none of the tables."""

    @property
    def fingerprint(self) -> str:
        """16 hex digits over names, sizes and CRCs of the tables."""
        digest = hashlib.sha256()
        for name, path in self.tables.items():
            where = path.relative_to(self.root).as_posix()
            digest.update(f"{name}\0{where}\0{path.stat().st_size}\0{stored_crc(path)}\n".encode())
        return digest.hexdigest()[:16]


def find_layout(root: Path, tables: Sequence[str]) -> Layout:
    """Find the tables by file name. Raises DataError when this is not eICU, or holds a table twice."""
    if not root.is_dir():
        raise DataError("no such folder", got=root, expected="a folder with eICU's tables as csv.gz")
    files = sorted(path for path in _walk(root, 0) if _stem(path) is not None)
    found: dict[str, list[Path]] = {}
    for path in files:
        found.setdefault(str(_stem(path)), []).append(path)
    remarks: list[str] = []
    if "lab" in tables and "lab" not in found:
        _take_part_of_lab(root, found, remarks)
    chosen = {name: one_file(root, name, found[name], remarks, "eICU") for name in tables if name in found}
    if "patient" not in chosen or "patientunitstayid" not in actual_names(chosen["patient"]):
        raise DataError(
            f"{root} is not an eICU folder: no patient table with a patientunitstayid",
            got=f"{len(files)} csv files, tables: {', '.join(chosen) or 'none'}",
            expected=f"patient.csv.gz at most {MAX_DEPTH} folders below",
            do="point at the folder that holds eICU's csv.gz files",
        )
    return Layout(root, chosen, tuple(remarks), tuple(sorted(set(found) - set(chosen))))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.is_file():
            yield Path(entry.path)
        elif depth < MAX_DEPTH and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from _walk(Path(entry.path), depth + 1)


def _stem(path: Path) -> str | None:
    """Return the lower-case name of a csv or csv.gz file without its ending; ``None`` for others."""
    name = path.name.lower().removesuffix(".gz")
    return name.removesuffix(".csv") if name.endswith(".csv") else None


def _take_part_of_lab(root: Path, found: dict[str, list[Path]], remarks: list[str]) -> None:
    """Take a file whose name begins with ``lab`` and that has lab's columns: the demo is found with a part of it."""
    parts = [name for name in found if name.startswith("lab") and set(actual_names(found[name][0])) >= LAB_COLUMNS]
    if parts:
        found["lab"] = [path for name in parts for path in found.pop(name)]
        remarks.append(f"lab: read from {found['lab'][0].relative_to(root).as_posix()}, which may hold some stays only")


def actual_names(path: Path) -> dict[str, str]:
    """Return column in lower case -> column as the file has it. Raises DataError where two differ in case only."""
    names = header_of(path)
    actual = {name.lower(): name for name in names}
    if len(actual) < len(names):
        raise DataError(f"{path} has column names that differ in case only", expected="each column name once")
    return actual


def as_written(path: Path, columns: Columns) -> dict[str, str]:
    """Return the columns with their names as the file has them; a missing one keeps its own."""
    actual = actual_names(path)
    return {actual.get(name, name): kind for name, kind in columns.items()}
