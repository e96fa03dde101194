"""How long a prompt of step 2 is against the whole chart, on SIMULATED patients; printed by ``benchmarks.door``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from xhaim.config import RunSettings, SummarizeSettings
from xhaim.errors import BackendError
from xhaim.llm.scripted import ScriptedModel
from xhaim.predict.encoder import token_counter
from xhaim.records import MODALITIES, Document
from xhaim.retrieve.hybrid import retrieve
from xhaim.run.context import Run
from xhaim.run.known import Known, store_known
from xhaim.run.people import gather
from xhaim.run.pipeline import begin
from xhaim.run.vectors import Vectors, chunks_of
from xhaim.run.watch import Quiet
from xhaim.summarize.generative import generative

SIZES = (50, 100, 200, 300)
"""Chunks of the charts that are put together."""
EACH = 12
"""Charts of each size."""


def prompt_sizes(store: Path, settings: RunSettings) -> Iterator[tuple[str, list[float], list[int]]]:
    """Yield, for charts of each kind: its name, whole text over prompt in tokens, and chunks considered, by prompt."""
    count = token_counter("minilm")
    vectors = Vectors(settings.retrieve.encoder)
    with TemporaryDirectory() as folder:
        run = begin(store, settings.model_copy(update={"llm": RunSettings(tasks=()).llm}), Path(folder), Quiet())
        task, people = run.tasks[0], gather(run)
        known = store_known(run, people)[run.policy(task)]
        wanted = set(people.of(task)["sample_id"])
        charts: list[Sequence[Document]] = []
        for path in known.shards():
            charts += [found for one, found in sorted(Known.read(path).documents.items()) if one in wanted]

        def measured(documents: Sequence[Document]) -> Iterator[tuple[float, int]]:
            whole = sum(count(one.text) for one in documents)
            chunks = chunks_of(run, documents)
            n = sum(len(found) for found in chunks.values())
            for modality in MODALITIES:
                evidence = retrieve("s", task, modality, chunks[modality], vectors, settings.retrieve)
                model = ScriptedModel([BackendError("only the prompt is wanted")])
                try:
                    generative(evidence, task, model, count, SummarizeSettings())
                except BackendError:
                    system, user, _ = model.asked[0]
                    yield (whole + count(system)) / (count(system) + count(user)), n

        found = [pair for chart in charts for pair in measured(chart)]
        yield "charts as they are simulated", *_apart(found)
        for size in SIZES:
            found = [pair for at in range(EACH) for pair in measured(_together(charts, at, size, run))]
            yield f"charts of {size} chunks, notes of several stays put together", *_apart(found)


def _apart(pairs: list[tuple[float, int]]) -> tuple[list[float], list[int]]:
    return [ratio for ratio, _ in pairs], [chunks for _, chunks in pairs]


def _together(charts: list[Sequence[Document]], at: int, size: int, run: Run) -> list[Document]:
    """Put charts together, beginning with the ``at``-th, until they have ``size`` chunks."""
    documents: list[Document] = []
    place, n = at * 7, 0
    while n < size:
        chart = charts[place % len(charts)]
        documents += [replace(one, doc_id=f"{place}-{one.doc_id}") for one in chart]
        n += sum(len(found) for found in chunks_of(run, chart).values())
        place += 1
    return documents
