"""Stages: step 1, the evidence of every sample for a task, and step 2, its summaries."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from xhaim.backends import load
from xhaim.config import settings_hash
from xhaim.errors import BackendError
from xhaim.llm.ledger import Ledger
from xhaim.ports import LanguageModel
from xhaim.records import MODALITIES, Evidence, Summary
from xhaim.retrieve.hybrid import retrieve
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.parquet_records import from_frame, to_frame
from xhaim.run.people import People
from xhaim.run.vectors import Vectors, chunks_of
from xhaim.summarize.extractive import extractive
from xhaim.summarize.generative import generative
from xhaim.task import Task


def find_evidence(run: Run, people: People, known: Stage, embeddings: Stage, task: Task) -> Stage:
    """Step 1: write the evidence of every labelled sample to ``evidence/<task>/``."""
    key = run.key("evidence", known.key, embeddings.key, settings_hash(task, run.settings.retrieve))
    stage = run.task_stage("evidence", task, key)
    wanted = set(people.of(task)["sample_id"])
    vectors = Vectors(run.settings.retrieve.encoder)

    def work(index: int, samples: pl.DataFrame) -> pl.DataFrame:
        vectors.load(embeddings.path(f"{index:05d}.parquet"))
        shard = Known.read(known.path(f"{index:05d}.parquet"))
        found: list[Evidence] = []
        for sample_id in samples["sample_id"]:
            if sample_id in wanted:
                found += evidence_of(run, task, sample_id, shard, vectors)
        return to_frame(found, Evidence)

    with run.watch.stage(f"1 retrieve: {task.title}") as progress:
        return stage.each(run.shards(people.samples), work, progress)


def evidence_of(run: Run, task: Task, sample_id: str, shard: Known, vectors: Vectors) -> list[Evidence]:
    """Retrieve for one sample: one Evidence for each modality."""
    chunks = chunks_of(run, shard.documents.get(sample_id, ()))
    return [
        retrieve(sample_id, task, modality, chunks[modality], vectors, run.settings.retrieve) for modality in MODALITIES
    ]


def summarize(run: Run, people: People, evidence: Stage, task: Task) -> Stage:
    """Step 2: write the summaries of every labelled sample to ``summaries/<task>/``."""
    settings = run.settings
    key = run.key("summaries", evidence.key, settings_hash(settings.summarize, settings.llm, settings.encoder.name))
    stage = run.task_stage("summaries", task, key)
    writer: Callable[[Evidence], Summary] | None = None

    def work(index: int, _: pl.DataFrame) -> pl.DataFrame:
        nonlocal writer
        writer = writer or summary_writer(run, task)
        found = from_frame(pl.read_parquet(evidence.path(f"{index:05d}.parquet")), Evidence)
        return to_frame([writer(item) for item in found], Summary)

    with run.watch.stage(f"2 summarize: {task.title}") as progress:
        return stage.each(run.shards(people.samples), work, progress)


def summary_writer(run: Run, task: Task) -> Callable[[Evidence], Summary]:
    """Return what writes one summary: the configured model; without one, or where it fails, the extractive writer."""
    from xhaim.predict.encoder import token_counter

    count = token_counter(run.settings.encoder.name)
    settings = run.settings.summarize
    model = language_model(run)

    def write(evidence: Evidence) -> Summary:
        if model is not None and evidence.chunks:
            try:
                return generative(evidence, task, model, count, settings)
            except BackendError as error:
                run.watch.note(f"{evidence.sample_id}, {evidence.modality}: extractive summary, since {error.what}")
        return extractive(evidence, task, count, settings)

    return write


def language_model(run: Run) -> LanguageModel | None:
    """Return the configured model behind the run's ledger, or None."""
    settings = run.settings.llm
    if settings.url is None or settings.model is None:
        return None
    door = load("language_models", "openai")(settings)
    return Ledger(run.directory.root / "ledger.sqlite", door)
