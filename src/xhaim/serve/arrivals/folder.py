"""The folder of arrivals: what was sent of each patient, as it was sent, and what was answered.

    <key>/messages/<number>-<arrival in UTC>.json    as sent, in order of arrival; on the disk before it is acknowledged
    <key>/state.json                                 what was read last, and every risk so far
    <key>/answers/<task>/<sample>.json               explanations, evidence, summaries: the newest of each task
    <key>/read-<number>/                             the store that was read of them; may be deleted at any time
    inbox/                                           messages that another program puts here
    refused/                                         those that could not be taken, named by their hash

A key is the hash of the patient's name: no file name tells a patient. Nobody else on the machine may read the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from xhaim.atomic import write_bytes
from xhaim.errors import PrerequisiteError

KEY = re.compile(r"[0-9a-f]{32}")
_MESSAGE = re.compile(r"(\d{6,9})-(\d{8}T\d{12})Z\.json")
_TIME = "%Y%m%dT%H%M%S%f"
INBOX, REFUSED, STATE, MESSAGES = "inbox", "refused", "state.json", "messages"


@dataclass(frozen=True, slots=True)
class Message:
    """One file of what was sent."""

    number: int
    """From 1, in order of arrival, whatever the clock said."""
    arrived: datetime
    """In UTC."""
    path: Path
    size: int


def key_of(patient: str) -> str:
    """Return the key of a patient by their name in FHIR: ``Patient/7``, or an urn."""
    return hashlib.sha256(patient.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True)
class Folder:
    """The folder, held by this process alone."""

    root: Path
    held: IO[str]

    @classmethod
    def open(cls, root: Path) -> Folder:
        """Open it, made where it is not there. Raises PrerequisiteError where another server holds it."""
        try:
            root.mkdir(parents=True, exist_ok=True)
            root.chmod(0o700)
            held = (root / ".lock").open("a")
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PrerequisiteError(f"another server keeps its arrivals in {root}", do="give each its own") from None
        except OSError as error:
            raise PrerequisiteError(f"{root} cannot be written", got=type(error).__name__) from None
        for name in (INBOX, REFUSED):
            (root / name).mkdir(mode=0o700, exist_ok=True)
        for left in root.glob(".gone-*"):
            shutil.rmtree(left, ignore_errors=True)
        return cls(root, held)

    def close(self) -> None:
        """Let another server have it."""
        self.held.close()

    def everybody(self) -> list[str]:
        """Return the keys of all patients."""
        return sorted(path.name for path in self.root.iterdir() if KEY.fullmatch(path.name) and path.is_dir())

    def of(self, key: str) -> Path:
        """Return a patient's folder."""
        if not KEY.fullmatch(key):
            raise ValueError("not a key")
        return self.root / key

    def messages(self, key: str) -> list[Message]:
        """Return what was sent of a patient, by number."""
        found = []
        for path in (self.of(key) / MESSAGES).glob("*.json"):
            if told := _MESSAGE.fullmatch(path.name):
                arrived = datetime.strptime(told[2], _TIME).replace(tzinfo=UTC)
                found.append(Message(int(told[1]), arrived, path, path.stat().st_size))
        return sorted(found, key=lambda one: one.number)

    def keep(self, key: str, number: int, data: bytes, arrived: datetime) -> Message:
        """Keep a message: when this returns it is on the disk. Raises OSError where the disk is full."""
        folder = self.of(key) / MESSAGES
        if not folder.is_dir():
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            sync(self.root)
            sync(folder.parent)
        path = folder / f"{number:06d}-{arrived:{_TIME}}Z.json"
        try:
            write_bytes(path, data)
            path.chmod(0o600)
        except OSError:  # its sender is told that nothing was kept, and the next takes its number
            path.unlink(missing_ok=True)
            raise
        return Message(number, arrived, path, len(data))

    def write(self, key: str, name: str, data: bytes) -> None:
        """Write a file of a patient whole or not at all."""
        path = self.of(key) / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bytes(path, data)
        path.chmod(0o600)

    def refuse(self, path: Path, data: bytes) -> None:
        """Move a message out of the inbox that could not be taken."""
        path.replace(self.root / REFUSED / f"{hashlib.sha256(data).hexdigest()[:32]}.json")

    def forget(self, key: str) -> None:
        """Remove all that is kept of a patient; a server that is killed meanwhile goes on when it starts again."""
        gone = self.root / f".gone-{key}-{time.time_ns()}"
        self.of(key).rename(gone)
        sync(self.root)
        shutil.rmtree(gone, ignore_errors=True)  # what is left goes at the next start


def sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
