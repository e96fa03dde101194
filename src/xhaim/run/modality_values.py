"""What each modality is worth to HAIM and to xHAIM: the models of all their combinations, for ``xhaim evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from xhaim.config import EncoderSettings, FusionSettings
from xhaim.evaluate.experiment import Worth
from xhaim.records import Features
from xhaim.run.combinations import (
    HAIM_MODALITIES,
    of_modalities,
    only,
    shapley_values,
    store_combinations,
    there,
)
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.haim_numbers import haim_features
from xhaim.run.models import Inputs, features_of
from xhaim.run.numbers import with_block
from xhaim.run.people import People, SplitRows, split_rows
from xhaim.task import Task

XHAIM_MODALITIES: dict[str, tuple[str, ...]] = {
    "tabular": ("tabular",),
    "time series": ("time_series",),
    "text": ("notes", "cxr", "concepts", "earlier_films"),
    "images": ("image", "earlier_image"),
}
"""The same four of xHAIM; the labels of earlier films are read off their reports, so they are text."""
_NOTHING = Features((), {}, np.zeros((0, 0), np.float32), (), {})


def modality_values(run: Run, people: People, inputs: Inputs, predictions: Stage, task: Task) -> list[Worth]:
    """Fit what the settings name of ``combinations``, as far as it is not there, and say what each modality is worth.

    ``predictions``: the stage of the task's models, which are all there. Of ``haim_sources`` every combination of
    HAIM's sources is fitted, and the mean over those of the same modalities counts. Nothing for a task of which no
    split can be fitted: a note says so.
    """
    splits = tuple(split_rows(people, task, split) for split in range(run.settings.split.repeats))
    fitted = next((split for split, rows in enumerate(splits) if not rows.too_few), None)
    if not run.settings.combinations:
        return []
    if fitted is None:
        run.watch.note(f"{task.title}: no combination of modalities was fitted, since there are {splits[0].too_few}")
        return []
    found = []
    for name in run.settings.combinations:
        load = partial(_load, name, _Source(inputs, predictions, splits))
        modalities = there(XHAIM_MODALITIES if name == "xhaim" else HAIM_MODALITIES, load(run, fitted)[0])
        source_of = {block: modality for modality, blocks in modalities.items() for block in blocks}
        apart = name == "haim_sources"
        players: Mapping[str, Sequence[str]] = {block: (block,) for block in source_of} if apart else modalities
        stage = store_combinations(run, task, name, players, load, haim_trees, predictions.key)
        frame = of_modalities(stage.frame(), source_of if apart else {modality: modality for modality in modalities})
        found.append(Worth(name, stage.frame().height // len(splits), frame, shapley_values(frame, list(modalities))))
    return found


@dataclass(frozen=True, slots=True)
class _Source:
    """What the features of a task's splits are read from."""

    inputs: Inputs
    predictions: Stage
    splits: tuple[SplitRows, ...]


def _load(name: str, source: _Source, run: Run, split: int) -> tuple[Features, SplitRows]:
    rows = source.splits[split]
    if rows.too_few:
        return _NOTHING, rows
    ours = features_of(run, source.inputs, rows, source.predictions.path(f"split-{split}"))
    if name == "xhaim":
        return embedded(ours, run.settings.encoder), rows
    theirs = haim_features(source.inputs.haim, rows.ids, ours)
    known = [block for blocks in HAIM_MODALITIES.values() for block in blocks if block in theirs.blocks]
    return only(theirs, known), rows


def embedded(features: Features, settings: EncoderSettings) -> Features:
    """Return the features with each text as the block of its frozen embedding: nothing is fine-tuned."""
    if not features.texts:
        return features
    found = replace(features, texts={})
    for modality, texts in features.texts.items():
        vectors = _vectors(tuple(texts), settings)
        missing = np.array([[not text] for text in texts], np.float32).reshape(-1, 1)
        names = [f"{modality} summary, dimension {place}" for place in range(vectors.shape[1])]
        block = np.hstack([vectors, missing])
        found = with_block(found, modality, [*names, f"{modality} summary, missing"], block)
    return found


@lru_cache(maxsize=4)
def _vectors(texts: tuple[str, ...], settings: EncoderSettings) -> NDArray[np.float32]:
    """Embed texts once in a process, not once for each combination."""
    from xhaim.predict.encoder import load_encoder
    from xhaim.predict.finetune import pretrained

    base = load_encoder(settings.name, settings.trainable_layers, settings.precision)
    found: NDArray[np.float32] = pretrained(base).embed(texts)[0]
    return found


def haim_trees(features: Features, rows: SplitRows) -> NDArray[np.float64]:
    """Fit XGBoost as HAIM's scripts are set: 200 trees of depth 5, learning rate 0.3, every column seen by every tree.

    They are the first of its grid; to search the whole grid for each of thousands of models is what HAIM spares too.
    """
    from xhaim.predict.trees import learn

    X, train = features.values, np.sort(rows.train)
    one_fold = np.zeros(len(train), np.int64)
    every_column = np.ones(X.shape[1], np.float32)
    found = learn(X[train], rows.labels[train], one_fold, every_column, FusionSettings(grid="haim"))
    return found.member.margins(X)
