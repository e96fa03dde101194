"""Stages: step 1, the evidence of every sample for a task, and step 2, its summaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock

import polars as pl

from xhaim.backends import load
from xhaim.config import LanguageModelSettings, settings_hash
from xhaim.errors import BackendError
from xhaim.llm.ledger import FILE, Ledger
from xhaim.llm.limits import Limited, each
from xhaim.llm.privacy import Closed, Gate, days_of, secret
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
    settings, door = run.settings, run.settings.llm
    key = run.key("summaries", evidence.key, settings_hash(settings.summarize, door.decisive(), settings.encoder.name))
    stage = run.task_stage("summaries", task, key)
    subjects = dict(people.samples.select("sample_id", "subject_id").iter_rows())
    writer: Callable[[Evidence], tuple[Summary, str | None]] | None = None

    def work(index: int, _: pl.DataFrame) -> pl.DataFrame:
        nonlocal writer
        writer = writer or summary_writer(run, task, subjects)
        found = from_frame(pl.read_parquet(evidence.path(f"{index:05d}.parquet")), Evidence)
        written = each(writer, found, door.concurrency if door.url else 1)
        for note in [note for _, note in written if note]:
            run.watch.note(note)
        return to_frame([summary for summary, _ in written], Summary)

    with run.watch.stage(f"2 summarize: {task.title}") as progress:
        return stage.each(run.shards(people.samples), work, progress)


def summary_writer(
    run: Run, task: Task, subjects: Mapping[str, int]
) -> Callable[[Evidence], tuple[Summary, str | None]]:
    """Return what writes one summary: the configured model; without one, or where it fails, the extractive writer.

    ``subjects``: sample_id -> subject_id. With the summary comes what the user should know of it.
    """
    from xhaim.predict.encoder import token_counter

    tokens = token_counter(run.settings.encoder.name)
    settings = run.settings.summarize
    turn = Lock()

    def count(text: str) -> int:
        with turn:  # tokenizers are not made for several threads
            return tokens(text)

    def write(evidence: Evidence) -> tuple[Summary, str | None]:
        model = language_model(run, subjects[evidence.sample_id])
        note = None
        if model is not None and evidence.chunks:
            try:
                return generative(evidence, task, model, count, settings), None
            except BackendError as error:
                note = f"{evidence.sample_id}, {evidence.modality}: extractive summary, since {error.what}"
        return extractive(evidence, task, count, settings), note

    return write


def language_model(run: Run, subject_id: int | None = None) -> LanguageModel | None:
    """Return the configured model behind the run's ledger, or None.

    A model that is not trusted with notes sees one patient's without identifiers; without ``subject_id`` it refuses.
    """
    settings = run.settings.llm
    if settings.url is None or settings.model is None:
        return None
    ledger, trusted = _door(run.directory.root, settings)
    if trusted:
        return ledger
    if subject_id is None:
        return Closed(ledger.name)
    return Gate(ledger, days_of(subject_id, secret(run.directory.root / "privacy.key")))


@lru_cache(maxsize=8)
def _door(root: Path, settings: LanguageModelSettings) -> tuple[Ledger, bool]:
    """Open the ledger and the limits of a run once in a process, so that all its stages share them."""
    door = load("language_models", "openai")(settings)
    limited = Limited(door, settings.max_calls, settings.max_total_tokens)
    ledger = Ledger(root / FILE, limited)
    spent = ledger.totals()
    limited.calls = int(spent["attempts"] or 0)
    limited.tokens = int((spent["tokens_in"] or 0) + (spent["tokens_out"] or 0))
    return ledger, bool(getattr(door, "trusted", False))
