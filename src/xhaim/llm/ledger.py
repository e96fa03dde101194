"""Every call to a language model in one SQLite file: cache, resume point, cost sheet and audit trail."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xhaim.errors import BackendError, DataError
from xhaim.ports import LanguageModel, Reply

_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS calls (
    request_hash  TEXT PRIMARY KEY,
    model         TEXT NOT NULL,
    request       TEXT NOT NULL,   -- JSON: model, fingerprint, system, user, schema
    status        TEXT NOT NULL CHECK (status IN ('ok', 'failed')),
    reply         TEXT,            -- NULL unless ok
    finish_reason TEXT,
    tokens_in     INTEGER,
    tokens_out    INTEGER,
    seconds       REAL,            -- of the call that succeeded
    attempts      INTEGER NOT NULL,
    error         TEXT,            -- NULL if ok
    asked_at      TEXT NOT NULL    -- UTC, of the last attempt
) STRICT
"""
_WRITE = """
INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
ON CONFLICT (request_hash) DO UPDATE SET
    status = excluded.status, reply = excluded.reply, finish_reason = excluded.finish_reason,
    tokens_in = excluded.tokens_in, tokens_out = excluded.tokens_out, seconds = excluded.seconds,
    attempts = calls.attempts + 1, error = excluded.error, asked_at = excluded.asked_at
WHERE calls.status = 'failed'
"""


class Ledger:
    """A language model that never asks the same thing twice; itself a LanguageModel.

    A row is written and synced before the answer is returned, so a killed run resumes from its last answer. The file
    holds prompts, hence patients' text: only its owner may read it. Raises DataError when the file is no ledger.
    """

    def __init__(self, path: Path, model: LanguageModel) -> None:
        self._model = model
        self._lock = threading.Lock()
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._calls = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            self._calls.execute("PRAGMA journal_mode = WAL")
            self._calls.execute("PRAGMA synchronous = FULL")
            (version,) = self._calls.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise DataError(f"{path} is a ledger of another version", got=version, expected=_VERSION)
            self._calls.execute(_TABLE)
            self._calls.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{path} is not a ledger", got=str(error), do="move the file away; it is made anew"
            ) from None

    @property
    def name(self) -> str:
        """Name of the model behind the ledger."""
        return self._model.name

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None) -> Reply:
        """Return the stored answer to the same request, else ask the model and store what came.

        Failures are stored, and asked again. Raises BackendError as the model does.
        """
        request = json.dumps(
            {
                "model": self._model.name,
                "fingerprint": getattr(self._model, "fingerprint", ""),
                "system": system,
                "user": user,
                "schema": schema,
            },
            sort_keys=True,
        )
        key = hashlib.sha256(request.encode()).hexdigest()
        stored = self._stored(key)
        if stored is not None:
            return stored
        try:
            reply = self._model.ask(system, user, schema)
        except BackendError as error:
            self._write(key, request, None, error.what)
            raise
        self._write(key, request, reply, None)
        return self._stored(key) or reply

    def totals(self) -> dict[str, float | None]:
        """Return the cost sheet: requests ok and failed, attempts, tokens in and out, seconds; ``None``: not known."""
        row = self._row(
            "SELECT total(status = 'ok'), total(status = 'failed'), total(attempts), sum(tokens_in), sum(tokens_out),"
            " sum(seconds) FROM calls"
        )
        names = ("ok", "failed", "attempts", "tokens_in", "tokens_out", "seconds")
        return dict(zip(names, row or [None] * 6, strict=True))

    def close(self) -> None:
        """Close the file."""
        self._calls.close()

    def _row(self, query: str, *values: str) -> tuple[Any, ...] | None:
        with self._lock:
            found: tuple[Any, ...] | None = self._calls.execute(query, values).fetchone()
        return found

    def _stored(self, key: str) -> Reply | None:
        row = self._row(
            "SELECT reply, model, finish_reason, tokens_in, tokens_out, seconds FROM calls"
            " WHERE request_hash = ? AND status = 'ok'",
            key,
        )
        return Reply(*row) if row else None

    def _write(self, key: str, request: str, reply: Reply | None, error: str | None) -> None:
        told = (
            (reply.text, reply.finish_reason, reply.tokens_in, reply.tokens_out, reply.seconds) if reply else [None] * 5
        )
        with self._lock:
            self._calls.execute(
                _WRITE,
                (
                    key,
                    self._model.name,
                    request,
                    "failed" if reply is None else "ok",
                    *told,
                    error,
                    datetime.now(UTC).isoformat(timespec="seconds"),
                ),
            )
