"""Every call to a language model in one SQLite file: cache, resume point, cost sheet and audit trail."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xhaim.errors import BackendError, DataError
from xhaim.llm.limits import asking
from xhaim.llm.pictures import digest
from xhaim.llm.replies import WHY, UnusableReplyError, fault_of
from xhaim.ports import LanguageModel, Pixels, Reply

FILE = "ledger.sqlite"
"""Where a run directory keeps it."""
VERSION = 2
_TRIES, _PAUSE_S = 600, 0.1
"""To open a ledger that another process is opening: a minute."""
_TABLE = """
CREATE TABLE IF NOT EXISTS calls (
    request_hash  TEXT PRIMARY KEY,
    model         TEXT NOT NULL,
    request       TEXT NOT NULL,     -- JSON: model, fingerprint, system, user, schema, hashes of images
    status        TEXT NOT NULL CHECK (status IN ('ok', 'failed')),
    reply         TEXT,              -- of the last attempt, where anything came; an answer only if ok
    finish_reason TEXT,
    tokens_in     INTEGER,           -- of the last attempt
    tokens_out    INTEGER,
    seconds       REAL,
    attempts      INTEGER NOT NULL,
    spent_in      INTEGER,           -- of all attempts; NULL: no reply was counted
    spent_out     INTEGER,
    spent_s       REAL NOT NULL,
    uncounted     INTEGER NOT NULL,  -- 1: some attempt came back without a count of tokens
    error         TEXT,              -- NULL if ok
    asked_at      TEXT NOT NULL      -- UTC, of the last attempt
) STRICT
"""
_WRITE = """
INSERT INTO calls VALUES (
    :key, :model, :request, :status, :text, :finish_reason, :tokens_in, :tokens_out, :seconds, 1,
    :tokens_in, :tokens_out, :spent, :uncounted, :error, :asked_at
)
ON CONFLICT (request_hash) DO UPDATE SET
    status = excluded.status, reply = excluded.reply, finish_reason = excluded.finish_reason,
    tokens_in = excluded.tokens_in, tokens_out = excluded.tokens_out, seconds = excluded.seconds,
    attempts = calls.attempts + 1, error = excluded.error, asked_at = excluded.asked_at,
    spent_in = CASE WHEN excluded.spent_in IS NULL THEN calls.spent_in
                    ELSE coalesce(calls.spent_in, 0) + excluded.spent_in END,
    spent_out = CASE WHEN excluded.spent_out IS NULL THEN calls.spent_out
                     ELSE coalesce(calls.spent_out, 0) + excluded.spent_out END,
    spent_s = calls.spent_s + excluded.spent_s, uncounted = max(calls.uncounted, excluded.uncounted)
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
        self._asking: dict[str, tuple[threading.Lock, int]] = {}
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._calls = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            self._write_ahead()
            self._calls.execute("PRAGMA synchronous = FULL")
            (version,) = self._calls.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise DataError(f"{path} is a ledger of another version", got=version, expected=VERSION)
            self._calls.execute(_TABLE)
            self._calls.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{path} is not a ledger", got=str(error), do="move the file away; it is made anew"
            ) from None

    def _write_ahead(self) -> None:
        """Switch to write-ahead logging; where another process does so now, SQLite does not wait, so this does."""
        for left in reversed(range(_TRIES)):
            try:
                self._calls.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if not left or "locked" not in str(error):
                    raise
                time.sleep(_PAUSE_S)
            else:
                return

    @property
    def name(self) -> str:
        """Name of the model behind the ledger."""
        return self._model.name

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None, images: Sequence[Pixels] = ()) -> Reply:
        """Return the stored answer to the same request, else ask the model and store what came.

        Failures are stored too. Where the server was at fault, the next one asks again; a model's answer that is cut,
        empty or not by the schema is raised again (UnusableReplyError), for it would only be given once more.
        Raises BackendError as the model does.
        """
        told = {
            "model": self._model.name,
            "fingerprint": getattr(self._model, "fingerprint", ""),
            "system": system,
            "user": user,
            "schema": schema,
        }
        shown = {"images": [digest(one) for one in images]} if len(images) else {}
        request = json.dumps(told | shown, sort_keys=True)
        key = hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()
        with self._turn(key):
            return self._stored(key) or self._ask(
                key, request, schema, asking(self._model, system, user, schema, images)
            )

    def _ask(self, key: str, request: str, schema: dict[str, Any] | None, ask: Callable[[], Reply]) -> Reply:
        begun = time.monotonic()
        reply: Reply | None = None
        try:
            reply = ask()
            fault = fault_of(reply, schema)
            if fault is not None:
                raise UnusableReplyError(self.name, fault, reply)
        except BackendError as error:
            came = error.reply if isinstance(error, UnusableReplyError) else None
            self._write(key, request, came, error.what, time.monotonic() - begun)
            raise
        self._write(key, request, reply, None, time.monotonic() - begun)
        return self._stored(key) or reply

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        """Let one thread at a time ask the same thing; the next finds the answer."""
        with self._lock:
            mine, waiting = self._asking.get(key, (threading.Lock(), 0))
            self._asking[key] = (mine, waiting + 1)
        try:
            with mine:
                yield
        finally:
            with self._lock:
                left = self._asking[key][1] - 1
                if left:
                    self._asking[key] = (mine, left)
                else:
                    del self._asking[key]

    def totals(self) -> dict[str, float | None]:
        """Return requests ok and failed, attempts, tokens in and out and seconds of all; ``None``: not known."""
        row = self._row(
            "SELECT total(status = 'ok'), total(status = 'failed'), total(attempts), sum(spent_in), sum(spent_out),"
            " total(spent_s) FROM calls"
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
            "SELECT error, reply, model, finish_reason, tokens_in, tokens_out, seconds FROM calls"
            " WHERE request_hash = ? AND reply IS NOT NULL",
            key,
        )
        if row and row[0] is not None:
            raise UnusableReplyError(self.name, row[0].split(WHY, 1)[-1], Reply(*row[1:]))
        return Reply(*row[1:]) if row else None

    def _write(self, key: str, request: str, reply: Reply | None, error: str | None, spent: float) -> None:
        told = {
            "text": reply.text.encode("utf-8", "replace").decode() if reply else None,
            "finish_reason": reply.finish_reason.encode("utf-8", "replace").decode() if reply else None,
            "tokens_in": reply.tokens_in if reply else None,
            "tokens_out": reply.tokens_out if reply else None,
            "seconds": reply.seconds if reply else None,
        }
        row = told | {
            "key": key,
            "model": self.name,
            "request": request,
            "status": "ok" if error is None else "failed",
            "spent": round(spent, 3),
            "uncounted": int(told["tokens_in"] is None or told["tokens_out"] is None),
            "error": error,
            "asked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._lock:
            self._calls.execute(_WRITE, row)
