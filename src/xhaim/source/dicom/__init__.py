"""Chest X-rays from a folder of DICOM files, and of JPG or PNG that a table describes, to a store."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.errors import DataError
from xhaim.ports import Progress, silent
from xhaim.source.account import QUARANTINE_SCHEMA
from xhaim.source.dicom.events import ROWS_SCHEMA, SUFFIXES, Pictures, write_pictures
from xhaim.source.dicom.file import is_dicom
from xhaim.source.dicom.header import NOT_DICOM, Header, read_header
from xhaim.source.dicom.times import CLOCK
from xhaim.source.draft import ingest_once
from xhaim.source.write import LAYOUT

MAX_DEPTH = 16
"""Folders below the root."""
MAX_FILES = 5_000_000
TABLE = "images.csv"
"""Beside the pictures, at the root, or as ``.csv.gz``: columns by ``dicom_events.IMAGES``."""
_PICTURE = f"a JPG or PNG: used where a row of {TABLE} names it, and counted there"
_FILES_AT_ONCE = 1_000
_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class Dicom:
    """The source ``dicom``."""

    def ingest(self, root: Path, out: Path, progress: Progress = silent) -> dict[str, Any]:
        """Read the headers of the DICOM files below ``root``, and ``images.csv`` there, into a store at ``out``.

        Pixels are not read: they stay where they are, and ``Store.image`` opens them. Returns what ``ingest.json``
        says, with ``unchanged``: true where the store at ``out`` already holds these very headers. Raises DataError
        when there is no chest X-ray, the folders are too deep or the files too many, or ``out`` is not a store.
        """
        root, out = root.resolve(), out.resolve()
        files = find_files(root)
        table = _table(root)
        pictures = _read(root, files, progress)
        if pictures.rows.is_empty() and table is None:
            raise DataError(
                f"{root} holds no chest X-ray",
                got=f"{len(files)} files; " + "; ".join(f"{why}: {n}" for why, n in pictures.unused.items()),
                expected=f"DICOM files of chest X-rays, or JPG and PNG with {TABLE}",
            )
        same = {
            "layout": LAYOUT,
            "fingerprint": _fingerprint(files, pictures.rows, table),
            "root": str(root),
        }

        def make(store: Path) -> dict[str, Any]:
            return {
                "source": "dicom",
                "time_zone": "local",
                "simulated": False,
                "truth": None,
                "image_root": str(root),
                **write_pictures(store, root, pictures, table),
                "clock": {"files": CLOCK, "images": "its time: an image is seen when it is taken"},
            }

        return ingest_once(out, same, make)

    def look(self, root: Path) -> dict[str, Any]:
        """Say how many files there are, and whether DICOM is among the first of them.

        Raises DataError where there is neither a DICOM file nor a table of pictures.
        """
        files = find_files(root)
        table = _table(root)
        first = next((path for path, why in files[:_LOOKED_AT] if why is None and _opens_as_dicom(root / path)), None)
        if first is None and table is None:
            raise DataError(
                f"{root} holds no chest X-rays",
                got=f"{len(files)} files; of the first {_LOOKED_AT}, none is DICOM",
                expected=f"DICOM files, or JPG and PNG with {TABLE}",
            )
        return {
            "kind": "chest X-rays" + (" as DICOM" if first else "") + (f" that {TABLE} describes" if table else ""),
            "simulated": False,
            "files": len(files),
            "table": table.name if table else None,
        }


def find_files(root: Path) -> list[tuple[str, str | None]]:
    """Return the files below a folder, but for its table: path relative to it, and why one is not opened; sorted.

    Links are not followed. Raises DataError where they are too many, or lie too deep.
    """
    if not root.is_dir():
        raise DataError("no such folder", got=root, expected="a folder with DICOM files")
    found: list[tuple[str, str | None]] = []
    for entry in _walk(root, 0):
        path = Path(entry.path).relative_to(root).as_posix()
        if path in {TABLE, f"{TABLE}.gz"}:
            continue
        found.append((path.encode(errors="replace").decode(), _why_not_opened(entry)))
        if len(found) > MAX_FILES:
            raise DataError(f"{root} holds too many files", expected=f"at most {MAX_FILES}", do="ingest it in parts")
    return sorted(found)


def _why_not_opened(entry: os.DirEntry[str]) -> str | None:
    if not entry.is_file(follow_symlinks=False):
        return "a link, or no plain file: not opened"
    return "a path that is not UTF-8: not opened" if _not_utf8(entry.path) else None


def _not_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return False


def _walk(folder: Path, depth: int) -> Iterator[os.DirEntry[str]]:
    if depth > MAX_DEPTH:
        raise DataError("folders lie too deep", got=f"more than {MAX_DEPTH} below the root", expected=f"{MAX_DEPTH}")
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), depth + 1)
        else:
            yield entry


def _table(root: Path) -> Path | None:
    return next((path for path in (root / f"{TABLE}.gz", root / TABLE) if path.is_file()), None)


def _opens_as_dicom(path: Path) -> bool:
    try:
        return is_dicom(path)
    except OSError:
        return False


def _read(root: Path, files: Sequence[tuple[str, str | None]], progress: Progress) -> Pictures:
    parts = [pl.DataFrame(schema=ROWS_SCHEMA)]
    bad: list[dict[str, Any]] = []
    unused: Counter[str] = Counter()
    for start in range(0, len(files), _FILES_AT_ONCE):
        rows = []
        for path, why in files[start : start + _FILES_AT_ONCE]:
            try:
                header = why or read_header(root / path)
            except DataError as error:
                bad.append({"file": path, "reason": error.what})
                continue
            if isinstance(header, Header):
                rows.append({**asdict(header), "path": path})
            else:
                unused[_PICTURE if _is_picture(path, header) else header] += 1
        parts.append(pl.DataFrame(rows, schema=ROWS_SCHEMA))
        progress(min(start + _FILES_AT_ONCE, len(files)), len(files))
    return Pictures(pl.concat(parts), pl.DataFrame(bad, schema=QUARANTINE_SCHEMA), dict(sorted(unused.items())))


def _is_picture(path: str, why: str) -> bool:
    return why == NOT_DICOM and path.lower().endswith(SUFFIXES)


def _fingerprint(files: Sequence[tuple[str, str | None]], rows: pl.DataFrame, table: Path | None) -> str:
    """Return 16 hex digits over the names of all files, the headers' values and the table."""
    digest = hashlib.sha256(repr(files).encode())
    for part in rows.iter_slices(100_000):
        digest.update(part.write_json().encode())
    if table is not None:
        with table.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
