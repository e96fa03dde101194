"""Stage: step 3. For each task and split every system of the run, and the baselines beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.config import settings_hash
from xhaim.errors import DataError
from xhaim.events import CHEXPERT_FINDINGS
from xhaim.records import Features
from xhaim.run import baselines
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.haim_films import held_out_reader
from xhaim.run.haim_numbers import haim_features
from xhaim.run.haim_published import haim_published_features
from xhaim.run.numbers import assemble, read_images, with_block
from xhaim.run.parallel import share
from xhaim.run.people import People, SplitRows, split_rows
from xhaim.run.systems import Split
from xhaim.run.unsummarised import evidence_texts, newest_texts
from xhaim.task import Task

if TYPE_CHECKING:
    from xhaim.predict.model import Model

PREDICTION_SCHEMA = {
    "sample_id": pl.String(),
    "subject_id": pl.Int64(),
    "task_id": pl.String(),
    "model": pl.String(),
    "split": pl.Int64(),
    "part": pl.String(),
    "label": pl.Int8(),
    "raw": pl.Float64(),
    "risk": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "abstains": pl.Boolean(),
}


_READER = "image_reader.safetensors"


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

    @property
    def keys(self) -> list[str]:
        """Everything upstream that decides the models."""
        stages: list[Stage | None] = [
            getattr(self, field.name) for field in fields(self) if field.name != "haim_published"
        ]
        return [stage.key if stage is not None else "" for stage in stages]


def model_stage(run: Run, inputs: Inputs, task: Task) -> Stage:
    """Return the stage that holds a task's models and predictions."""
    settings = run.settings
    decided = settings_hash(task, settings.split, settings.encoder, settings.fusion)
    return run.task_stage("models", task, run.key("models", *inputs.keys, decided))


def predict_risks(run: Run, people: People, inputs: Inputs, task: Task) -> Stage:
    """Step 3: fit and predict every system on every split; predictions go to ``models/<task>/split-<n>.parquet``.

    A split whose file lacks a system of the settings is done again; what is fitted already is only read.
    """
    stage = model_stage(run, inputs, task)
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
    return path.exists() and (bool(rows.too_few) or set(systems) <= set(pl.read_parquet(path)["model"].unique()))


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
    from xhaim.predict.fit import fit

    made = _split_of(run, job, folder)
    found = []
    for name in dict.fromkeys(("xhaim", *run.settings.systems)):
        plan = made.plan(name)
        model = fit(
            plan.features, plan.labels, rows.subjects, plan.train, rows.validation, run.settings.encoder, plan.fusion,
            fine_tune=plan.fine_tune, folder=folder / name,
        )  # fmt: skip
        found.append(_predictions(task, name, split, rows, _risks(model, plan.features)))
    found += [
        _predictions(task, name, split, rows, {"raw": scores} | ({"risk": scores} if name == "prevalence" else {}))
        for name, scores in baselines.scores(run, job.inputs.known, job.inputs.concepts, task, rows).items()
    ]
    write_frame(target, pl.concat(found))
    return run.watch.notes


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
        haim_published=partial(_as_published, job, folder / _READER),
        evidence_texts=partial(evidence_texts, inputs.evidence, *words),
        newest_texts=partial(newest_texts, inputs.known, *words),
        fusion=settings.fusion,
        seed=settings.fusion.seed + job.split,
    )


def _as_published(job: Job, reader: Path) -> Features:
    inputs, rows = job.inputs, job.rows
    if inputs.haim_published is None:
        raise DataError("haim_published has no features", expected="it among the run's systems")
    read = held_out_reader(reader, inputs.images, rows)
    finding = job.task.needs_image
    return haim_published_features(inputs.haim_published, inputs.images, rows, read, finding=finding)


def features_of(run: Run, inputs: Inputs, rows: SplitRows, folder: Path) -> Features:
    """Return xHAIM's features of all labelled samples, the image block as one split's reader reads it."""
    features = assemble(rows.ids, [inputs.numbers, inputs.concepts, inputs.films], inputs.summaries)
    if inputs.images is None:
        return features
    pixels, labels = read_images(inputs.images, rows.ids)
    try:
        logits = _read_images(run, rows, pixels, labels, folder / _READER)
    except DataError as error:
        run.watch.note(f"no image block: {error.what}")
        return features
    logits[pixels.reshape(len(pixels), -1).max(axis=1) == 0] = np.nan
    return with_block(features, "image", [f"image network, {finding}" for finding in CHEXPERT_FINDINGS], logits)


def _read_images(
    run: Run, rows: SplitRows, pixels: NDArray[np.uint8], labels: NDArray[np.float32], path: Path
) -> NDArray[np.float32]:
    """Logits [n, 14] of a small network fitted on the training images: out-of-fold for the training rows."""
    from xhaim.predict.image_reader import ImageReader, fit_image_reader

    if path.exists():
        reader = ImageReader.load(path)
    else:
        reader = fit_image_reader(pixels, labels, rows.subjects, rows.train, run.settings.encoder)
        path.parent.mkdir(parents=True, exist_ok=True)
        reader.save(path)
    logits = reader.read(pixels)
    logits[rows.train] = reader.out_of_fold
    return logits


def _risks(model: Model, features: Features) -> dict[str, Any]:
    risks = model.predict(features)
    return {
        "raw": risks.raw,
        "risk": risks.risk,
        "low": risks.low,
        "high": risks.high,
        "abstains": risks.outcomes.all(axis=1),
    }


def _predictions(task: Task, model: str, split: int, rows: SplitRows, columns: dict[str, Any]) -> pl.DataFrame:
    """Rows of validation and test; in-sample predictions of training rows are of no use and are not kept."""
    wanted = np.sort(np.r_[rows.validation, rows.test])
    in_test = set(rows.test.tolist())
    given = {name: np.asarray(values)[wanted] for name, values in columns.items()}
    frame = pl.DataFrame(
        {
            "sample_id": [rows.ids[i] for i in wanted],
            "subject_id": rows.subjects[wanted],
            "task_id": task.id,
            "model": model,
            "split": split,
            "part": ["test" if i in in_test else "validation" for i in wanted],
            "label": rows.labels[wanted],
            **given,
        }
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in PREDICTION_SCHEMA.items() if name not in frame.columns]
    return (
        frame.with_columns(missing)
        .with_columns(pl.col("low", "high").fill_nan(None))
        .select([pl.col(name).cast(kind) for name, kind in PREDICTION_SCHEMA.items()])
    )


def all_predictions(stages: Sequence[Stage]) -> pl.DataFrame:
    """Return the predictions of all tasks and splits."""
    frames = [pl.read_parquet(path) for stage in stages for path in sorted(stage.folder.glob("split-*.parquet"))]
    return pl.concat(frames) if frames else pl.DataFrame(schema=PREDICTION_SCHEMA)
