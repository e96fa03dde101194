"""Splits: no subject on two sides, classes in proportion, the same for any order of rows."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.cohort.splits import split
from xhaim.config import SplitSettings


def cohort(n: int, seed: int, positives: float = 0.3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "sample_id": [f"{i:04d}" for i in range(n)],
            "subject_id": rng.integers(0, max(1, n // 2), n),
            "label": (rng.random(n) < positives).astype(np.int8),
        }
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(0, 1000))
def test_no_subject_is_in_two_parts(n, seed):
    people = cohort(n, seed)
    found = split(people, SplitSettings(repeats=2)).join(people, on="sample_id")
    assert found.height == 2 * n
    parts = found.group_by("split", "subject_id").agg(pl.col("part").n_unique())
    assert parts["part"].max() == 1


def test_classes_too_small_to_divide_leave_the_other_parts_empty():
    people = pl.DataFrame({"sample_id": list("abcdefgh"), "subject_id": range(8), "label": [0, 1] * 4})
    found = split(people.with_columns(pl.col("label").cast(pl.Int8)), SplitSettings(repeats=1))
    assert found["part"].to_list() == ["train"] * 8


def test_shares_and_classes():
    people = cohort(1000, 0)
    found = split(people, SplitSettings(repeats=3)).join(people, on="sample_id")
    for part, share in (("test", 0.2), ("validation", 0.16), ("train", 0.64)):
        mine = found.filter(pl.col("part") == part)
        assert abs(mine.height / found.height - share) < 0.02
        assert abs(mine["label"].mean() - people["label"].mean()) < 0.03


def test_more_repeats_leave_the_earlier_ones_and_order_does_not_matter():
    people = cohort(300, 1)
    two, five = split(people, SplitSettings(repeats=2)), split(people, SplitSettings(repeats=5))
    assert five.filter(pl.col("split") < 2).equals(two)
    assert split(people.sample(fraction=1.0, shuffle=True, seed=3), SplitSettings(repeats=2)).equals(two)
    first, second = (two.filter(pl.col("split") == i)["part"].to_list() for i in (0, 1))
    assert first != second
