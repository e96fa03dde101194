"""Stage: what the configured language model by itself says the risk is, asked once for each labelled sample of a task.

It is shown what the rest of the run has made of the record under the same report policy: the summaries, and tables,
devices and drugs in words. It is the same in every split, since nothing is fitted.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.cohort.samples import as_samples
from xhaim.config import settings_hash
from xhaim.events import INPUT, MEDICATION
from xhaim.llm.limits import each
from xhaim.modality.words import drugs, in_words
from xhaim.predict.asked import PROMPTS, ask_risk
from xhaim.records import MODALITIES, Sample, Summary
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known, known_of
from xhaim.run.parallel import each_shard
from xhaim.run.parquet_records import from_frame
from xhaim.run.people import People
from xhaim.run.words import language_model
from xhaim.task import Task

LLM_ONLY = "llm_only"
"""Name of the system."""
ASKED_SCHEMA = {"sample_id": pl.String(), "probability": pl.Float64(), "reason": pl.String(), "model": pl.String()}
_PARTS = {"notes": "notes", "cxr": "chest images"}
"""What a modality is called in the prompt."""


def store_llm_only(run: Run, people: People, known: Stage, summaries: Stage, task: Task) -> Stage | None:
    """Write what the model says of every labelled sample to ``llm_only/<task>/``; None where no model is configured.

    ``known`` and ``summaries``: what the task may see. A sample without a usable answer has none, and the reason; a
    note counts them. Asked by threads of this process alone: budgets and the ledger are of one process.
    """
    door = run.settings.llm
    if door.url is None or door.model is None:
        return None
    key = run.key("llm only", known.key, summaries.key, settings_hash(task, door.decisive(), PROMPTS))
    stage = run.task_stage(LLM_ONLY, task, key)
    labels = people.labels[task.id].select("sample_id")
    shards = [
        (index, samples.join(labels, on="sample_id", how="semi", maintain_order="left"))
        for index, samples in run.shards(people.samples)
    ]
    with run.watch.stage(f"a language model by itself: {task.title}") as progress:
        each_shard(run.alone, stage, shards, partial(_ask_shard, task, known, summaries), progress)
    if note := _counted(stage.frame(), task):
        run.watch.note(note)
    return stage


def _ask_shard(task: Task, known: Stage, summaries: Stage, run: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    shard = Known.read(known.shard(index))
    written = from_frame(pl.read_parquet(summaries.shard(index)), Summary)
    texts = {(one.sample_id, one.modality): one.text for one in written}
    names = dict(run.store.codes().select("code", "description").drop_nulls().iter_rows())
    given = drugs(known_of(run.store, samples, run.policy(task), also=(INPUT, MEDICATION)), names)

    def one(sample: Sample) -> tuple[str, float | None, str | None, str]:
        mine = sample.sample_id
        told = in_words(shard.record(sample), given.get(mine, ()), task.signals)
        model = language_model(run, sample.subject_id)
        assert model is not None  # noqa: S101  (the stage is not opened without one)
        parts = {_PARTS[modality]: texts.get((mine, modality), "") for modality in MODALITIES}
        found = ask_risk(task, parts, [worded.sentence for worded in told], model)
        return mine, found.probability, found.reason, model.name

    rows = each(one, as_samples(samples), run.settings.llm.concurrency)
    return pl.DataFrame(rows, schema=ASKED_SCHEMA, orient="row")


def _counted(frame: pl.DataFrame, task: Task) -> str | None:
    """Say how many of how many were answered, and what became of the others; nothing where all were."""
    why = frame["reason"].drop_nulls().value_counts().sort("count", "reason", descending=[True, False])
    if why.is_empty():
        return None
    answered = frame.height - int(why["count"].sum())
    reasons = "; ".join(f"{reason} ({n})" for reason, n in why.head(5).iter_rows())
    more = f"; and {why.height - 5} other reasons" if why.height > 5 else ""
    return (
        f"{task.title}: the language model by itself answered {answered} of {frame.height}; the others have no score, "
        f"and none is made up for them: {reasons}{more}"
    )


def answers(stage: Stage, sample_ids: list[str]) -> NDArray[np.float64]:
    """Return the probability of each sample, [n]; NaN where the model gave no usable answer."""
    asked = pl.DataFrame({"sample_id": sample_ids}, schema={"sample_id": pl.String()})
    found = asked.join(stage.frame(), on="sample_id", how="left", maintain_order="left")
    return found["probability"].fill_null(float("nan")).to_numpy()
