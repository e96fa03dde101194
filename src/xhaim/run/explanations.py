"""Stage: step 4. Explanations of test samples across the range of risks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl

from xhaim.atomic import write_bytes
from xhaim.cohort.samples import as_samples
from xhaim.config import settings_hash
from xhaim.errors import DataError
from xhaim.explain.render import from_json, to_json
from xhaim.records import Explanation, Sample
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.explainer import Explainer
from xhaim.run.medicine import Library, library
from xhaim.run.models import Inputs
from xhaim.run.parallel import share
from xhaim.run.people import People
from xhaim.run.words import entailment_model
from xhaim.task import Task

BATCHES = 4
"""Parts in which a task's explanations are shared among processes; each part loads the model once."""


def explain_samples(
    run: Run, people: People, inputs: Inputs, evidence: Stage, predictions: Stage, task: Task
) -> tuple[Stage, Explainer]:
    """Step 4: explain test samples of the first split, spread evenly over the range of risks."""
    nli, known = entailment_model(run.settings.entailment.path), library(run, task)
    key = run.key(
        "explanations",
        predictions.key,
        evidence.key,
        settings_hash(
            task,
            run.settings.explain,
            run.settings.llm.decisive(),
            run.settings.entailment.at_least,
            nli.name if nli else None,
            known.digest,
        ),
    )
    stage = run.task_stage("explanations", task, key)
    explainer = Explainer(run, people, inputs, evidence, predictions, task, known, split=0)
    chosen = _spread(people, predictions, task, run.settings.explain.samples)
    todo = [sample for sample in chosen if not stage.path(f"{sample.sample_id}.json").exists()]
    batches = [todo[start::BATCHES] for start in range(min(BATCHES, len(todo)))]
    with run.watch.stage(f"4 explain: {task.title}") as progress:
        work = partial(_explain_batch, people, inputs, evidence, predictions, task, known, stage)
        share(run.alone if run.settings.llm.url else run, work, batches, progress)  # budgets are of one process
    return stage, explainer


def _explain_batch(
    people: People,
    inputs: Inputs,
    evidence: Stage,
    predictions: Stage,
    task: Task,
    known: Library,
    stage: Stage,
    run: Run,
    samples: Sequence[Sample],
) -> Sequence[str]:
    explainer = Explainer(run, people, inputs, evidence, predictions, task, known, split=0)
    for sample in samples:
        write_bytes(stage.path(f"{sample.sample_id}.json"), to_json(explainer.explain(sample)).encode())
    return run.watch.notes


def _spread(people: People, predictions: Stage, task: Task, n: int) -> list[Sample]:
    """Choose n test samples of split 0, evenly over the ranks of the risk; without a model, the first by id."""
    path = predictions.path("split-0.parquet")
    mine = pl.col("model") == "xhaim"
    ranked = (
        pl.read_parquet(path).filter(mine & (pl.col("part") == "test")).sort("risk", "sample_id")["sample_id"].to_list()
    )
    if not ranked:
        ranked = people.of(task)["sample_id"].to_list()
    if not ranked or not n:
        return []
    places = sorted({round(i) for i in np.linspace(0, len(ranked) - 1, min(n, len(ranked)))})
    wanted = [ranked[place] for place in places]
    by_id = {sample.sample_id: sample for sample in as_samples(people.samples)}
    return [by_id[sample_id] for sample_id in wanted]


def read_explanations(stage: Stage) -> list[Explanation]:
    """Return the stored explanations of a task, by sample id."""
    return [
        from_json(path.read_text(encoding="utf-8"))
        for path in sorted(stage.folder.glob("*.json"))
        if path.name != "stage.json"
    ]


def split_of(people: People, task: Task, sample: Sample, repeats: int) -> tuple[int, str]:
    """Return the first split in which the sample is in the test part; of none, its first split, and its part there.

    Raises DataError for a sample without a label for the task, or in no split.
    """
    mine = people.splits[task.id].filter(pl.col("sample_id") == sample.sample_id)
    if mine.is_empty():
        raise DataError(
            f"sample {sample.sample_id} has no label for {task.id}, or is in no part of this run's splits",
            do=f"list the samples that have one with: xhaim explain RUN --task {task.id} --list",
        )
    test = mine.filter(pl.col("part") == "test")
    if not test.is_empty():
        return int(test["split"][0]), "test"
    first = mine.sort("split").row(0, named=True)
    return int(first["split"]), str(first["part"])
