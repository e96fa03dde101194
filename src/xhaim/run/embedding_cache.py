"""Vectors kept beside the store from run to run, in one SQLite file that several processes share.

A vector of a note can be turned back into much of its words: the file lies with the patients' data, and only its owner
may read it. It may be deleted at any time. Whatever is wrong with it, the run goes on without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path("cache") / "embeddings.sqlite"
"""Where a store keeps it."""
SWITCH = "XHAIM_EMBEDDING_CACHE"
"""Environment variable that turns it off with ``off``."""
VERSION = 1
_PATIENCE_S = 10.0
"""With another process that writes."""
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    key    TEXT PRIMARY KEY,   -- hash of encoder (weights, backend, precision) and text
    vector BLOB NOT NULL,      -- float16, little-endian
    sum    BLOB NOT NULL       -- of key and vector: what is damaged is never used
) STRICT
"""

Half = NDArray[np.float16]


class EmbeddingCache:
    """Vectors by text hash, of one encoder. No fault of the file is ever raised: ``fault`` says why it is not used."""

    def __init__(self, path: Path, encoder: str) -> None:
        """Open the file, or make it. ``encoder``: the encoder's name, which tells weights, backend and precision."""
        self._encoder = encoder
        self.fault: str | None = None
        self._file: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._file = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = NORMAL")  # a crash may lose the last vectors, and no more
            (version,) = self._file.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                self._give_up(f"version {version}, expected {VERSION}")
            else:
                self._file.execute(_TABLE)
                self._file.execute(f"PRAGMA user_version = {VERSION}")
                self._file.execute("SELECT key, vector, sum FROM vectors LIMIT 1")
        except (OSError, sqlite3.Error) as error:
            self._give_up(str(error))

    def get(self, hashes: Iterable[str]) -> dict[str, Half]:
        """Return what is there, undamaged, of some texts, by text hash."""
        if self._file is None:
            return {}
        wanted = {self._key(one): one for one in hashes}
        query = "SELECT key, vector, sum FROM vectors WHERE key IN (SELECT value FROM json_each(?))"
        try:
            rows = self._file.execute(query, (json.dumps(list(wanted)),)).fetchall()
        except sqlite3.Error as error:
            self._give_up(str(error))
            return {}
        return {wanted[key]: np.frombuffer(raw, "<f2") for key, raw, check in rows if check == _sum(key, raw)}

    def put(self, vectors: Mapping[str, Half]) -> None:
        """Keep vectors by text hash; a damaged one that is there is replaced."""
        if self._file is None:
            return
        rows = [(self._key(one), np.asarray(vector, "<f2").tobytes()) for one, vector in sorted(vectors.items())]
        try:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", [(key, raw, _sum(key, raw)) for key, raw in rows]
            )
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(str(error))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _key(self, text_hash: str) -> str:
        return hashlib.blake2b(f"{self._encoder}\0{text_hash}".encode(), digest_size=16).hexdigest()

    def _give_up(self, fault: str) -> None:
        self.fault = fault
        self.close()


def _sum(key: str, vector: bytes) -> bytes:
    return hashlib.blake2b(vector, key=key.encode(), digest_size=8).digest()
