"""Stage: step 3. For each task and split: xHAIM fine-tuned and frozen, HAIM twice, and the baselines beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.config import settings_hash
from xhaim.errors import DataError
from xhaim.events import CHEXPERT_FINDINGS
from xhaim.ports import Progress
from xhaim.records import Features
from xhaim.run import baselines
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.numbers import assemble, read_images, with_block
from xhaim.run.people import People, SplitRows, split_rows
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


@dataclass(frozen=True, slots=True)
class Inputs:
    """The stages that step 3 of one task reads."""

    known: Stage
    numbers: Stage
    concepts: Stage
    summaries: Stage
    haim: Stage
    images: Stage | None

    @property
    def keys(self) -> list[str]:
        """Everything upstream that decides the models."""
        stages = (self.known, self.numbers, self.concepts, self.summaries, self.haim, self.images)
        return [stage.key if stage is not None else "" for stage in stages]


def model_stage(run: Run, inputs: Inputs, task: Task) -> Stage:
    """Return the stage that holds a task's models and predictions."""
    settings = run.settings
    decided = settings_hash(task, settings.split, settings.encoder, settings.fusion)
    return run.directory.stage(f"models/{task.id}", run.key("models", *inputs.keys, decided))


def predict_risks(run: Run, people: People, inputs: Inputs, task: Task) -> Stage:
    """Step 3: fit and predict every model on every split; predictions go to ``models/<task>/split-<n>.parquet``."""
    stage = model_stage(run, inputs, task)
    repeats = run.settings.split.repeats
    with run.watch.stage(f"3 predict: {task.title}") as progress:
        for split in range(repeats):
            target = stage.path(f"split-{split}.parquet")
            if not target.exists():
                rows = split_rows(people, task, split)
                folder = stage.path(f"split-{split}")
                write_frame(target, _one_split(run, inputs, task, rows, folder, split, _part(progress, split, repeats)))
            progress(split + 1, repeats)
    return stage


def _part(progress: Progress, split: int, repeats: int) -> Callable[[int, float], Progress]:
    """Return progress bars for parts of one split: the n-th of a given number of models."""

    def of_model(place: int, models: float) -> Progress:
        def tell(done: int, total: int) -> None:
            share = (place + done / max(total, 1)) / models
            progress(round(1000 * (split + min(share, 1.0))), 1000 * repeats)

        return tell

    return of_model


def _one_split(
    run: Run,
    inputs: Inputs,
    task: Task,
    rows: SplitRows,
    folder: Path,
    split: int,
    part: Callable[[int, float], Progress],
) -> pl.DataFrame:
    if rows.too_few:
        if split == 0:
            run.watch.note(f"{task.title}: no model was fitted, since there are {rows.too_few}")
        return pl.DataFrame(schema=PREDICTION_SCHEMA)
    from xhaim.predict.fit import fit

    features = features_of(run, inputs, rows, folder)
    theirs = _haim_features(inputs, rows, features)
    shuffled = _shuffled(rows, run.settings.fusion.seed + split)
    plans: list[tuple[str, Features, NDArray[np.int8], bool]] = [
        ("xhaim", features, rows.labels, True),
        ("xhaim_frozen", features, rows.labels, False),
        ("haim", theirs, rows.labels, False),
        ("haim_no_radiology", _without(theirs, "radiology_notes"), rows.labels, False),
        ("permuted_labels", features, shuffled, False),
    ]
    found = []
    for place, (name, mine, labels, fine_tune) in enumerate(plans):
        model = fit(
            mine, labels, rows.subjects, rows.train, rows.validation, run.settings.encoder, run.settings.fusion,
            fine_tune=fine_tune, folder=folder / name, progress=part(place, len(plans)),
        )  # fmt: skip
        found.append(_predictions(task, name, split, rows, _risks(model, mine)))
    found += [
        _predictions(task, name, split, rows, {"raw": scores})
        for name, scores in baselines.scores(run, inputs.known, inputs.concepts, task, rows).items()
    ]
    return pl.concat(found)


def features_of(run: Run, inputs: Inputs, rows: SplitRows, folder: Path) -> Features:
    """Return xHAIM's features of all labelled samples, the image block as one split's reader reads it."""
    features = assemble(rows.ids, [inputs.numbers, inputs.concepts], inputs.summaries)
    if inputs.images is None:
        return features
    pixels, labels = read_images(inputs.images, rows.ids)
    try:
        logits = _read_images(run, rows, pixels, labels, folder / "image_reader.safetensors")
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


def _haim_features(inputs: Inputs, rows: SplitRows, ours: Features) -> Features:
    """HAIM's blocks, with the same image readings as xHAIM has."""
    theirs = assemble(rows.ids, [inputs.haim], None)
    if "image" not in ours.blocks:
        return theirs
    start, end = ours.blocks["image"]
    return with_block(theirs, "image", ours.names[start:end], np.nan_to_num(ours.values[:, start:end]))


def _without(features: Features, block: str) -> Features:
    start, end = features.blocks[block]
    width = end - start
    kept = {
        name: (a, b) if b <= start else (a - width, b - width)
        for name, (a, b) in features.blocks.items()
        if name != block
    }
    keep = np.r_[0:start, end : features.values.shape[1]]
    return replace(features, values=features.values[:, keep], names=tuple(features.names[i] for i in keep), blocks=kept)


def _shuffled(rows: SplitRows, seed: int) -> NDArray[np.int8]:
    """Labels permuted among the training rows, and among the validation rows: what chance alone would find."""
    rng = np.random.default_rng(seed)
    labels = rows.labels.copy()
    for part in (rows.train, rows.validation):
        labels[part] = rng.permutation(labels[part])
    return labels


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
