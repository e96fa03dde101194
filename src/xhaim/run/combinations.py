"""Stage: what each modality is worth. A model for every combination of them, its AUC on the test part, Shapley values.

Of n modalities 2^n - 1 models for each split. ``modality_values`` says of which systems and by which fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.errors import DataError
from xhaim.evaluate.metrics import Score, Unscored, auc
from xhaim.evaluate.shapley import by_modality, every_combination, shapley
from xhaim.records import Features
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.parallel import share
from xhaim.run.people import SplitRows
from xhaim.task import Task

HAIM_MODALITIES: dict[str, tuple[str, ...]] = {
    "tabular": ("demographics",),
    "time series": ("chart", "lab", "procedure"),
    "text": ("ecg_notes", "echo_notes", "radiology_notes"),
    "images": (
        "image",
        "earlier_image",
        "index_image_dense",
        "index_image_readings",
        "all_images_dense",
        "all_images_readings",
    ),
}
"""HAIM's four and the blocks of each, of ``haim_features`` and of ``haim_published_features``."""
COMBINATION_SCHEMA = {
    "split": pl.Int64(),
    "combination": pl.List(pl.String()),
    "auc": pl.Float64(),
    "reason": pl.String(),
}
SHAPLEY_SCHEMA = {"split": pl.Int64(), "modality": pl.String(), "value": pl.Float64(), "reason": pl.String()}

Fit = Callable[[Features, SplitRows], NDArray[np.float64]]
"""Some blocks of all labelled samples, and the rows of a split, to a score of every row; fitted on train alone."""
Load = Callable[[Run, int], tuple[Features, SplitRows]]
"""A split's features without texts, and its rows; a function of a module, or a partial of one."""


def store_combinations(
    run: Run,
    task: Task,
    system: str,
    modalities: Mapping[str, Sequence[str]],
    load: Load,
    fit: Fit,
    upstream: str,
) -> Stage:
    """Write the test AUC of every combination of a system's modalities to ``combinations/<system>/<task>/``.

    ``modalities``: name -> blocks, of which each must be there; ``by_blocks`` and ``there`` make them. ``upstream``:
    the key of all that decides the features and the fit. What is there of an earlier, killed run is not done again.
    """
    key = run.key("combinations", upstream, system, *(f"{name}: {blocks}" for name, blocks in modalities.items()))
    stage = run.task_stage(f"combinations/{system}", task, key)
    every = list(enumerate(every_combination(list(modalities))))
    splits = range(run.settings.split.repeats)
    jobs = [(split, at, some) for split in splits for at, some in every if not _place(stage, split, at).exists()]
    with run.watch.stage(f"combinations of modalities ({system}): {task.title}") as progress:
        share(run, partial(_one, stage, dict(modalities), load, fit), jobs, progress)
    return stage


def there(modalities: Mapping[str, Sequence[str]], features: Features) -> dict[str, tuple[str, ...]]:
    """Return the modalities of which the features have blocks, and those blocks."""
    found = {name: tuple(block for block in blocks if block in features.blocks) for name, blocks in modalities.items()}
    return {name: blocks for name, blocks in found.items() if blocks}


def by_blocks(features: Features) -> dict[str, tuple[str, ...]]:
    """Return every block as a modality of its own, as for xHAIM."""
    return {block: (block,) for block in features.blocks}


def shapley_values(combinations: pl.DataFrame, modalities: Sequence[str]) -> pl.DataFrame:
    """Return the Shapley value of each modality and split, or why there is none: rows of SHAPLEY_SCHEMA.

    ``combinations``: rows of COMBINATION_SCHEMA, all of these modalities, as a stage's frame or ``of_modalities``.
    """
    rows = []
    for (split,), mine in combinations.sort("split").group_by("split", maintain_order=True):
        wanted = mine.select("combination", "auc", "reason")
        scores = {frozenset(some): _score(score, why) for some, score, why in wanted.iter_rows()}
        for modality, value in shapley(scores, modalities).items():
            rows.append((split, modality, *_cells(value)))
    return pl.DataFrame(rows, schema=SHAPLEY_SCHEMA, orient="row")


def of_modalities(combinations: pl.DataFrame, modality: Mapping[str, str]) -> pl.DataFrame:
    """Return the combinations of sources as those of their modalities: the mean AUC over all of exactly these (HAIM).

    ``modality``: source -> modality. Rows of COMBINATION_SCHEMA, by split, small combinations first.
    """
    rows = []
    for (split,), mine in combinations.sort("split").group_by("split", maintain_order=True):
        wanted = mine.select("combination", "auc", "reason")
        scores = {frozenset(some): _score(score, why) for some, score, why in wanted.iter_rows()}
        found = by_modality(scores, modality)
        rows += [
            (split, sorted(some), *_cells(found[some])) for some in sorted(found, key=lambda s: (len(s), sorted(s)))
        ]
    return pl.DataFrame(rows, schema=COMBINATION_SCHEMA, orient="row")


def _one(
    stage: Stage,
    modalities: dict[str, Sequence[str]],
    load: Load,
    fit: Fit,
    run: Run,
    job: tuple[int, int, frozenset[str]],
) -> Sequence[str]:
    split, at, some = job
    features, rows = load(run, split)
    if rows.too_few:
        score: Score = Unscored(rows.too_few)
    else:
        part = only(features, [block for name in modalities if name in some for block in modalities[name]])
        score = auc(rows.labels[rows.test], fit(part, rows)[rows.test])
    row = (split, sorted(some), *_cells(score))
    write_frame(_place(stage, split, at), pl.DataFrame([row], schema=COMBINATION_SCHEMA, orient="row"))
    return run.watch.notes


def only(features: Features, blocks: Sequence[str]) -> Features:
    """Return some numeric blocks of the features, in the features' order. Raises DataError for one that is not there.

    Texts stay behind.
    """
    missing = sorted(set(blocks) - set(features.blocks))
    if missing:
        raise DataError(f"no block {', '.join(missing)}", expected=f"blocks among {', '.join(features.blocks)}")
    found: dict[str, tuple[int, int]] = {}
    places: list[int] = []
    for block, (start, end) in sorted(features.blocks.items(), key=lambda item: item[1]):
        if block in blocks:
            found[block] = (len(places), len(places) + end - start)
            places += range(start, end)
    names = tuple(features.names[place] for place in places)
    return Features(features.sample_ids, {}, features.values[:, places], names, found)


def _place(stage: Stage, split: int, at: int) -> Path:
    return stage.path(f"split-{split}-{at:05d}.parquet")


def _cells(score: Score) -> tuple[float | None, str | None]:
    return (None, score.reason) if isinstance(score, Unscored) else (score, None)


def _score(value: float | None, reason: str | None) -> Score:
    return Unscored(reason or "no reason was kept") if value is None else value
