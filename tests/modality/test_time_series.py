"""Statistics of a signal against numpy and scipy, and the same for any order of rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import find_peaks

from xhaim.modality.time_series import STATISTICS, column, statistics, wide

T = datetime(2150, 1, 2, 12)


def series(pairs: list[tuple[float, float]]) -> pl.DataFrame:
    """(hours before t, value) of one signal of one sample."""
    return pl.DataFrame(
        {
            "sample_id": ["s"] * len(pairs),
            "signal": ["lactate"] * len(pairs),
            "time": [T - timedelta(hours=h) for h, _ in pairs],
            "value": [v for _, v in pairs],
            "hours_before": [h for h, _ in pairs],
        },
        schema_overrides={"value": pl.Float64, "hours_before": pl.Float64},
    )


def reference(pairs: list[tuple[float, float]]) -> dict[str, float | None]:
    ordered = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))
    x, y = np.array([-h for h, _ in ordered]), np.array([v for _, v in ordered])
    step = np.diff(y)
    many = len(y) > 1
    return {
        "max": y.max(),
        "min": y.min(),
        "mean": y.mean(),
        "variance": y.var(ddof=1) if many else None,
        "mean difference": step.mean() if many else None,
        "mean absolute difference": np.abs(step).mean() if many else None,
        "largest absolute difference": np.abs(step).max() if many else None,
        "sum of absolute differences": np.abs(step).sum() if many else None,
        "last minus first": y[-1] - y[0] if many else None,
        "peaks": float(len(find_peaks(y)[0])),
        "slope": np.polyfit(x, y, 1)[0] if len(set(x)) > 1 else None,
        "last": y[-1],
        "count": float(len(y)),
        "hours since last": -x[-1],
    }


values = st.tuples(st.integers(0, 96).map(float), st.integers(-40, 40).map(lambda v: v / 4))


@settings(max_examples=150, deadline=None)
@given(st.lists(values, min_size=1, max_size=30))
def test_against_numpy_and_scipy(pairs):
    found = statistics(series(pairs)).row(0, named=True)
    for name, expected in reference(pairs).items():
        if expected is None:
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(expected, abs=1e-8), name
    shuffled = statistics(series(pairs[::-1]))
    assert shuffled.equals(statistics(series(pairs)))


def test_wide_names_columns_in_words_and_keeps_order():
    names, frame = wide(statistics(series([(1.0, 2.0)])), ["other", "s"], ["lactate", "albumin"])
    assert len(names) == 2 * len(STATISTICS)
    assert names[0] == "Lactate, max"
    assert frame[column("lactate", "max")].to_list() == [None, 2.0]
    assert frame[column("albumin", "max")].null_count() == 2
