"""A folder into which bundles are put: each that is new is predicted for, and the answer written beside the others.

An answer is named by the hash of its bundle: no file name tells a patient, the same bundle is not asked twice, and a
watch that was ended goes on where it stopped. A bundle is taken once its size and time have not changed between two
looks; better still, it is written elsewhere and moved in.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xhaim.errors import DataError
from xhaim.explain.render import to_json
from xhaim.run.apply import Fitted, fitted
from xhaim.run.apply_bundle import MAX_BYTES, read_bundle, zone_of
from xhaim.run.apply_moments import moment
from xhaim.run.context import Watcher
from xhaim.run.directory import RunDirectory, write_json
from xhaim.run.engines import one_thread
from xhaim.run.set_aside import SetAside
from xhaim.run.vectors import Vectors

EVERY_S = 1.0
"""Between two looks."""


def watched(
    root: Path, folder: Path, out: Path, watch: Watcher, tasks: Sequence[str] = (), every_s: float = EVERY_S
) -> Iterator[Path]:
    """Answer every bundle (``*.json``) that lies in ``folder`` or comes there; yield each answer's file, without end.

    ``tasks``: ids; empty: all of the run. Files that are no bundle of one patient get an answer that says so. Raises
    as ``fitted`` does, and DataError where ``folder`` is none.
    """
    if not folder.is_dir():
        raise DataError("no such folder", got=folder, expected="a folder into which FHIR bundles are put")
    one_thread()
    manifest = RunDirectory.open(root).manifest()
    out.mkdir(parents=True, exist_ok=True)
    models = [fitted(root, task_id, out, watch) for task_id in tasks or manifest["tasks"]]
    zone, seen = zone_of(manifest), dict[str, tuple[int, int]]()
    while True:
        for path in settled(folder, seen):
            if (answer := _answered(path, out, models, zone)) is not None:
                yield answer
        time.sleep(every_s)


def settled(folder: Path, seen: dict[str, tuple[int, int]]) -> list[Path]:
    """Return the files that stand as they stood at the last look, each once; ``seen`` keeps how all of them stand."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            told = path.lstat()
        except OSError:  # gone meanwhile
            continue
        mark = (told.st_size, told.st_mtime_ns)
        if seen.get(path.name) == mark and not path.is_symlink() and path.is_file():
            found.append(path)
            seen[path.name] = (-1, told.st_mtime_ns)  # done, until it changes
        elif seen.get(path.name) != (-1, told.st_mtime_ns):
            seen[path.name] = mark
    return found


def _answered(path: Path, out: Path, models: Sequence[Fitted], zone: str | None) -> Path | None:
    """Write the answer to a bundle and return its file; ``None`` where it was answered before, or is gone."""
    try:
        with path.open("rb") as sent:
            data = sent.read(MAX_BYTES + 1)
    except OSError:
        return None
    answer = out / f"{hashlib.sha256(data).hexdigest()[:32]}.json"
    if answer.exists():
        return None
    with TemporaryDirectory(prefix="xhaim-watched-") as scratch:
        write_json(answer, _told(data, models, zone, Path(scratch)))
    return answer


def _told(data: bytes, models: Sequence[Fitted], zone: str | None, scratch: Path) -> dict[str, Any]:
    told: dict[str, Any] = {"predictions": [], "explanations": [], "refused": [], "left": []}
    aside = SetAside()
    try:
        with aside.trying("it"):
            patient = read_bundle(data, scratch, zone)
            told["left"] = [asdict(one) for one in patient.left]
    except DataError as error:
        return {**told, "error": error.what}
    if aside.reasons:
        return {**told, "error": f"failed: {aside.reasons['it']}"}
    events = patient.store.events().collect().lazy()
    vectors = Vectors(models[0].settings.retrieve.encoder)
    for model in models:
        try:
            with aside.trying(model.task.id):
                sample = moment(events, model.task)
                made = model.apply(patient.store, sample, vectors=vectors, scratch=scratch)
                assert made.explanation is not None  # noqa: S101  (it was asked for)
                plain = {**asdict(made.prediction), "prediction_time": sample.prediction_time.isoformat()}
                told["predictions"].append(plain)
                told["explanations"].append(json.loads(to_json(made.explanation)))
        except DataError as error:
            told["refused"].append({"task_id": model.task.id, "reason": error.what})
        if model.task.id in aside.reasons:
            told["refused"].append({"task_id": model.task.id, "reason": f"failed: {aside.reasons[model.task.id]}"})
    return told
