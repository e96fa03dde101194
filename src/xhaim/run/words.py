"""Stages: step 1, the evidence of every sample for a task, and step 2, its summaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, partial
from pathlib import Path
from threading import Lock

import polars as pl

from xhaim.backends import load
from xhaim.config import LanguageModelSettings, settings_hash
from xhaim.errors import BackendError
from xhaim.llm.ledger import FILE, Ledger
from xhaim.llm.limits import Limited, each
from xhaim.llm.privacy import Closed, Gate, days_of, secret
from xhaim.ports import Entailment, LanguageModel
from xhaim.records import MODALITIES, Evidence, Summary
from xhaim.retrieve.hybrid import retrieve
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.parallel import each_shard
from xhaim.run.parquet_records import from_frame, to_frame
from xhaim.run.people import People
from xhaim.run.set_aside import SetAside
from xhaim.run.vectors import Vectors, chunks_of
from xhaim.summarize.extractive import extractive
from xhaim.summarize.generative import generative
from xhaim.task import Task


def find_evidence(run: Run, people: People, known: Stage, embeddings: Stage, task: Task) -> Stage:
    """Step 1: write the evidence of every labelled sample to ``evidence/<task>/``."""
    key = run.key("evidence", known.key, embeddings.key, settings_hash(task, run.settings.retrieve))
    stage = run.task_stage("evidence", task, key)
    work = partial(_find_shard, task, known, embeddings, stage)
    with run.watch.stage(f"1 retrieve: {task.title}") as progress:
        return each_shard(run, stage, _labelled(run, people, task), work, progress)


def _labelled(run: Run, people: People, task: Task) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the shards of all samples, of each those that have a label for the task."""
    labels = people.labels[task.id].select("sample_id")
    for index, samples in run.shards(people.samples):
        yield index, samples.join(labels, on="sample_id", how="semi", maintain_order="left")


def _find_shard(
    task: Task, known: Stage, embeddings: Stage, stage: Stage, run: Run, index: int, samples: pl.DataFrame
) -> pl.DataFrame:
    vectors = Vectors(run.settings.retrieve.encoder)
    vectors.load(embeddings.shard(index))
    shard = Known.read(known.shard(index))
    found: list[Evidence] = []
    aside = SetAside()
    for sample_id in samples["sample_id"]:
        with aside.trying(sample_id):
            found += evidence_of(run, task, sample_id, shard, vectors)
    aside.write(stage, index)
    return to_frame(found, Evidence)


def evidence_of(run: Run, task: Task, sample_id: str, shard: Known, vectors: Vectors) -> list[Evidence]:
    """Retrieve for one sample: one Evidence for each modality."""
    chunks = chunks_of(run, shard.documents.get(sample_id, ()))
    return [
        retrieve(sample_id, task, modality, chunks[modality], vectors, run.settings.retrieve) for modality in MODALITIES
    ]


def summarize(run: Run, people: People, evidence: Stage, task: Task) -> Stage:
    """Step 2: write the summaries of every labelled sample to ``summaries/<task>/``.

    A language model is asked by threads of this process alone: budgets and the ledger are of one process.
    """
    settings, door = run.settings, run.settings.llm
    nli = entailment_model(settings.entailment.path)
    words = (settings.summarize, door.decisive(), settings.encoder.name, settings.entailment.at_least)
    key = run.key("summaries", evidence.key, settings_hash(*words, nli.name if nli else None))
    stage = run.task_stage("summaries", task, key)
    work = partial(_summarize_shard, task, evidence, stage)
    with run.watch.stage(f"2 summarize: {task.title}") as progress:
        return each_shard(run.alone if door.url else run, stage, _labelled(run, people, task), work, progress)


def _summarize_shard(
    task: Task, evidence: Stage, stage: Stage, run: Run, index: int, samples: pl.DataFrame
) -> pl.DataFrame:
    door = run.settings.llm
    write = summary_writer(run, task, dict(samples.select("sample_id", "subject_id").iter_rows()))
    found = from_frame(pl.read_parquet(evidence.shard(index)), Evidence)
    aside = SetAside()

    def one(item: Evidence) -> tuple[Summary, str | None] | None:
        with aside.trying(item.sample_id):
            return write(item)
        return None

    written = [made for made in each(one, found, door.concurrency if door.url else 1) if made is not None]
    aside.write(stage, index)
    for _, note in written:
        if note:
            run.watch.note(note)
    return to_frame([summary for summary, _ in written if summary.sample_id not in aside.reasons], Summary)


def summary_writer(
    run: Run, task: Task, subjects: Mapping[str, int]
) -> Callable[[Evidence], tuple[Summary, str | None]]:
    """Return what writes one summary: the configured model; without one, or where it fails, the extractive writer.

    ``subjects``: sample_id -> subject_id. With the summary comes what the user should know of it.
    """
    tokens = _token_counter(run.settings.encoder.name)
    settings, follows = run.settings.summarize, run.settings.entailment
    nli = entailment_model(follows.path)
    turn = Lock()

    def count(text: str) -> int:
        with turn:  # tokenizers are not made for several threads
            return tokens(text)

    def write(evidence: Evidence) -> tuple[Summary, str | None]:
        model = language_model(run, subjects[evidence.sample_id])
        note = None
        if model is not None and evidence.chunks:
            try:
                return generative(evidence, task, model, count, settings, nli, follows.at_least), None
            except BackendError as error:
                note = f"{evidence.sample_id}, {evidence.modality}: extractive summary, since {error.what}"
        return extractive(evidence, task, count, settings), note

    return write


@cache
def _token_counter(encoder: str) -> Callable[[str], int]:
    """Load a tokenizer once in a process, not once for each shard."""
    from xhaim.predict.encoder import token_counter

    return token_counter(encoder)


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


@lru_cache(maxsize=2)
def entailment_model(path: str | None) -> Entailment | None:
    """Return the model in a folder, once in a process: a verifier of ours, or any NLI classifier; None without one."""
    if path is None:
        return None
    ours = (Path(path).expanduser() / "verifier.json").is_file()
    found: Entailment = load("entailment_models", "verifier" if ours else "sequence-classifier")(path)
    return found


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
