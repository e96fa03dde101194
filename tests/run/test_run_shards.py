"""Shards of samples: subjects that follow each other, each sample in one, found again by its id."""

from __future__ import annotations

import itertools
import random

import polars as pl
import pytest

from xhaim.config import RunSettings
from xhaim.run.context import Run


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_shard_holds_neighbours_and_a_sample_is_found_again(size):
    ids = [f"{n}-x" for n in range(20)]
    subjects = random.Random(0).sample(range(1000), 10)
    samples = pl.DataFrame({"sample_id": ids, "subject_id": [subjects[n // 2] for n in range(20)]}).sort("sample_id")
    run = Run(None, None, RunSettings(tasks=("x",), shard_size=size), (), None)  # type: ignore[arg-type]
    shards = list(run.shards(samples))
    assert [index for index, _ in shards] == list(range(len(shards)))
    assert all(shard["sample_id"].is_sorted() and shard.height <= size for _, shard in shards)
    assert pl.concat([shard for _, shard in shards]).sort("sample_id").equals(samples)
    spans = [(shard["subject_id"].min(), shard["subject_id"].max()) for _, shard in shards]
    assert all(high <= low for (_, high), (low, _) in itertools.pairwise(spans))
    for index, shard in shards:
        assert {run.shard_of(samples, one) for one in shard["sample_id"]} == {index}
    mixed = list(run.shards(samples.sample(fraction=1, shuffle=True, seed=1)))
    assert all(one[1].equals(other[1]) for one, other in zip(shards, mixed, strict=True))
