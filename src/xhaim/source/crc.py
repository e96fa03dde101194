"""Checksums of files as they are stored."""

from __future__ import annotations

from pathlib import Path

from isal import isal_zlib


def stored_crc(path: Path) -> int:
    """Return the CRC-32 of a file's bytes as stored."""
    crc = 0
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            crc = isal_zlib.crc32(data, crc)
    return crc
