"""HAIM's statistics as published, against a plain loop written from the description, and its known example."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import find_peaks

from xhaim.modality.haim_series import haim_statistics, haim_wide
from xhaim.modality.time_series import HAIM_STATISTICS


def reference(series):
    """get_ts_emb, as described: the appended zero, the order of the file, the slope on the place."""
    s = np.array([v for v in [*series, 0.0] if not np.isnan(v)])
    step = np.diff(s)
    return [
        s.max(),
        s.min(),
        s.mean(),
        s.var(ddof=1),
        step.mean(),
        np.abs(step).mean(),
        np.abs(step).max(),
        np.abs(step).sum(),
        s[-1] - s[0],
        float(len(find_peaks(s)[0])),
        np.polyfit(np.arange(len(s)), s, 1)[0],
    ]


def frame(**series):
    rows = [("s", name, value) for name, values in series.items() for value in values]
    return pl.DataFrame(rows, schema={"sample_id": pl.String, "signal": pl.String, "value": pl.Float64}, orient="row")


def test_the_example_of_the_description():
    row = haim_statistics(frame(hr=[80, 100, 90])).row(0, named=True)
    assert (row["min"], row["mean"], row["last minus first"], row["peaks"]) == (0, 67.5, -80, 1)
    assert row["variance"] == pytest.approx(2091.67, abs=0.01)
    assert row["mean difference"] == pytest.approx(-26.67, abs=0.01)
    assert row["slope"] == pytest.approx(-25)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.integers(-20, 20).map(lambda n: n / 2), min_size=1, max_size=20), min_size=1, max_size=3),
    st.randoms(),
)
def test_against_a_plain_loop(many, random):
    names = [f"x{i}" for i in range(len(many))]
    rows = [(i, name, value) for name, values in zip(names, many, strict=True) for i, value in enumerate(values)]
    mixed = sorted(rows, key=lambda row: (row[0], random.random()))  # signals mixed, each in its own order
    table = pl.DataFrame(
        [("s", name, value) for _, name, value in mixed],
        schema={"sample_id": pl.String, "signal": pl.String, "value": pl.Float64},
        orient="row",
    )
    found = haim_statistics(table)
    assert found["signal"].to_list() == names
    for row, values in zip(found.rows(), many, strict=True):
        assert row[2:] == pytest.approx(reference(values), abs=1e-9)


def test_the_order_of_the_file_counts_and_nothing_is_zero():
    one, other = haim_statistics(frame(hr=[80, 100])), haim_statistics(frame(hr=[100, 80]))
    assert one["last minus first"].item() == -80
    assert other["last minus first"].item() == -100
    wide = haim_wide(one, ["other", "s"], ["hr", "none"])
    assert wide.columns[:2] == ["hr, max", "hr, min"]
    assert wide.shape == (2, 2 * len(HAIM_STATISTICS))
    assert wide.row(0) == (0.0,) * 22
    assert wide["hr, max"].to_list() == [0.0, 100.0]
    assert wide.null_count().sum_horizontal().item() == 0
    assert haim_statistics(frame(hr=[float("nan")])).is_empty()
