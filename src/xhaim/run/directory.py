"""A run directory: stages of shards, each written whole or not at all, redone only when what decides them changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.atomic import write_bytes
from xhaim.errors import DataError, PrerequisiteError

LAYOUT = 1
"""Of the run directory; another one is refused."""
_BEGUN = re.compile(r"\.manifest\.json\.\d+")
"""All that a run which was killed at its very beginning may hold."""
_UNFINISHED = re.compile(r"\..+\.(\d{1,9})")
"""What ``write_bytes`` writes until the file is whole: ``.NAME.PID``."""
_AN_HOUR = 3600
"""Seconds: nothing takes as long to write, so even a process of another machine, on storage of both, has ended."""


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401  (whatever JSON can hold)
    """Write canonical JSON, whole or not at all."""
    write_bytes(path, (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:  # noqa: ANN401
    """Read JSON; a broken file is a DataError that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read", got=str(error), do="delete it and run again") from None


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write Parquet, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    frame.write_parquet(temporary, compression="zstd")
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(path)


@cache
def code_hash() -> str:
    """Return 16 hex digits over the package's own files: other code never reuses this code's results.

    But for what only shows or judges results: a page mended must not stop a run's model from being asked.
    """
    root = Path(str(files("xhaim")))
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.relative_to(root).parts[0] in {"cli", "serve", "judge"}:
            continue
        if path.is_file() and path.suffix in {".py", ".yaml", ".txt", ".j2", ".css", ".js"}:
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _sweep(root: Path) -> None:
    """Remove what processes that have died since left half written."""
    for path in root.rglob(".*"):
        found = _UNFINISHED.fullmatch(path.name)
        if found is None or _lives(int(found[1])) or not path.is_file():
            continue
        with suppress(FileNotFoundError):  # somebody else swept it
            if time.time() - path.stat().st_mtime > _AN_HOUR:
                path.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)  # no signal: only asks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


@dataclass(frozen=True, slots=True)
class Stage:
    """One folder of a run, with the key of everything that decides its content."""

    folder: Path
    key: str

    def path(self, name: str) -> Path:
        """Return where one of its files lies."""
        return self.folder / name

    def shard(self, index: int) -> Path:
        """Return where one of its shards lies."""
        return self.path(f"{index:05d}.parquet")

    def shards(self) -> list[Path]:
        """Return its Parquet shards in order."""
        return sorted(self.folder.glob("*.parquet"))

    def frame(self) -> pl.DataFrame:
        """Return all its shards as one frame."""
        return pl.concat([pl.read_parquet(path) for path in self.shards()], how="vertical_relaxed")

    def once(self, name: str, work: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Return one frame of the stage, made if it is not there."""
        target = self.path(name)
        if not target.exists():
            write_frame(target, work())
        return pl.read_parquet(target)


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Where a run keeps everything: manifest, stages, models, report."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> RunDirectory:
        """Open a run directory, or begin one in an empty or absent folder.

        Raises DataError for a folder that holds something else, or a run of another layout.
        """
        manifest = root / "manifest.json"
        if manifest.exists():
            found = read_json(manifest).get("layout")
            if found != LAYOUT:
                raise DataError(
                    f"{root} is a run of another version", got=found, expected=LAYOUT, do="choose another --out"
                )
        elif root.exists() and any(not _BEGUN.fullmatch(path.name) for path in root.iterdir()):
            raise DataError(f"{root} is not empty and not a run", expected="a new folder", do="choose another --out")
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        return cls(root)

    @classmethod
    def open(cls, root: Path) -> RunDirectory:
        """Open a run that is there. Raises PrerequisiteError where there is none."""
        if not (root / "manifest.json").is_file():
            raise PrerequisiteError(
                f"{root} is not a run directory",
                expected="a folder with manifest.json",
                do=f"xhaim run STORE --out {root}",
            )
        return cls.create(root)

    def manifest(self) -> dict[str, Any]:
        """Return what the run was made with."""
        content: dict[str, Any] = read_json(self.root / "manifest.json")
        return content

    def stage(self, name: str, key: str) -> Stage:
        """Open a stage; if what decides it has changed since, its old content is removed first."""
        folder = self.root / name
        mark = folder / "stage.json"
        if folder.exists() and not (mark.exists() and read_json(mark).get("key") == key):
            shutil.rmtree(folder)
        if not mark.exists():
            write_json(mark, {"key": key})
        return Stage(folder, key)
