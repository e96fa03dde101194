"""Stage: step 3. For each task and split every system of the run, and the baselines beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.config import settings_hash
from xhaim.errors import DataError
from xhaim.records import Features
from xhaim.run import baselines
from xhaim.run.context import Run
from xhaim.run.directory import Stage, read_json, write_frame, write_json
from xhaim.run.haim_numbers import haim_features
from xhaim.run.haim_published import haim_published_features
from xhaim.run.image_readings import READER, held_out_reader, with_images
from xhaim.run.llm_only import LLM_ONLY, answers, store_llm_only
from xhaim.run.numbers import assemble
from xhaim.run.parallel import share
from xhaim.run.people import People, SplitRows, split_rows
from xhaim.run.predictions import PREDICTION_SCHEMA, prediction_rows
from xhaim.run.systems import Split
from xhaim.run.unsummarised import evidence_texts, newest_texts
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.model import Model


@dataclass(frozen=True, slots=True)
class Inputs:
    """The stages that step 3 of one task reads."""

    known: Stage
    numbers: Stage
    concepts: Stage
    summaries: Stage
    haim: Stage
    images: Stage | None
    films: Stage
    evidence: Stage
    haim_published: Stage | None = None
    """LEAKY; ``None`` unless it is one of the run's systems. The other stages' keys decide it too."""
    llm_only: Stage | None = None
    """``None`` unless it is one of the run's systems and a language model is configured; decided by the others too."""

    @property
    def keys(self) -> list[str]:
        """Everything upstream that decides the models."""
        of_one_system = ("haim_published", LLM_ONLY)
        stages: list[Stage | None] = [
            getattr(self, field.name) for field in fields(self) if field.name not in of_one_system
        ]
        return [stage.key if stage is not None else "" for stage in stages]


def _model_stage(run: Run, people: People, inputs: Inputs, task: Task) -> Stage:
    """Open the stage of a task's models and predictions; the parts count, wherever they come from."""
    settings = run.settings
    parts = hashlib.sha256(people.splits[task.id].write_csv().encode()).hexdigest()
    decided = settings_hash(task, settings.split, settings.encoder, settings.fusion, parts)
    return run.task_stage("models", task, run.key("models", *inputs.keys, decided))


def predict_risks(run: Run, people: People, inputs: Inputs, task: Task) -> Stage:
    """Step 3: fit and predict every system on every split; predictions go to ``models/<task>/split-<n>.parquet``.

    A split whose file lacks a system of the settings is done again; what is fitted already is only read.
    """
    stage = _model_stage(run, people, inputs, task)
    if LLM_ONLY in run.settings.systems:
        inputs = replace(inputs, llm_only=store_llm_only(run, people, inputs.known, inputs.summaries, task))
    splits = range(run.settings.split.repeats)
    jobs = [
        Job(task, inputs, stage, split, rows)
        for split in splits
        if not _whole(
            stage.path(f"split-{split}.parquet"), rows := split_rows(people, task, split), run.settings.systems
        )
    ]
    with run.watch.stage(f"3 predict: {task.title}") as progress:
        share(run, _one_split, jobs, progress)
    return stage


def _whole(path: Path, rows: SplitRows, systems: Sequence[str]) -> bool:
    """Say whether everything that is asked for was tried."""
    if not path.exists():
        return False
    tried = path.with_suffix(".json")
    return bool(rows.too_few) or (tried.exists() and set(systems) <= set(read_json(tried)["systems"]))


@dataclass(frozen=True, slots=True)
class Job:
    """One split of one task, as a worker process is given it."""

    task: Task
    inputs: Inputs
    stage: Stage
    split: int
    rows: SplitRows


