"""One tiny run, made once in a process: a model to be applied to patients whom it has not seen."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

from tiny_run import tiny_encoder, tiny_settings, tiny_store

from xhaim.run.pipeline import Results, begin, execute
from xhaim.run.watch import Quiet

TASKS = ("pleural_effusion", "los_48h")
STAYS = 45
FEWEST = 4
"""Of each class in training: a model of so few says nothing, but it is one."""


@contextmanager
def few_are_enough() -> Iterator[None]:
    with (
        patch("xhaim.run.people.MIN_TRAIN", FEWEST),
        patch("xhaim.run.people.MIN_VALIDATION", 1),
        patch("xhaim.predict.image_reader.FEWEST", FEWEST),
    ):
        yield


@cache
def applied_run() -> Results:
    folder = Path(tempfile.mkdtemp(prefix="xhaim-applied-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = tiny_settings(tiny_encoder(folder / "encoder"), shard_size=100)
    fusion = settings.fusion.model_copy(update={"members": ("xgboost:embeddings+values",), "folds": 2})
    few = {"explain": settings.explain.model_copy(update={"samples": 1}), "fusion": fusion, "systems": ("xhaim",)}
    settings = settings.model_copy(update={"tasks": TASKS, **few})
    with few_are_enough():
        return execute(begin(tiny_store(folder, stays=STAYS), settings, folder / "run", Quiet(), workers=1))
