"""The run directory of a server: opened for reading, and opened again when it was replaced."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.errors import DataError, PrerequisiteError, XhaimError
from xhaim.run.directory import LAYOUT, read_json
from xhaim.serve.results import StoredRun
from xhaim.source.store import Store
from xhaim.task import Task


def open_run(root: Path) -> StoredRun:
    """Open a run directory for reading.

    Raises PrerequisiteError where there is none or it is not finished, DataError for a run of another layout, or one
    whose model reads the report that states the answer: its risks are no predictions.
    """
    path = root / "manifest.json"
    if not path.is_file():
        raise PrerequisiteError(
            f"{root} is not a run directory", expected="a folder with manifest.json", do=f"xhaim run STORE --out {root}"
        )
    manifest = read_json(path)
    if not isinstance(manifest, dict) or manifest.get("layout") != LAYOUT:
        got = manifest.get("layout") if isinstance(manifest, dict) else type(manifest).__name__
        raise DataError(
            f"{root} is a run of another version", got=got, expected=LAYOUT, do="make it again with: xhaim run"
        )
    if manifest.get("leaky"):
        raise DataError(
            f"{root} is LEAKY: its model reads the report that states the answer, and its risks are no predictions",
            got="report policy index_included",
            expected="prior_only, prior_plus_indication or none",
            do=f"xhaim run {manifest.get('store')} --report-policy prior_only --out NEW_RUN",
        )
    if not manifest.get("tasks"):
        raise DataError(f"{root} has no task", expected="at least one", do="make it again with: xhaim run")
    drawn = root / "samples" / "samples.parquet"
    if not drawn.is_file():
        raise PrerequisiteError(f"{root} is not finished: no samples are drawn yet", do="let xhaim run end first")
    try:
        tasks = tuple(Task.model_validate(one) for one in manifest["tasks"].values())
        size = int(manifest["settings"]["shard_size"])
        store, fault = _store(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # pydantic's too
        raise DataError(
            f"{path} does not say what a run's does", got=type(error).__name__, do="make it again with: xhaim run"
        ) from None
    order = pl.read_parquet(drawn).sort("subject_id", "sample_id").with_row_index("place")
    samples = order.with_columns((pl.col("place") // size).alias("shard")).drop("place").sort("sample_id")
    return StoredRun(root, manifest, store, fault, tasks, samples)


def _store(manifest: dict[str, Any]) -> tuple[Store | None, str]:
    try:
        store = Store.open(Path(manifest["store"]))
    except XhaimError as error:
        return None, f"the store of this run cannot be opened: {error.what}"
    if store.fingerprint != manifest["data_fingerprint"]:
        return None, "the store holds other data than the run was made from"
    return store, ""


class Watched:
    """The run directory of a server: opened again when it was replaced."""

    def __init__(self, root: Path) -> None:
        self._root, self._turn = root, threading.Lock()
        self._run, self._mark = open_run(root), self._now()

    def now(self) -> StoredRun:
        """Return the run as it lies there now; while it is being replaced, as it lay before.

        Raises DataError where another run lies there now that cannot be shown.
        """
        mark = self._now()
        if mark is not None and mark != self._mark and self._turn.acquire(blocking=False):
            try:
                fresh = open_run(self._root)
                fresh.prepare()  # by one thread, while all others are shown the run before
                self._run, self._mark = fresh, mark
            except PrerequisiteError:
                pass  # not finished yet: the one before stays
            finally:
                self._turn.release()
        return self._run

    def _now(self) -> tuple[tuple[int, int], ...] | None:
        """Return inode and time of what changes whenever a run is made anew or goes on."""
        try:
            found = [(self._root / name).stat() for name in ("manifest.json", "samples/stage.json")]
            stages = sorted(self._root.glob("models/*/split-*.parquet"))
            found += [path.stat() for path in stages]
        except OSError:
            return None
        return tuple((one.st_ino, one.st_mtime_ns) for one in found)
