"""One arrived patient read and answered for: the chart into a store, and every task's model asked of it.

Between two messages the chart and the embeddings stay in memory, so that only what is new is embedded.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from xhaim.errors import DataError, PrerequisiteError, XhaimError
from xhaim.records import Sample
from xhaim.run.directory import write_frame
from xhaim.run.faults import place_of
from xhaim.run.prepared import Prepared
from xhaim.run.vectors import Vectors, chunks_of, embedded_text, text_hash
from xhaim.serve.arrivals.chart import Chart
from xhaim.serve.arrivals.counted import Counted
from xhaim.serve.arrivals.folder import Folder
from xhaim.serve.arrivals.reading import Reading, read_chart
from xhaim.serve.arrivals.sent import sent
from xhaim.serve.arrivals.told import Answer, Risk
from xhaim.serve.arrivals.view import EMBEDDINGS, identity, number_of, sample_id
from xhaim.serve.asking import TURN
from xhaim.serve.doors.patients import NO_MODEL, Ready
from xhaim.serve.kept import Kept
from xhaim.source.store import Store
from xhaim.task import Task

_WARM = 16
"""Patients whose chart and embeddings are kept in memory."""
_PREPARED = 6
_READ = re.compile(r"read-(\d{1,9})")


@dataclass
class Warmed:
    """What is kept in memory of a patient between two messages."""

    chart: Chart = field(default_factory=Chart)
    vectors: Vectors | None = None
    prepared: Kept = field(default_factory=lambda: Kept(_PREPARED))
    """(sample id, task id) -> what the model reads of it."""
    last: Prepared | None = None
    """Of the task that was answered last."""


class Answering:
    """Reads patients of a folder, and asks models of them; by one thread, but for ``prepared``."""

    def __init__(self, folder: Folder, counted: Counted) -> None:
        """Begin with nothing in memory."""
        self.folder, self._counted = folder, counted
        self._warm = Kept(_WARM)

    def warm_up(self, ready: Ready) -> None:
        """Load what the first patient would wait for."""
        for task in ready.run.tasks:
            with suppress(XhaimError), TURN:
                model = ready.model(task.id)
                _ = model.model, model.tested, model.library, model.reader

    def read(self, key: str, number: int, zone: str | None) -> Reading:
        """Read all messages of a patient up to now into ``read-<number>``. Raises DataError as ``read_chart`` does."""
        warm: Warmed = self._warm.get(key, Warmed)
        for one in self.folder.messages(key):
            if warm.chart.number < one.number <= number:
                warm.chart.add(sent(one.path.read_bytes()), one.number, one.arrived)
        into, fresh = self.folder.of(key) / f"read-{number}", self.folder.of(key) / "reading"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        found = read_chart(warm.chart, fresh, zone, number_of(key))
        shutil.rmtree(into, ignore_errors=True)
        fresh.rename(into)
        return replace(found, store=Store.open(into / "store"))

    def answer(self, key: str, number: int, reading: Reading, task: Task, ready: Ready) -> tuple[Risk, Answer] | str:
        """Return what a task's model says of a patient; or why it says nothing."""
        try:
            found = reading.sample(task)
            sample = replace(found, sample_id=sample_id(key, found.prediction_time, number))
            with TURN:
                with self._counted.spending("ask"):
                    mine = self._made(key, reading.store, task, sample, ready)
                    told = mine.prediction()
                with self._counted.spending("explain"):
                    explanation = mine.explained()
        except DataError as error:
            return error.what
        except PrerequisiteError:  # which says where things lie on this machine
            return NO_MODEL
        except Exception as error:  # whatever a record does to a library
            return f"failed: {place_of(error)}"
        warm = self._warm.get(key, Warmed)
        warm.last = mine
        warm.prepared.put((sample.sample_id, task.id), mine)
        run = identity(ready.run.manifest)
        risk = Risk(sample, told, number, reading.latest, run, told.outcomes == (0, 1))
        return risk, Answer(explanation, tuple(mine.evidence.values()), tuple(mine.summaries.values()))

    def prepared(self, key: str, store: Store, task: Task, sample: Sample, ready: Ready) -> Prepared:
        """Return what a task's model reads of a sample, for a page that asks it again."""

        def made() -> Prepared:
            with TURN:
                return self._made(key, store, task, sample, ready)

        return self._warm.get(key, Warmed).prepared.get((sample.sample_id, task.id), made)

    def forget(self, key: str) -> None:
        """Keep nothing of a patient in memory, and no store that was read of them."""
        self._warm.drop(key)
        if self.folder.of(key).is_dir():
            for _, path in self._reads(key):
                shutil.rmtree(path, ignore_errors=True)

    def tidy(self, key: str, number: int, reading: Reading) -> None:
        """Keep the embeddings beside the store, for questions and for the next start; remove stores read before."""
        mine = self._warm.get(key, Warmed).last
        if mine is not None and mine.run.store is reading.store:
            _keep_vectors(mine, reading.store.path.parent / EMBEDDINGS)
        others = [path for n, path in self._reads(key) if n != number]
        for path in others[:-1]:  # a page may still read the one before
            shutil.rmtree(path, ignore_errors=True)

    def _reads(self, key: str) -> list[tuple[int, Path]]:
        """Return the stores that were read of a patient, by their messages."""
        folder = self.folder.of(key)
        return sorted((int(found[1]), path) for path in folder.iterdir() if (found := _READ.fullmatch(path.name)))

    def _made(self, key: str, store: Store, task: Task, sample: Sample, ready: Ready) -> Prepared:
        model, warm = ready.model(task.id), self._warm.get(key, Warmed)
        encoder = model.settings.retrieve.encoder
        if warm.vectors is None or warm.vectors.encoder_name != encoder:
            warm.vectors = self._vectors(key, encoder)
        scratch = self.folder.of(key) / "asked"
        return model.prepared(store, sample, vectors=warm.vectors, scratch=scratch)

    def _vectors(self, key: str, encoder: str) -> Vectors:
        """Return the embeddings that were kept before this server began."""
        vectors = Vectors(encoder)
        for _, path in self._reads(key)[::-1]:
            with suppress(OSError, pl.exceptions.PolarsError):  # not kept, or not whole: they are made again
                vectors.load(path / EMBEDDINGS)
                break
        return vectors


def _keep_vectors(mine: Prepared, path: Path) -> None:
    documents = mine.known.documents.get(mine.sample.sample_id, ())
    chunks = [one for part in chunks_of(mine.run, documents).values() for one in part]
    texts = {text_hash(text): text for text in map(embedded_text, chunks)}
    if texts:
        halves = mine.vectors(list(texts.values())).astype(np.float16)
        rows = {"text_hash": list(texts), "vector": [one.tobytes() for one in halves]}
        write_frame(path, pl.DataFrame(rows, schema={"text_hash": pl.String(), "vector": pl.Binary()}))
