"""Explanations of a SIMULATED run against its truth: citations, recall of what speaks for and against, faithfulness.

    python -m benchmarks.explanations [--stays 1200] [--seed 83] [--samples 60] [--keep FOLDER] [--task ID ...]

Every explained sample is of the test part of the first split. Printed for each task:

resolve: citations that are exactly the words, value or image of this sample's record, known before t.
for: samples of which an affirmed fact of truth/ (a distinct sentence of the task's concept in an admissible document)
is cited among the five of the evidence for; and of these facts, as many as five places can hold, the share that is; and
of what was said last alone. Facts of measurements are not in truth/.
against: of test samples with planted contradictions (affirmed, later denied, both known before t), up to 60: the share
of the denials, and of the newest, that is cited as evidence against.
faithful: mean change of the risk without all cited words and values, over the mean change at random of the same length,
drawn from what the model read; p of a paired sign-flip test.
another: another patient's explanation here: its sources in this record; the same ratio for the same signals and words.
The words of two tasks (cardiomegaly, effusion) were mended after the misses of 300 stays of seed 71 were read: the
phrases of the simulation are the same for every seed, so recall is not blind to them.
seconds: one explanation, warm, median and 95th percentile of wall and CPU time, one process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.explanations_truth import Facts, Truth, contradicted
from benchmarks.retrieval_marks import folded
from xhaim.explain.facts import Removal
from xhaim.explain.faithfulness import Inventory
from xhaim.explain.verify import verify
from xhaim.records import Evidence, Explanation, Modality, Record
from xhaim.run.demo import demo_settings
from xhaim.run.explainer import Explainer
from xhaim.run.explanations import read_explanations
from xhaim.run.pipeline import Results, begin, execute
from xhaim.run.watch import Bars
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate
from xhaim.task import Task, shipped_tasks

FLIPS = 100_000


@dataclass(frozen=True)
class Case:
    """An explanation and the record that it is about."""

    explanation: Explanation
    record: Record
    task: Task


def cases(results: Results, task: Task) -> Iterator[Case]:
    """Yield the stored explanations of a task, with their records."""
    explainer = results.explainers[task.id]
    samples = {row["sample_id"]: row for row in results.people.samples.iter_rows(named=True)}
    for one in read_explanations(results.explanations[task.id]):
        yield Case(one, explainer.record(explainer.sample(samples[one.sample_id])), task)


def told(value: float | None, form: str = ".3f") -> str:
    """Return a figure, or a dash."""
    return "-" if value is None else format(value, form)


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of nothing."""
    return float(np.mean(values)) if len(values) else None


def resolved(found: Sequence[Case]) -> tuple[int, int]:
    """Return how many citations hold, and how many there are; the checks are those that any explanation passes."""
    bad = every = 0
    for one in found:
        faults = verify(one.explanation, one.record, task=one.task)
        bad += len({fault.marker for fault in faults if fault.marker is not None})
        every += len(one.explanation.citations)
    return every - bad, every


def p_value(cited: np.ndarray, random: np.ndarray, rng: np.random.Generator) -> float:
    """Return the p of a paired sign-flip test that cited evidence moves the risk more than random."""
    change = cited - random
    flips = rng.choice([-1.0, 1.0], size=(FLIPS, len(change)))
    return float((1 + ((flips @ change) >= change.sum() - 1e-12).sum()) / (1 + FLIPS))


def faithful(found: Sequence[Case]) -> str:
    """Return the line of faithfulness."""
    whole = [(one.explanation, one.explanation.faithfulness) for one in found]
    measured = [(said, how) for said, how in whole if how is not None and said.risk is not None]
    if not measured:
        return "  faithful: nothing could be measured"
    cited = np.array([abs(how.without_cited - said.risk) for said, how in measured])
    random = np.array([np.mean([abs(one - said.risk) for one in how.at_random]) for said, how in measured])
    alone = np.array([abs(how.cited_alone - said.risk) for said, how in measured])
    full = np.array([how.drawn >= 1 for _, how in measured])
    p = p_value(cited, random, np.random.default_rng(0))
    ratio = cited.mean() / random.mean() if random.mean() else float("inf")
    same = f"{cited[full].mean() / random[full].mean():.1f}" if full.any() and random[full].mean() else "-"
    return (
        f"  faithful: {len(measured)} explained; without what is cited {100 * cited.mean():.1f} points, at random "
        f"{100 * random.mean():.1f}: x{ratio:.1f}, p {p:.5f}; where as much was there to draw ({full.sum()}): x{same}; "
        f"cited alone is {100 * alone.mean():.1f} points from the risk"
    )


def another(explainer: Explainer, found: Sequence[Case]) -> str:
    """Return what the explanation of the next patient would do here: the same signals, and the same words."""
    cited, random, resolves, every = [], [], 0, 0
    for mine, other in zip(found, [*found[1:], *found[:1]], strict=True):
        sources = {one.source_id for one in other.explanation.citations}
        here = {one.doc_id for one in mine.record.documents} | {one.measurement_id for one in mine.record.measurements}
        resolves += len(sources & here)
        every += len(sources)
        if mine.explanation.faithfulness is None:
            continue
        ready = explainer.prepared(mine.record.sample)
        facts, risk_without, evidence = ready.facts(), ready.measuring(), ready.evidence
        held = Inventory.of(mine.record, evidence, facts.films)
        taken = borrowed(mine.record, evidence, other)
        if taken == Removal():
            continue
        draws = [held.drawn(taken, np.random.default_rng(seed)) for seed in range(8)]
        plain, gone, *chance = risk_without([Removal(), taken, *draws])
        cited.append(abs(gone - plain))
        random.append(float(np.mean([abs(one - plain) for one in chance])))
    if not cited or not np.mean(random):
        return f"  another: {resolves} of {every} sources are in this record; nothing of it could be taken out here"
    p = p_value(np.array(cited), np.array(random), np.random.default_rng(0))
    ratio = np.mean(cited) / np.mean(random)
    return (
        f"  another: {resolves} of {every} sources are in this record; the same signals and words taken out of "
        f"{len(cited)} records: {100 * np.mean(cited):.1f} points, at random {100 * np.mean(random):.1f}: "
        f"x{ratio:.1f}, p {p:.5f}"
    )


