"""Every patient of a store by the models of a run: risks, explanations, and why where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from xhaim.atomic import write_bytes
from xhaim.errors import DataError
from xhaim.explain.render import to_json
from xhaim.records import Explanation
from xhaim.run.apply import Applied, Fitted, fitted
from xhaim.run.apply_moments import moment
from xhaim.run.context import Watcher
from xhaim.run.directory import RunDirectory, write_json
from xhaim.run.engines import one_thread
from xhaim.run.set_aside import SetAside
from xhaim.run.vectors import Vectors
from xhaim.source.store import Store


@dataclass(frozen=True, slots=True)
class Row:
    """One subject by one task."""

    subject_id: int
    task_id: str
    sample_id: str | None
    prediction_time: datetime | None
    risk: float | None
    low: float | None
    high: float | None
    abstains: bool | None
    threshold: float | None
    """Operating point of the model."""
    reason: str | None
    """Why there is no risk; ``None`` where there is one."""


def applied(
    root: Path,
    store_path: Path,
    watch: Watcher,
    *,
    tasks: Sequence[str] = (),
    subjects: Sequence[int] = (),
    at: datetime | None = None,
    out: Path | None = None,
    explained: bool = False,
) -> tuple[list[Row], list[Explanation]]:
    """Apply a run to a store: one row for each subject and task, ordered by both; and the explanations, if asked for.

    ``tasks``: ids; empty: all of the run. ``subjects``: empty: all of the store. ``at``: local time of the store;
    ``None``: as ``apply_moments`` says. ``out``: an empty or new folder for all of it; nothing else is written.
    Raises as ``fitted`` does, and DataError for a folder that holds something, or a subject who is not there.
    """
    one_thread()
    store = Store.open(store_path)
    manifest = RunDirectory.open(root).manifest()
    with ExitStack() as kept:
        scratch = _folder(out) if out is not None else Path(kept.enter_context(TemporaryDirectory()))
        models = [fitted(root, task_id, scratch, watch) for task_id in tasks or manifest["tasks"]]
        found = _everybody(store, subjects)
        rows, explanations, done = list[Row](), list[Explanation](), 0
        with watch.stage("predict") as progress:
            for subject in found:
                vectors = Vectors(models[0].settings.retrieve.encoder)
                for model in models:
                    row, made = _one(model, store, subject, at, vectors, explained=explained or out is not None)
                    rows.append(row)
                    if made is not None and made.explanation is not None:
                        explanations.append(made.explanation)
                        if out is not None:
                            name = f"{made.sample.sample_id}.json"
                            place = out / "explanations" / row.task_id / name
                            write_bytes(place, to_json(made.explanation).encode())
                    done += 1
                    progress(done, len(found) * len(models))
        if out is not None:
            about = {key: manifest[key] for key in ("version", "code", "settings_hash", "data_fingerprint")}
            simulated = {"model": manifest["simulated"], "patients": store.simulated}
            plain = [{**asdict(row), "prediction_time": _iso(row.prediction_time)} for row in rows]
            write_json(out / "predictions.json", {"run": about, "simulated": simulated, "predictions": plain})
    return rows, explanations


def _one(
    model: Fitted, store: Store, subject: int, at: datetime | None, vectors: Vectors, *, explained: bool
) -> tuple[Row, Applied | None]:
    aside, what = SetAside(), "no reason"
    try:
        with aside.trying("it"):
            events = store.events([subject]).collect().lazy()
            sample = moment(events, model.task, at)
            made = model.apply(store, sample, explained=explained, vectors=vectors)
            told = made.prediction
            return Row(
                subject, model.task.id, sample.sample_id, sample.prediction_time, told.risk, told.low, told.high,
                told.outcomes == (0, 1), model.model.facts.operating_point.threshold, None,
            ), made  # fmt: skip
        what = f"failed: {aside.reasons['it']}"
    except DataError as error:
        what = error.what
    return Row(subject, model.task.id, None, None, None, None, None, None, None, what), None


def _everybody(store: Store, wanted: Sequence[int]) -> list[int]:
    there = store.events().select(pl.col("subject_id").unique()).collect()["subject_id"].sort().to_list()
    if unknown := sorted(set(wanted) - set(there)):
        raise DataError("subjects who are not in the store", got=", ".join(map(str, unknown[:5])))
    return sorted(set(wanted)) or there


def _folder(out: Path) -> Path:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} holds something already", expected="a new or empty folder", do="choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