def _one_split(run: Run, job: Job) -> Sequence[str]:
    task, rows, split = job.task, job.rows, job.split
    target, folder = job.stage.path(f"split-{split}.parquet"), job.stage.path(f"split-{split}")
    if rows.too_few:
        write_frame(target, pl.DataFrame(schema=PREDICTION_SCHEMA))
        return [f"{task.title}: no model was fitted, since there are {rows.too_few}"] if split == 0 else []
    from xhaim.predict.columns import take
    from xhaim.predict.fit import fit

    made = _split_of(run, job, folder)
    wanted = np.sort(np.r_[rows.validation, rows.test])
    asked = list(dict.fromkeys(("xhaim", *run.settings.systems)))
    found = []
    for name in asked:
        if name == LLM_ONLY:
            found += _by_a_language_model(run, job, wanted)
            continue
        try:
            plan = made.plan(name)
            model = fit(
                plan.features, plan.labels, rows.subjects, plan.train, rows.validation, run.settings.encoder,
                plan.fusion, fine_tune=plan.fine_tune, folder=folder / name,
            )  # fmt: skip
        except DataError as error:  # what cannot be compared must not end what can
            if name == "xhaim":
                raise
            run.watch.note(f"{task.title}: {name} is not among the systems: {error.what}")
            continue
        found.append(prediction_rows(task, name, split, rows, _risks(model, take(plan.features, wanted))))
    for name, scores in baselines.scores(run, job.inputs.known, job.inputs.concepts, task, rows).items():
        raw = scores[wanted]
        columns = {"raw": raw, "risk": raw} if name == "prevalence" else {"raw": raw}
        found.append(prediction_rows(task, name, split, rows, columns))
    write_frame(target, pl.concat(found))
    write_json(target.with_suffix(".json"), {"systems": asked})
    return run.watch.notes


def _by_a_language_model(run: Run, job: Job, wanted: NDArray[np.int64]) -> list[pl.DataFrame]:
    if job.inputs.llm_only is None:
        run.watch.note(f"{job.task.title}: {LLM_ONLY} is not among the systems: no language model is configured")
        return []
    said = answers(job.inputs.llm_only, job.rows.ids)[wanted]
    return [prediction_rows(job.task, LLM_ONLY, job.split, job.rows, {"raw": said, "risk": said})]


def _split_of(run: Run, job: Job, folder: Path) -> Split:
    """Say what the systems of a split are built of."""
    from xhaim.predict.encoder import token_counter

    rows, inputs, settings = job.rows, job.inputs, run.settings
    ours = features_of(run, inputs, rows, folder)
    words = rows.ids, token_counter(settings.encoder.name), settings.summarize.max_tokens
    return Split(
        rows=rows,
        ours=ours,
        haim=partial(haim_features, inputs.haim, rows.ids, ours),
        haim_published=partial(_as_published, job, folder / READER),
        evidence_texts=partial(evidence_texts, inputs.evidence, *words),
        newest_texts=partial(newest_texts, inputs.known, *words),
        fusion=settings.fusion,
        seed=settings.fusion.seed + job.split,
    )


def _as_published(job: Job, reader: Path) -> Features:
    inputs, rows = job.inputs, job.rows
    if inputs.haim_published is None:
        raise DataError("haim_published has no features", expected="it among the run's systems")
    read = held_out_reader(reader, rows) if inputs.images is not None else None
    finding = job.task.needs_image
    return haim_published_features(inputs.haim_published, inputs.images, rows, read, finding=finding)


def features_of(run: Run, inputs: Inputs, rows: SplitRows, folder: Path) -> Features:
    """Return xHAIM's features of all labelled samples, the images as one split's reader reads them."""
    features = assemble(rows.ids, [inputs.numbers, inputs.concepts, inputs.films], inputs.summaries)
    return with_images(run, features, inputs.images, rows, folder)


def _risks(model: Model, features: Features) -> dict[str, Any]:
    risks = model.predict(features)
    return {
        "raw": risks.raw,
        "risk": risks.risk,
        "low": risks.low,
        "high": risks.high,
        "abstains": risks.outcomes.all(axis=1),
    }


def all_predictions(stages: Sequence[Stage]) -> pl.DataFrame:
    """Return the predictions of all tasks and splits."""
    frames = [pl.read_parquet(path) for stage in stages for path in sorted(stage.folder.glob("split-*.parquet"))]
    return pl.concat(frames) if frames else pl.DataFrame(schema=PREDICTION_SCHEMA)
