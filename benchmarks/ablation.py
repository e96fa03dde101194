"""Retrieval against the truth of a SIMULATED cohort: peers, the default, and each part of it off and on.

    python -m benchmarks.ablation [--seed 23] [--stays 200] [--k 10] [--tasks ...] [--keep FOLDER]

Seed 11 is for choosing, 23 for reporting; the demonstration's is 0. Only what was known before the prediction counts:
a fact is a distinct sentence of ``truth/spans.csv.gz`` in an admissible document, by the guard's own decision. Figures
are means over samples, each modality apart, k places in both; ``reach`` is recall as a share of what k chunks can hold.
The peers get all chunks and the paper's query (the anchors joined), and again with all words that the default has.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.ablation_forms import DEFAULT, PEERS, WITH, WITHOUT, Form, Pool
from benchmarks.retrieval_marks import Fact, Marks, facts_of, held, mark, mean
from xhaim.config import RetrieveSettings
from xhaim.records import MODALITIES, Chunk, Document, Modality, ReportPolicy
from xhaim.retrieve.hybrid import retrieve
from xhaim.run.context import Run
from xhaim.run.demo import demo_settings
from xhaim.run.directory import Stage
from xhaim.run.embedding_cache import FILE, EmbeddingCache
from xhaim.run.known import Known, store_known
from xhaim.run.people import People, gather
from xhaim.run.pipeline import begin
from xhaim.run.vectors import Vectors, chunks_of, load_encoder
from xhaim.run.watch import Bars
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate
from xhaim.task import Task

CONCEPTS = {
    "pleural_effusion": ("pleural effusion",),
    "cardiomegaly": ("cardiomegaly",),
    "pneumonia": ("pneumonia",),
    "mortality_48h": ("acuity", "recovery"),
    "los_48h": ("acuity", "recovery"),
}
"""Task -> what truth/ calls the things that its question is about."""
COLUMNS = ("recall", "reach", "must", "precision", "nothing", "crowded")


@dataclass(frozen=True)
class Case:
    """A sample's chunks of one modality, and the facts among them."""

    pool: Pool
    modality: Modality
    facts: list[Fact]
    must: frozenset[int]
    holds: dict[str, frozenset[int]]
    """chunk_id -> facts."""

    def marked(self, shown: Sequence[str], k: int) -> Marks:
        """Mark the shown chunks."""
        return mark([self.holds[one] for one in shown], list(self.holds.values()), self.facts, self.must, k)


Said = Mapping[str, list[dict[str, Any]]]
"""Note id -> its rows of truth/spans.csv.gz."""


def spans(truth: Path, concepts: Sequence[str]) -> Said:
    """Return the spans of some concepts."""
    frame = pl.read_csv(truth / "spans.csv.gz", schema_overrides={"note_id": pl.String})
    found: dict[str, list[dict[str, Any]]] = {}
    for row in frame.filter(pl.col("concept").is_in(concepts)).iter_rows(named=True):
        found.setdefault(row["note_id"], []).append(row)
    return found


def case(
    task: Task,
    modality: Modality,
    documents: Mapping[str, Document],
    chunks: Sequence[Chunk],
    said: Said,
    embed: Vectors,
) -> Case | None:
    """Return a Case, or None where the record holds no fact of the task in this modality."""
    told = [
        (documents[doc_id].time, row["concept"], row["polarity"], documents[doc_id].text[row["start"] : row["end"]])
        for doc_id in sorted({one.doc_id for one in chunks})
        for row in said.get(doc_id.partition("#")[2], ())
    ]
    if not told:
        return None
    facts, must = facts_of(told)
    holds = {one.chunk_id: held(facts, one.text) for one in chunks}
    return Case(Pool.of(task, chunks, embed), modality, facts, must, holds)


