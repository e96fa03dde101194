"""The latent risk of simulated samples: what the best possible predictor would say."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from xhaim.run.people import People
from xhaim.source.store import Store
from xhaim.task import Task


def best_possible(store: Store, people: People, tasks: Sequence[Task]) -> pl.DataFrame | None:
    """Return sample_id, task_id, best (probability given the latent state); None where the data is not simulated.

    Read from ``truth/latent.csv`` beside the simulated records, by sample id; never an input of any step.
    """
    path = store.truth / "latent.csv" if store.simulated and store.truth is not None else None
    if path is None or not path.is_file():
        return None
    latent = pl.read_csv(path, schema_overrides={"sample_id": pl.String(), "probability": pl.Float64()})
    return (
        latent.filter(pl.col("task_id").is_in([task.id for task in tasks]))
        .join(people.samples.select("sample_id"), on="sample_id", how="semi")
        .group_by("sample_id", "task_id")
        .agg(pl.col("probability").first().alias("best"))
        .sort("task_id", "sample_id")
    )