def borrowed(record: Record, evidence: Mapping[Modality, Evidence], other: Case) -> Removal:
    """Return what of this record another explanation points to: the latest values of its signals, its words."""
    names = {one.measurement_id: one.signal for one in other.record.measurements}
    signals = {names.get(one.source_id) for one in other.explanation.citations if one.kind == "measurement"}
    latest = {one.signal: one.measurement_id for one in sorted(record.measurements, key=lambda one: one.time)}
    quotes = [folded(one.quote) for one in other.explanation.citations if one.kind == "span"]
    chunks = [
        {one.chunk.chunk_id, *one.also_in}
        for item in evidence.values()
        for one in item.chunks
        if any(quote in folded(one.chunk.text) for quote in quotes)
    ]
    values = frozenset(latest[name] for name in signals if name in latest)
    return Removal(frozenset[str]().union(*chunks), values)


def planted(results: Results, task: Task, truth: Truth, most: int) -> str:
    """Return the figures of denials in as many test samples with a planted contradiction as are asked for."""
    explainer = results.explainers[task.id]
    samples = {row["sample_id"]: row for row in results.people.samples.iter_rows(named=True)}
    split = results.people.splits[task.id].filter((pl.col("split") == 0) & (pl.col("part") == "test"))
    found: list[Facts] = []
    for sample_id in split["sample_id"].sort():
        sample = explainer.sample(samples[sample_id])
        record = explainer.record(sample)
        if len(found) < most and contradicted(record, task, truth):
            found.append(Facts.of(explainer.explain(sample), record, task, truth))
    shown = [one.against for one in found if one.against is not None]
    newest = [one.newest for one in found if one.newest is not None]
    return (
        f"  against: {told(mean(shown))} of the planted denials that three places can hold, {told(mean(newest))} of "
        f"the newest ({len(shown)} samples with a planted contradiction)"
    )


def timed(explainer: Explainer, samples: Sequence[str], people: pl.DataFrame, most: int = 20) -> str:
    """Return the time of one explanation, warm."""
    rows = {row["sample_id"]: row for row in people.iter_rows(named=True)}
    wall, cpu = [], []
    for place, sample_id in enumerate([samples[0], *samples[:most]]):
        start, used = time.perf_counter(), time.process_time()
        explainer.explain(explainer.sample(rows[sample_id]))
        if place:  # the first loads the model
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - used)
    return (
        f"  seconds: wall {np.median(wall):.2f} (95 %: {np.quantile(wall, 0.95):.2f}), CPU {np.median(cpu):.2f} "
        f"(95 %: {np.quantile(cpu, 0.95):.2f})"
    )


def of_task(results: Results, task: Task, truth: Truth) -> None:
    """Print one task."""
    found = list(cases(results, task))
    good, every = resolved(found)
    print(f"\n{task.title}: {len(found)} explanations", flush=True)
    print(f"  resolve: {good} of {every} citations; {sum(len(one.explanation.dropped) for one in found)} left out")
    marks = [Facts.of(one.explanation, one.record, task, truth) for one in found]
    hit = [float(one.recall > 0) for one in marks if one.recall is not None]
    pro = [one.recall for one in marks if one.recall is not None]
    last = [one.last for one in marks if one.last is not None]
    listed = [one.listed for one in marks if one.listed is not None]
    print(
        f"  for: {told(mean(hit))} of the samples have one of their facts among the five; {told(mean(pro))} of the "
        f"facts that five places can hold, {told(mean(last))} of what was said last "
        f"({len(pro)} samples with facts); with every sentence of the explanation {told(mean(listed))}"
    )
    print(planted(results, task, truth, most=60), flush=True)
    print(faithful(found))
    print(another(results.explainers[task.id], found))
    print(timed(results.explainers[task.id], [one.explanation.sample_id for one in found], results.people.samples))


def run(out: Path, given: argparse.Namespace) -> Results:
    """Simulate, ingest and run; what is there is used."""
    if not (out / "store").exists():
        simulate(out / "cohort", stays=given.stays, seed=given.seed)
        MimicIV().ingest(out / "cohort", out / "store")
    settings = demo_settings(tuple(given.task or shipped_tasks()))
    update = {
        "systems": ("xhaim",),
        "split": settings.split.model_copy(update={"repeats": 1}),
        "explain": settings.explain.model_copy(update={"samples": given.samples}),
    }
    return execute(begin(out / "store", settings.model_copy(update=update), out / "run", Bars()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stays", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=83)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--task", action="append")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = run(given.keep or Path(scratch), given)
        assert results.run.store.truth is not None
        print(f"\nSIMULATED, {given.stays} stays, seed {given.seed}")
        for task in results.run.tasks:
            of_task(results, task, Truth.read(results.run.store.truth))


if __name__ == "__main__":
    main()