def cases(run: Run, people: People, known: Mapping[ReportPolicy, Stage], vectors: Vectors) -> Iterator[Case]:
    """Yield the cases of all tasks of a run."""
    assert run.store.truth is not None
    for task in run.tasks:
        said, wanted = spans(run.store.truth, CONCEPTS[task.id]), set(people.of(task)["sample_id"])
        for path in known[run.policy(task)].shards():
            for sample_id, documents in sorted(Known.read(path).documents.items()):
                if sample_id in wanted:
                    named = {one.doc_id: one for one in documents}
                    chunks = chunks_of(run, documents)
                    found = [case(task, modality, named, chunks[modality], said, vectors) for modality in MODALITIES]
                    yield from filter(None, found)


def same_as_the_product(one: Case, vectors: Vectors, k: int) -> None:
    """Raise AssertionError where the default form is not what ``retrieve`` gives: then the table would lie."""
    settings = RetrieveSettings(top_k_notes=k, top_k_cxr=k)
    found = retrieve("same", one.pool.task, one.modality, one.pool.chunks, vectors, settings)
    assert [scored.chunk.chunk_id for scored in found.chunks] == DEFAULT(one.pool, vectors, k)


def row(name: str, marks: Sequence[Marks]) -> str:
    """Return a line of the table."""
    figures = {
        "recall": mean([one.recall for one in marks]),
        "reach": mean([one.attainable for one in marks]),
        "must": mean([one.must_have for one in marks]),
        "precision": mean([one.precision for one in marks]),
        "nothing": mean([float(one.nothing) for one in marks]),
        "crowded": mean([one.crowded for one in marks]),
    }
    cells = "".join(f"{'-' if value is None else f'{value:.3f}':>10}" for value in figures.values())
    return f"  {name:<30}{cells}"


def table(found: Sequence[Case], forms: Sequence[Form], vectors: Vectors, k: int) -> dict[str, float | None]:
    """Print the table of one task and modality; return the recall of each form."""
    task, modality = found[0].pool.task, found[0].modality
    crowded = sum(one.marked([], k).crowded is not None for one in found)
    print(f"\n{task.id}, {modality}: {len(found)} samples with facts, {crowded} of them crowded with denials")
    print(f"  {'':<30}{''.join(f'{name:>10}' for name in COLUMNS)}")
    recalls = {}
    for form in forms:
        marks = [one.marked(form(one.pool, vectors, k), k) for one in found]
        recalls[form.name] = mean([one.recall for one in marks])
        print(row(form.name, marks), flush=True)
    return recalls


def main() -> None:
    """Simulate, retrieve in every form, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--stays", type=int, default=200)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--tasks", nargs="+", default=list(CONCEPTS))
    parser.add_argument("--keep", type=Path, help="where the cohort, the store and the vectors stay for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = given.keep or Path(scratch)
        if not (root / "store").exists():
            simulate(root / "cohort", stays=given.stays, seed=given.seed, images=False)
            MimicIV().ingest(root / "cohort", root / "store")
        run = begin(root / "store", demo_settings(tuple(given.tasks)), root / "run", Bars())
        people = gather(run)
        name = run.settings.retrieve.encoder
        vectors = Vectors(name, EmbeddingCache(root / "store" / FILE, load_encoder(name).name))
        found = list(cases(run, people, store_known(run, people), vectors))
        print(f"\nSIMULATED, seed {given.seed}, {given.stays} stays, k = {given.k}")
        for one in found:
            same_as_the_product(one, vectors, given.k)
        every = []
        for task in run.tasks:
            for modality in MODALITIES:
                mine = [one for one in found if one.pool.task.id == task.id and one.modality == modality]
                if mine:
                    every.append(table(mine, (*PEERS, DEFAULT, *WITHOUT, *WITH), vectors, given.k))
        print(f"\nrecall, mean of {len(every)} pairs of task and modality")
        for name in every[0] if every else ():
            print(f"  {name:<30}{mean([one[name] for one in every]):>10.3f}")


if __name__ == "__main__":
    main()
