"""FHIR JSON read safely: bundles, single resources and NDJSON, plain or gzipped, one resource after the other.

Nothing in a file is trusted: sizes and depth are limited, and what JSON parsers let pass (a key twice, NaN, a lone
surrogate) is a fault of the resource that holds it. A resource, a line or a whole bundle that cannot be read comes out
as a row with its fault; only a file that did not arrive whole (gzip's checksum) stops the reading.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from xhaim.errors import DataError
from xhaim.source.csv_tables.blocks import OnBytes
from xhaim.source.csv_tables.checked import nothing
from xhaim.source.fhir.json import TWICE, UnreadableError, fault_of, parse

SUFFIXES = (".ndjson", ".ndjson.gz", ".json", ".json.gz")
MAX_LINE_BYTES = 64 << 20
"""Of NDJSON: a note of 45 MB in base64 fits. A longer line is set aside without being held."""
MAX_FILE_BYTES = 256 << 20
"""Of a bundle, decompressed: it is parsed whole. Larger exports are NDJSON."""

_URL = re.compile(r"[!-~]{1,1024}")


@dataclass(frozen=True, slots=True)
class Row:
    """One resource of a file, or why there is none."""

    row: int | None
    """Counts the resources of the file from 1; null for a whole file."""
    line: int | None
    """Of NDJSON, from 1; null in a bundle."""
    resource: dict[str, Any] | None
    full_url: str | None
    """What its bundle calls it."""
    fault: str | None
    """Why it cannot be used; never more of a value than its kind."""


def read_fhir_file(path: Path, on_bytes: OnBytes = nothing) -> Iterator[Row]:
    """Yield the resources of one file whose name ends as ``SUFFIXES``; ``on_bytes`` is told the bytes read as stored.

    Raises DataError when a gzip file is cut short or corrupt: then nothing of it may be used.
    """
    by_line = ".ndjson" in path.name
    n = 0
    for line, data in _lines(path, on_bytes) if by_line else _whole(path, on_bytes):
        document, fault = _document(data)
        if fault:
            n += 1
            yield Row(n if by_line else None, line, None, None, fault)
            continue
        for resource, full_url, fault in _resources(document, None):
            n += 1
            yield Row(n, line, resource, full_url, fault)


def _document(data: bytes | None) -> tuple[Any, str | None]:
    """Return what a line or a file holds, or why it cannot be read."""
    if data is None:
        return None, f"larger than {MAX_LINE_BYTES >> 20} MiB (a line), {MAX_FILE_BYTES >> 20} MiB (a bundle)"
    try:
        return parse(data), None
    except UnreadableError as error:
        return None, str(error)


def _resources(document: Any, full_url: str | None) -> Iterator[tuple[dict[str, Any] | None, str | None, str | None]]:  # noqa: ANN401
    """Yield a resource with its fullUrl, or those of a bundle, of a bundle in a bundle too."""
    if not isinstance(document, dict) or not isinstance(document.get("resourceType"), str):
        yield None, full_url, "no resourceType"
    elif document["resourceType"] != "Bundle":
        fault = fault_of(document)
        yield (None if fault else document), full_url, fault
    elif TWICE in document or not isinstance(document.get("entry", []), list):
        yield None, full_url, "a bundle whose entries are not one list"
    else:
        for entry in document.get("entry", []):
            if not isinstance(entry, dict) or TWICE in entry or "resource" not in entry:
                yield None, None, "an entry without one resource"
            else:
                url = entry.get("fullUrl")
                yield from _resources(entry["resource"], url if isinstance(url, str) and _URL.fullmatch(url) else None)


# ---- bytes --------------------------------------------------------------------------------------------------------


class _Counted(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, on_bytes: OnBytes) -> None:
        super().__init__(path)
        self._on_bytes = on_bytes

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401
        """Read, and tell."""
        n = super().readinto(buffer)
        self._on_bytes(n or 0)
        return n


@contextmanager
def _opened(path: Path, on_bytes: OnBytes) -> Iterator[BinaryIO]:
    stored = io.BufferedReader(_Counted(path, on_bytes), 1 << 20)
    with stored:
        if path.suffix != ".gz":
            yield stored
            return
        if stored.peek(2)[:2] != b"\x1f\x8b":
            raise DataError(
                f"{path} is named .gz but is not a gzip file", got="other first bytes", expected="a gzip file"
            )
        try:
            with gzip.GzipFile(fileobj=stored) as unpacked:
                yield unpacked  # type: ignore[misc]  # it is one in all but name
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{path} is cut short or corrupt",
                got=type(error).__name__,
                expected="a whole gzip file with a right checksum",
                do="fetch it again",
            ) from error


def _lines(path: Path, on_bytes: OnBytes) -> Iterator[tuple[int, bytes | None]]:
    """Yield line numbers and lines that are not blank; ``None`` for one beyond the limit."""
    number = 0
    with _opened(path, on_bytes) as file:
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = file.readline(1 << 20)
                yield number, None
            elif line.strip():
                yield number, line


def _whole(path: Path, on_bytes: OnBytes) -> Iterator[tuple[None, bytes | None]]:
    with _opened(path, on_bytes) as file:
        data = file.read(MAX_FILE_BYTES + 1)
    yield None, data if len(data) <= MAX_FILE_BYTES else None


# ---- files --------------------------------------------------------------------------------------------------------

MAX_FOLDERS = 6
"""Levels of folders below the root."""


def fhir_files(root: Path) -> list[Path]:
    """Return the files below ``root`` whose names end as ``SUFFIXES``, sorted; links and hidden ones are left out."""
    return sorted(_walk(root, 0))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_file(follow_symlinks=False) and entry.name.endswith(SUFFIXES):
            yield Path(entry.path)
        elif depth < MAX_FOLDERS and entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), depth + 1)
