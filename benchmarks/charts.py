"""How long a prompt of step 2 is against the whole chart, on SIMULATED patients; printed by ``benchmarks.door``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
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
PIECE = re.compile(r"<chart \w+ \d+ [^>\n]*>\n(.*?)(?=\n</?chart)", re.DOTALL)
"""What stands between the marks of one piece."""
EACH = 12
"""Charts of each size."""


@dataclass(frozen=True, slots=True)
class Size:
    """One prompt and its chart, in word pieces of MiniLM."""

    whole: int
    """The system's words and all admissible text of both modalities: what a prompt without retrieval would hold."""
    prompt: int
    """The system's words and what is asked."""
    shown: int
    """Of the prompt, the chart's own words."""
    chunks: int
    """Of the chart."""


def told(name: str, sizes: Sequence[Size]) -> str:
    """Return a line on charts of one kind: medians, and the lower quarter of the ratio."""
    ratios = [one.whole / one.prompt for one in sizes]
    chunks, whole = (sorted(getattr(one, part) for one in sizes) for part in ("chunks", "whole"))
    return (
        f"{name}: {len(sizes)} prompts, {chunks[0]} to {chunks[-1]} chunks (median {median(chunks):.0f}), whole text "
        f"{median(whole):.0f} tokens, prompt {median(one.prompt for one in sizes):.0f}, of these chart "
        f"{median(one.shown for one in sizes):.0f}: the whole is {median(ratios):.1f} times a prompt (median; quarter "
        f"{quantiles(ratios, n=4)[0]:.1f})"
    )


def prompt_sizes(store: Path, settings: RunSettings) -> Iterator[tuple[str, list[Size]]]:
    """Yield the sizes for charts of each kind, with its name: as they are, and of several stays put together."""
    count = token_counter("minilm")
    vectors = Vectors(settings.retrieve.encoder)
    with TemporaryDirectory() as folder:
        plain = settings.model_copy(update={"llm": RunSettings(tasks=()).llm})
        run = begin(store, plain, Path(folder), Quiet(), workers=1)
        task, people = run.tasks[0], gather(run)
        known = store_known(run, people)[run.policy(task)]
        wanted = set(people.of(task)["sample_id"])
        charts: list[Sequence[Document]] = []
        for path in known.shards():
            charts += [found for one, found in sorted(Known.read(path).documents.items()) if one in wanted]

        def measured(documents: Sequence[Document]) -> Iterator[Size]:
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
                    shown = sum(count(one) - count("") for one in PIECE.findall(user))
                    yield Size(whole + count(system), count(system) + count(user), shown, n)

        yield "charts as they are simulated", [one for chart in charts for one in measured(chart)]
        for size in SIZES:
            found = [one for at in range(EACH) for one in measured(_together(charts, at, size, run))]
            yield f"charts of {size} chunks, notes of several stays put together", found


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
